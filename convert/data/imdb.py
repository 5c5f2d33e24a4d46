"""IMDB-WIKI (Rothe et al. 2015): faces of actors with their sex, as `imdb.mat` lists them.

Three masks leave out what cannot be right, as Arriaga et al. 2017 do for their gender model: faces
that the crawler's detector was unsure of, pictures with a second face, and unknown sex.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from convert.data.dataset import Dataset
from convert.data.errors import DataError
from convert.data.pictures import SIZE, Pictures, readable

NAMES = ("imdb.mat", "wiki.mat")
CLASSES = ("woman", "man")  # 0 and 1 in `gender`
MIN_SCORE = 3.0  # of the crawler's detector; -inf: it found no face and took the whole picture
MAX_BYTES = 256 * 1024 * 1024  # imdb.mat lists 460,723 faces in some tens of MB
FIELDS = ("full_path", "gender", "face_score", "second_face_score", "name")
TEST_PART = 10  # one person in so many is in the test split


def _file(path: Path) -> Path | None:
    if path.is_file():
        return path if path.name in NAMES else None
    return next((path / name for name in NAMES if (path / name).is_file()), None)


def is_imdb(path: Path) -> bool:
    """Return whether `path` is IMDB's or WIKI's list, or a folder with it."""
    return _file(path) is not None


def read_imdb(path: Path, size: tuple[int, int] = SIZE) -> Dataset:
    """Read the faces that pass the three masks; people, not pictures, are split.

    Args:
        path: `imdb.mat` or `wiki.mat`, or the folder of cropped faces that it lies in.
        size: height and width of the faces.

    Raises:
        DataError: the list is broken, or no face passes.
    """
    file = _file(path)
    if file is None:
        raise DataError(path, f"no {' or '.join(NAMES)} in it")
    table = _table(file)
    gender = table["gender"].astype(np.float64)
    score = table["face_score"].astype(np.float64)
    second = table["second_face_score"].astype(np.float64)
    keep = np.flatnonzero((score > MIN_SCORE) & np.isnan(second) & np.isin(gender, (0.0, 1.0)))
    if not len(keep):
        raise DataError(file, f"none of {len(gender)} faces passes the masks of score, second face "
                        "and sex")  # fmt: skip
    names = [_text(file, table["full_path"][i]) for i in keep]
    people = [_text(file, table["name"][i], empty=True) for i in keep]
    files = [_inside(file, name) for name in names]
    good, skipped = readable(files, size)
    return Dataset(
        classes=CLASSES,
        names=tuple(names[i] for i in good),
        splits=tuple(_split(people[i] or names[i]) for i in good),
        size=size,
        loader=Pictures([files[i] for i in good], size),
        labels=np.array([int(gender[keep[i]]) for i in good], np.int64),
        groups=tuple(people[i] for i in good),
        skipped=skipped,
        source=str(path),
    )


def _table(file: Path) -> dict[str, Any]:
    """Return the fields of the list, N values each."""
    from scipy.io import loadmat

    try:
        if file.stat().st_size > MAX_BYTES:
            raise DataError(file, f"{file.stat().st_size} bytes; allowed: up to {MAX_BYTES}")
        content = loadmat(file, squeeze_me=False, variable_names=[file.stem])
        record = content[file.stem][0, 0]
        table = {name: np.asarray(record[name]).reshape(-1) for name in FIELDS}
    except DataError:
        raise
    except Exception as e:  # SciPy raises nearly everything for a file that is cut short
        raise DataError(
            file, f"not IMDB's list, with {', '.join(FIELDS)}: {type(e).__name__} {e}"
        ) from e
    lengths = {name: len(values) for name, values in table.items()}
    numbers = [table[name].dtype.kind in "fiu" for name in FIELDS[1:4]]
    if len(set(lengths.values())) != 1 or not all(numbers):
        raise DataError(file, f"its fields do not fit each other: {lengths}")
    return table


def _text(file: Path, cell: Any, *, empty: bool = False) -> str:
    """Return the text of a cell, which SciPy gives as an array of one."""
    value = np.asarray(cell).reshape(-1)
    if empty and not value.size:
        return ""
    if value.size != 1 or value.dtype.kind not in "US":
        raise DataError(file, f"full_path or name: got {cell!r}; allowed: a text")
    return str(value[0])


def _inside(file: Path, name: str) -> Path:
    """Return the picture's path; it may not lead out of the folder."""
    if "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise DataError(file, f"full_path: got {name!r}; allowed: a file below its folder")
    return file.parent / name


def _split(person: str) -> str:
    return "test" if zlib.crc32(person.encode()) % TEST_PART == 0 else "train"
