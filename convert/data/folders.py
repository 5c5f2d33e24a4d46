"""Pictures in folders named after classes: `<split>/<class>/*.jpg`, or `<class>/*.jpg`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from convert.data.dataset import EMOTIONS, Dataset, Skipped
from convert.data.errors import DataError, MissingDataError
from convert.data.names import class_name
from convert.data.pictures import SIZE, SUFFIXES, Cut, Pictures, readable

# What people call the splits, and ours.
SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}


def in_order(found: set[str]) -> tuple[str, ...]:
    """Return class names in label order: FER2013's where all are emotions, else sorted."""
    if found <= set(EMOTIONS):
        return tuple(e for e in EMOTIONS if e in found)
    return tuple(sorted(found))


# What systems leave in folders of pictures.
LITTER = ("thumbs.db", "desktop.ini")


def _pictures(folder: Path) -> list[Path]:
    return _sorted_out(folder)[0]


def _sorted_out(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the pictures below a folder, by their names, and what else people put there."""
    pictures, others = [], []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            pictures.append(path)
        elif not (path.name.startswith(".") or path.name.lower() in LITTER or path.is_dir()):
            others.append(path)
    return pictures, others


def _left_out(folder: Path, root: Path, pictures: list[Path], others: list[Path]) -> list[Skipped]:
    """Return why a class folder's other files are none of the data, or the whole folder is not."""
    allowed = f"allowed: {', '.join(SUFFIXES)}"
    if not pictures:
        what = f"no pictures in this class folder (other files: {len(others)}); {allowed}"
        return [Skipped(str(folder.relative_to(root)), what)]
    return [
        Skipped(
            str(path.relative_to(root)),
            "no regular file" if path.suffix.lower() in SUFFIXES else f"not a picture; {allowed}",
        )
        for path in others
    ]


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def is_folders(path: Path) -> bool:
    """Return whether `path` is a folder with folders of pictures."""
    return path.is_dir() and any(_pictures(p) for p in _folders(path))


def read_folders(path: Path, size: tuple[int, int] = SIZE, cut: Cut | None = None) -> Dataset:
    """Read pictures sorted into folders; any classes, any number of them.

    Without split folders all faces are in `train`. Pictures are resized to `size`. One that
    cannot be read is skipped and listed in the data set's `skipped`, as is what is called anything
    else than a picture, and a class folder without any.

    Raises:
        DataError: there are no pictures, or split folders lie beside class folders.
        MissingDataError: the folder is not there.
    """
    if not path.is_dir():
        raise MissingDataError(path, "no such folder")
    below = _folders(path)
    split_folders = [p for p in below if p.name.lower() in SPLITS]
    if split_folders and len(split_folders) != len(below):
        other = next(p.name for p in below if p not in split_folders)
        raise DataError(path, f"folder {other!r} lies beside split folders; allowed: either kind")
    files: list[Path] = []
    splits: list[str] = []
    kinds: list[str] = []
    left_out: list[Skipped] = []
    for split_folder in split_folders or [path]:
        split = SPLITS[split_folder.name.lower()] if split_folders else "train"
        for class_folder in _folders(split_folder):
            found, others = _sorted_out(class_folder)
            left_out += _left_out(class_folder, path, found, others)
            files += found
            splits += [split] * len(found)
            kinds += [class_name(class_folder.name)] * len(found)
    if not files:
        raise DataError(path, f"no pictures in class folders; allowed: {', '.join(SUFFIXES)}")
    classes = in_order(set(kinds))
    good, skipped = readable(files, size, cut)
    return Dataset(
        classes=classes,
        names=tuple(str(files[i].relative_to(path)) for i in good),
        splits=tuple(splits[i] for i in good),
        size=size,
        loader=Pictures([files[i] for i in good], size, cut),
        labels=np.array([classes.index(kinds[i]) for i in good], np.int64),
        skipped=(*skipped, *left_out),
        source=str(path),
    )
