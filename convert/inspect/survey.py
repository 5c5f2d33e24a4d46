"""Looks a data set over: counts, duplicates, and faces that show nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.data import Dataset
from convert.data.errors import DataError
from convert.data.pictures import Pictures, read_bounded
from convert.inspect.checks import (
    TINY,
    Groups,
    Light,
    difference_hashes,
    digests,
    flipped,
    light_of,
    near,
    same,
)
from convert.train.progress import Progress

CHUNK = 1024  # faces decoded at a time: what is kept of each is a few numbers


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What was found in a data set of n faces."""

    data: Dataset
    identical: Groups
    flipped: Groups  # with mirror images among them
    near: Groups  # without the groups whose faces are all identical
    light: Light
    tiny: NDArray[np.intp]
    conflicts: tuple[tuple[int, ...], ...]  # identical faces with different labels


def survey(data: Dataset, progress: Progress | None = None) -> Survey:
    """Decode every face once, some at a time, and check it."""
    own: list[bytes] = []
    either: list[bytes] = []
    hashes, mean, contrast = [], [], []
    for start in range(0, len(data), CHUNK):
        faces = data.faces(np.arange(start, min(start + CHUNK, len(data))))
        for keys, new in zip((own, either), digests(faces), strict=True):
            keys += new
        hashes.append(difference_hashes(faces))
        flat = faces.reshape(len(faces), -1)
        mean.append(flat.mean(axis=1))
        contrast.append(flat.std(axis=1))
        if progress is not None:
            progress.step(len(own), f"{len(own)} of {len(data)} faces")
    found = same(own)
    twin = {i: g[0] for g in found.groups for i in g}
    close = near(np.concatenate(hashes) if hashes else np.array([], np.uint64))
    distinct = tuple(g for g in close.groups if len({twin.get(i, i) for i in g}) > 1)
    labels = data.labels
    conflicts: tuple[tuple[int, ...], ...] = ()
    if labels is not None:
        conflicts = tuple(g for g in found.groups if len({int(labels[i]) for i in g}) > 1)
    return Survey(
        data,
        found,
        flipped(own, either),
        Groups(distinct),
        light_of(np.concatenate(mean or [[]]), np.concatenate(contrast or [[]])),
        _tiny(data),
        conflicts,
    )


def _tiny(data: Dataset) -> NDArray[np.intp]:
    """Return the faces whose picture file has a side below `TINY` pixels."""
    if not isinstance(data.loader, Pictures):
        return np.array([], np.intp)
    small = []
    for i, path in enumerate(data.loader.paths):
        try:
            picture = cv2.imdecode(read_bounded(path), cv2.IMREAD_GRAYSCALE)
        except (DataError, cv2.error):
            continue
        if picture is not None and min(picture.shape[:2]) < TINY:
            small.append(i)
    return np.array(small, np.intp)


def class_counts(data: Dataset) -> dict[str, dict[str, int]]:
    """Return how many faces of each class every split has; `(no label)` where there is none."""
    splits = np.asarray(data.splits, dtype=object)
    out: dict[str, dict[str, int]] = {}
    labels = np.full(len(data), -1) if data.labels is None else data.labels
    for name in data.split_counts():
        here = labels[splits == name]
        out[name] = {c: int((here == k).sum()) for k, c in enumerate(data.classes)}
        if (here < 0).any():
            out[name]["(no label)"] = int((here < 0).sum())
    return out


def summary(found: Survey) -> dict[str, Any]:
    """Return the counts as plain values."""
    data = found.data
    return {
        "faces": len(data),
        "size": f"{data.size[1]}x{data.size[0]}",
        "classes": list(data.classes),
        "splits": class_counts(data),
        "raters": data.votes is not None,
        "groups": {k: len(set(v)) for k, v in data.attributes.items()},
        "skipped": [{"file": s.file, "reason": s.reason} for s in data.skipped],
        "identical_groups": len(found.identical.groups),
        "identical_surplus": found.identical.surplus,
        "identical_across_splits": len(found.identical.across(data.splits)),
        "identical_with_other_label": len(found.conflicts),
        "flipped_groups": len(found.flipped.groups),
        "flipped_across_splits": len(found.flipped.across(data.splits)),
        "near_groups": len(found.near.groups),
        "near_across_splits": len(found.near.across(data.splits)),
        "blank": len(found.light.blank),
        "dark": len(found.light.dark),
        "bright": len(found.light.bright),
        "tiny": len(found.tiny),
    }
