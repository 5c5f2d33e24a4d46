"""A CSV table of picture paths and labels: `path,label`, optionally `split` and attributes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from convert.data.dataset import Dataset
from convert.data.errors import DataError
from convert.data.folders import SPLITS, in_order
from convert.data.names import class_name
from convert.data.pictures import SIZE, Cut, Pictures, readable
from convert.data.tables import header_of, one_of, rows_of

COLUMNS = ("path", "label")
PERSON = "person"  # column of whom a picture shows


def is_listing(path: Path) -> bool:
    """Return whether `path` is a table with the columns `path` and `label`."""
    return path.is_file() and set(COLUMNS) <= set(header_of(path))


def read_listing(path: Path, size: tuple[int, int] = SIZE, cut: Cut | None = None) -> Dataset:
    """Read the faces listed in a table; paths are relative to it, or absolute.

    `split` is optional (without it all are in `train`); every other column becomes an attribute,
    and `person` says besides who is shown, so that nobody is both learnt from and held out.
    A picture that is missing or broken is skipped and listed; a broken row stops.

    Raises:
        DataError: the table is broken; file, line and reason are named.
        MissingDataError: the table is not there.
    """
    files: list[Path] = []
    names: list[str] = []
    kinds: list[str] = []
    splits: list[str] = []
    extra = [c for c in header_of(path) if c and c not in (*COLUMNS, "split")]
    values: dict[str, list[str]] = {c: [] for c in extra}
    for line, row in rows_of(path, COLUMNS):
        for column in COLUMNS:
            if not row[column]:
                raise DataError(path, f"{column}: empty; allowed: a value", line=line)
        if "\0" in row["path"]:
            raise DataError(path, "path: holds a NUL; allowed: a file's name", line=line)
        names.append(row["path"])
        files.append(path.parent / row["path"])
        kinds.append(class_name(row["label"]))
        split = row.get("split", "train").lower()
        splits.append(SPLITS[one_of(split, "split", tuple(SPLITS), path, line)])
        for column in extra:
            values[column].append(row[column])
    if not files:
        raise DataError(path, "no faces in it", line=1)
    classes = in_order(set(kinds))
    good, skipped = readable(files, size, cut)
    return Dataset(
        classes=classes,
        names=tuple(names[i] for i in good),
        splits=tuple(splits[i] for i in good),
        size=size,
        loader=Pictures([files[i] for i in good], size, cut),
        labels=np.array([classes.index(kinds[i]) for i in good], np.int64),
        groups=tuple(values[PERSON][i] for i in good) if PERSON in values else None,
        attributes={c: tuple(v[i] for i in good) for c, v in values.items()},
        skipped=skipped,
        source=str(path),
    )
