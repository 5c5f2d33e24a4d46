"""FER2013 as Kaggle ships it (`emotion,pixels,Usage`), with FER+ votes where they lie beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from convert.data.dataset import EMOTIONS, Dataset, Faces, Indices
from convert.data.errors import DataError
from convert.data.ferplus import VOTES_FILE, read_votes
from convert.data.tables import header_of, one_of, rows_of, whole_number

COLUMNS = ("emotion", "pixels", "Usage")
SIDE = 48  # pixels
USAGES = {"Training": "train", "PublicTest": "public_test", "PrivateTest": "private_test"}


def is_kaggle(path: Path) -> bool:
    """Return whether `path` is such a table, or a folder with `fer2013.csv` in it."""
    table = path / "fer2013.csv" if path.is_dir() else path
    return table.is_file() and set(COLUMNS) <= set(header_of(table))


def _face(text: str, path: Path, line: int) -> Faces:
    try:
        values = np.array(text.split(), dtype=np.int64)
    except (ValueError, OverflowError):
        raise DataError(path, "pixels: not all are whole numbers", line=line) from None
    if values.size != SIDE * SIDE:
        reason = f"pixels: got {values.size} numbers; allowed: {SIDE * SIDE}"
        raise DataError(path, reason, line=line)
    if values.min() < 0 or values.max() > 255:
        wrong = values[(values < 0) | (values > 255)][0]
        raise DataError(path, f"pixels: got {wrong}; allowed: 0 to 255", line=line)
    return values.astype(np.uint8).reshape(SIDE, SIDE)


def read_kaggle(path: Path, votes: Path | None = None) -> Dataset:
    """Read FER2013's table, and the raters' votes from `votes` or `fer2013new.csv` beside it.

    Raises:
        DataError: a table is broken; file, line and reason are named.
        MissingDataError: a table is not there.
    """
    table = path / "fer2013.csv" if path.is_dir() else path
    faces: list[Faces] = []
    labels: list[int] = []
    usages: list[str] = []
    for line, row in rows_of(table, COLUMNS):
        labels.append(whole_number(row["emotion"], "emotion", table, line, most=6))
        usages.append(one_of(row["Usage"], "Usage", tuple(USAGES), table, line))
        faces.append(_face(row["pixels"], table, line))
    if not faces:
        raise DataError(table, "no faces in it", line=1)
    pixels = np.stack(faces)

    def load(indices: Indices) -> Faces:
        return pixels[indices]

    beside = table.with_name(VOTES_FILE) if votes is None else votes
    counts, real = None, np.ones(len(faces), bool)
    if votes is not None or beside.is_file():
        counts, real = read_votes(beside, usages)
    data = Dataset(
        classes=EMOTIONS,
        names=tuple(f"fer{i:07d}.png" for i in range(len(faces))),  # FER+ names them so
        splits=tuple(USAGES[u] for u in usages),
        size=(SIDE, SIDE),
        loader=load,
        labels=np.asarray(labels, np.int64),
        votes=counts,
        source=str(path),
    )
    return data if real.all() else data.select(np.flatnonzero(real))
