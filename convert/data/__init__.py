"""Data sets of faces, whatever they are kept in."""

from convert.data.dataset import EMOTIONS, Dataset, Skipped
from convert.data.errors import DataError, MissingDataError
from convert.data.open import open_dataset, open_sized

__all__ = [
    "EMOTIONS",
    "DataError",
    "Dataset",
    "MissingDataError",
    "Skipped",
    "open_dataset",
    "open_sized",
]
