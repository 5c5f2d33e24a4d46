"""Photographs with the faces that a teacher found in them, and which of them are held out."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError, NoInputError

Luma = NDArray[np.uint8]
FACE_VALUES = 15  # x, y, width, height, five landmarks (x, y), the teacher's score
SURE = 0.72  # teacher's score under which its face is neither a face nor none
HELD_OUT = 16  # one in so many people, or photographs, is kept for judging
KEPT_SOURCES = ("pacs", "pacs_drawn", "masks_chandrika")
"""Sources that no training sees at all: animals and drawings, masks."""
BY_PERSON = ("youtube", "youtube_more")
"""Sources whose files are named after people."""


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Photo:
    """One grey photograph and its faces, (n, 15): see `FACE_VALUES`. Pixels of the photograph."""

    name: str
    luma: Luma
    faces: NDArray[np.float32]
    source: str = ""  # of the archive's sources, or the archive's own name
    kind: str = ""  # what it shows, where the archive says so


def load_photos(path: Path) -> list[Photo]:
    """Read an archive of grey pictures with the faces a teacher found in them.

    The archive is a NumPy `.npz` with `jpeg` (all files end to end, uint8; JPEG or WebP), `offsets`
    (n + 1), `names` (n) and `faces` (m, 16): the picture's index, then the values of `Photo.faces`.
    It may have `source` and `kind` (n) with their names in `sources` and `kinds`. With `ignore` (k,
    5: index, x, y, width, height), places that are neither faces nor background, the faces
    themselves were agreed on by several looks and count as sure; the places become faces of score
    0.

    Raises:
        NoInputError: there is no such file.
        ConfigError: it lacks a part, or a picture cannot be decoded.
    """
    if not path.is_file():
        raise NoInputError(f"{path}: no such file")
    try:
        with np.load(path, allow_pickle=False) as archive:
            jpeg, offsets, names, faces = (
                archive[key] for key in ("jpeg", "offsets", "names", "faces")
            )
            more = {
                key: archive[key]
                for key in ("ignore", "source", "sources", "kind", "kinds")
                if key in archive
            }
    except (KeyError, ValueError, zipfile.BadZipFile, zlib.error, EOFError) as e:
        raise ConfigError(f"{path}: not an archive of photographs with faces: {e}") from e
    if faces.ndim != 2 or faces.shape[1] != FACE_VALUES + 1 or len(offsets) != len(names) + 1:
        raise ConfigError(
            f"{path}: faces {faces.shape}, {len(offsets)} offsets for {len(names)} names; "
            f"allowed: (n, {FACE_VALUES + 1}) and one offset more than names"
        )
    faces = faces.astype(np.float32)
    if "ignore" in more and len(faces):  # of a picture without faces, all such places are false
        faces[:, -1] = np.maximum(faces[:, -1], SURE)
        faces = np.concatenate([faces, _unsure(more["ignore"])])
    order = np.argsort(faces[:, 0], kind="stable")
    faces = faces[order]
    ends = np.searchsorted(faces[:, 0], np.arange(len(names) + 1))
    photos = []
    for i, name in enumerate(names):
        luma = cv2.imdecode(jpeg[offsets[i] : offsets[i + 1]], cv2.IMREAD_GRAYSCALE)
        if luma is None:
            raise ConfigError(f"{path}: {name}: not a picture that can be decoded")
        photos.append(
            Photo(
                str(name),
                luma.astype(np.uint8, copy=False),
                faces[ends[i] : ends[i + 1], 1:],
                _name(more, "source", i) or path.stem,
                _name(more, "kind", i) or path.stem,
            )
        )
    return photos


def sources_of(path: Path) -> list[dict[str, str]]:
    """Return where the pictures of an archive are from: name, origin, licence, what they show.

    An archive that does not say is one source, named after its file.
    """
    with np.load(path, allow_pickle=False) as archive:
        if "sources" not in archive or "source" not in archive:
            return [{"name": path.stem, "pictures": str(len(archive["names"]))}]
        counts = np.bincount(archive["source"], minlength=len(archive["sources"]))
        rows = [str(text).split(" | ") for text in archive["sources"]]
    return [
        {
            "name": row[0],
            "origin": row[1] if len(row) > 1 else "",
            "licence": row[-2] if len(row) > 3 else "",
            "shows": row[-1] if len(row) > 2 else "",
            "pictures": str(count),
            **({"held_out": "all"} if row[0] in KEPT_SOURCES else {}),
        }
        for row, count in zip(rows, counts.tolist(), strict=True)
        if count
    ]


def _unsure(places: NDArray[np.float32]) -> NDArray[np.float32]:
    rows = np.full((len(places), FACE_VALUES + 1), np.nan, np.float32)
    rows[:, :5] = places
    rows[:, -1] = 0
    return rows


def _name(more: dict[str, NDArray[np.generic]], key: str, index: int) -> str:
    """Return the short name of a picture's source or kind: a source's ends at the first bar."""
    if key not in more or f"{key}s" not in more:
        return ""
    names = more[f"{key}s"]
    return str(names[int(more[key][index])]).split(" | ")[0].split(",")[0]


def person(photo: Photo) -> str:
    """Return whom a photograph shows, so that nobody of an archive is on both sides.

    `Given_Name_0001.jpg` says so; in archives of many sources only those with names of people do.
    """
    if photo.source in BY_PERSON or photo.source == photo.kind:
        return photo.name.rsplit("/", 1)[-1].rsplit(".", 1)[0].rsplit("_", 1)[0]
    return photo.name


def split(
    photos: Sequence[Photo], kept: Iterable[str] = KEPT_SOURCES
) -> tuple[list[Photo], list[Photo]]:
    """Return (to train on, held out), by whom they show; the same split in every run.

    Args:
        photos: of one archive.
        kept: sources of which every photograph is held out.
    """
    order = {who: k for k, who in enumerate(sorted({person(p) for p in photos}))}
    whole = set(kept)
    held = [order[person(p)] % HELD_OUT == 0 or p.source in whole for p in photos]
    return (
        [p for p, h in zip(photos, held, strict=True) if not h],
        [p for p, h in zip(photos, held, strict=True) if h],
    )
