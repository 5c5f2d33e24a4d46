"""Faces that nobody labelled: what a network learns of them is what its teachers say.

They cost nothing to collect, come from where a model will be used, and keep a student from learning
by heart what its teachers learnt by heart (Xie et al. 2020, "Noisy student").
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from convert.data.dataset import Faces
from convert.data.errors import DataError, MissingDataError
from convert.data.found import FoundFace
from convert.data.pictures import SUFFIXES, decode
from convert.detector.photos import SURE, Photo, load_photos, sources_of, split
from convert.train.prepare import Part
from edge.config import Config
from edge.crop import crop_for
from edge.geometry import Box
from edge.model.manifest import InputSpec

ARCHIVE = ".npz"
LEAST = Config().classify.min_face_px  # pixels: the daemon scores none smaller


def read_unlabelled(paths: Sequence[Path], size: tuple[int, int]) -> Faces:
    """Return the faces of folders of pictures and archives of photographs, cut as the device does.

    Args:
        paths: a folder has the largest face of each picture in it, and in the folders below, found
            by the shipped detector; a `.npz` as `load_photos` reads it has its own boxes, and its
            held-out photographs stay held out; narrower faces than `LEAST` are left out.
        size: height and width of a face.

    Returns:
        (n, height, width) luma.

    Raises:
        EdgeError: one of them is missing or broken, or has no face.
    """
    spec = InputSpec(width=size[1], height=size[0])
    found = []
    for path in paths:
        if not path.exists():
            raise MissingDataError(path, "no such file or folder")
        faces = _of_archive(path, spec) if path.suffix == ARCHIVE else _of_folder(path, spec)
        if not faces:
            raise DataError(path, "no face in it that could be learnt from")
        found += faces
    return np.stack(found)


def origins(paths: Sequence[Path]) -> dict[str, Any]:
    """Return what a record says of them: names, and the sources that archives name."""
    if not paths:
        return {}
    return {
        "unlabelled_from": [
            {"name": p.name, **({"sources": sources_of(p)} if p.suffix == ARCHIVE else {})}
            for p in paths
        ]
    }


def with_unlabelled(part: Part, faces: Faces) -> Part:
    """Return a part with more faces at its end that have no target, and weigh as others do."""
    n, classes = len(faces), part.targets.shape[1]
    return replace(
        part,
        faces=np.concatenate([part.faces, faces]),
        targets=np.concatenate([part.targets, np.zeros((n, classes), np.float32)]),
        weights=np.concatenate([part.weights, np.ones(n, np.float32)]),
        truth=np.concatenate([part.truth, np.full(n, -1, np.int64)]),
        distribution=None,
    )


def _of_folder(folder: Path, spec: InputSpec) -> list[Faces]:
    cut, size = FoundFace(spec), (spec.height, spec.width)
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    found: list[Faces] = []
    for path in paths:
        try:
            found.append(decode(path, size, cut))
        except DataError as e:
            print(f"skipped {path}: {e.reason}", file=sys.stderr)
    return found


def _of_archive(path: Path, spec: InputSpec) -> list[Faces]:
    train, _ = split(load_photos(path))
    return [face for photo in train for face in _faces(photo, spec)]


def _faces(photo: Photo, spec: InputSpec) -> list[Faces]:
    found = []
    rows, columns = photo.luma.shape
    for face in photo.faces[photo.faces[:, 14] >= SURE]:
        box = Box(*(float(v) for v in face[:4]))
        x, y = box.centre
        if box.width >= LEAST and 0 <= x < columns and 0 <= y < rows:
            landmarks = tuple((float(u), float(v)) for u, v in face[4:14].reshape(5, 2))
            found.append(crop_for(spec, photo.luma, box, landmarks))
    return found
