"""Photographs with boxes and landmarks, decoded once into memory."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError, NoInputError

Luma = NDArray[np.uint8]
FACE_VALUES = 15  # x, y, width, height, five landmarks (x, y), the teacher's score
HELD_OUT = 16  # one in so many people, or photographs, is kept for judging


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Photo:
    """One grey photograph and its faces, (n, 15): see `FACE_VALUES`. Pixels of the photograph."""

    name: str
    luma: Luma
    faces: NDArray[np.float32]


def load_photos(path: Path) -> list[Photo]:
    """Read an archive of grey JPEG files with the faces a teacher found in them.

    The archive is a NumPy `.npz` with `jpeg` (all files end to end, uint8), `offsets` (n + 1),
    `names` (n) and `faces` (m, 16): the image's index, then the values of `Photo.faces`.

    Raises:
        NoInputError: there is no such file.
        ConfigError: it lacks a part, or a photograph cannot be decoded.
    """
    if not path.is_file():
        raise NoInputError(f"{path}: no such file")
    try:
        with np.load(path, allow_pickle=False) as archive:
            jpeg, offsets, names, faces = (
                archive[key] for key in ("jpeg", "offsets", "names", "faces")
            )
    except (KeyError, ValueError, zipfile.BadZipFile, EOFError) as e:
        raise ConfigError(f"{path}: not an archive of photographs with faces: {e}") from e
    if faces.ndim != 2 or faces.shape[1] != FACE_VALUES + 1 or len(offsets) != len(names) + 1:
        raise ConfigError(
            f"{path}: faces {faces.shape}, {len(offsets)} offsets for {len(names)} names; "
            f"allowed: (n, {FACE_VALUES + 1}) and one offset more than names"
        )
    owner = faces[:, 0].astype(int)
    photos = []
    for i, name in enumerate(names):
        luma = cv2.imdecode(jpeg[offsets[i] : offsets[i + 1]], cv2.IMREAD_GRAYSCALE)
        if luma is None:
            raise ConfigError(f"{path}: {name}: not a JPEG that can be decoded")
        photos.append(Photo(str(name), luma.astype(np.uint8, copy=False), faces[owner == i, 1:]))
    return photos


def person(name: str) -> str:
    """Return whom a photograph `Given_Name_0001.jpg` shows, so that nobody is on both sides."""
    return name.rsplit(".", 1)[0].rsplit("_", 1)[0]


def split(photos: Sequence[Photo]) -> tuple[list[Photo], list[Photo]]:
    """Return (to train on, held out), by whom they show; the same split in every run."""
    order = {who: k for k, who in enumerate(sorted({person(p.name) for p in photos}))}
    held = [order[person(p.name)] % HELD_OUT == 0 for p in photos]
    return (
        [p for p, h in zip(photos, held, strict=True) if not h],
        [p for p, h in zip(photos, held, strict=True) if h],
    )
