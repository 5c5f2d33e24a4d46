"""Opens a data set by what is there, so that a user names only where it lies."""

from __future__ import annotations

from pathlib import Path

from convert.data.dataset import Dataset
from convert.data.errors import DataError, MissingDataError
from convert.data.folders import is_folders, read_folders
from convert.data.imdb import is_imdb, read_imdb
from convert.data.kaggle import is_kaggle, read_kaggle
from convert.data.kdef import is_kdef, read_kdef
from convert.data.listing import is_listing, read_listing
from convert.data.mosaic import is_mosaic, read_mosaic
from convert.data.pictures import SIZE, Cut

KNOWN = (
    "FER2013's mosaics (labels.csv with file,tile,name,split,label), "
    "FER2013's table (emotion,pixels,Usage), a table with path,label, "
    "KDEF's pictures, IMDB's list (imdb.mat, wiki.mat), or folders of pictures named after classes"
)


def open_sized(path: Path, size: tuple[int, int]) -> Dataset:
    """Return the data set at `path` with every face at `size`, whatever it is kept in.

    Raises:
        DataError: it is of no known kind, or broken.
        MissingDataError: nothing is there.
    """
    data = open_dataset(path, size)
    return data if data.size == size else data.resized(size)


def open_dataset(path: Path, size: tuple[int, int] = SIZE, cut: Cut | None = None) -> Dataset:
    """Return the data set at `path`, whatever kind it is.

    Args:
        path: a folder or a CSV table.
        size: height and width that picture files are resized to; FER2013 stays 48x48.
        cut: what to take of a picture file; None: its middle.

    Raises:
        DataError: it is of no known kind, or broken; or `cut` is given and it has no pictures,
            only faces that were cut out before.
        MissingDataError: nothing is there.
    """
    if not path.exists():
        raise MissingDataError(path, "no such file or folder")
    if cut is not None and (is_imdb(path) or is_mosaic(path) or is_kaggle(path)):
        raise DataError(path, "its faces are cut out already: there is nothing to find")
    if is_imdb(path):
        return read_imdb(path, size)
    if is_mosaic(path):
        return read_mosaic(path)
    if is_kaggle(path):
        return read_kaggle(path)
    if is_listing(path):
        return read_listing(path, size, cut)
    if is_kdef(path):
        return read_kdef(path, size, cut)
    if is_folders(path):
        return read_folders(path, size, cut)
    raise DataError(path, f"no data set in it; allowed: {KNOWN}")
