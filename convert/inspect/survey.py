"""Looks a data set over: counts, duplicates, and faces that show nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.crops import Faces
from convert.data import Dataset
from convert.data.pictures import Pictures
from convert.inspect.checks import TINY, Groups, Light, difference_hashes, identical, light, near


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What was found in a data set of n faces."""

    data: Dataset
    faces: Faces
    identical: Groups
    near: Groups  # without the groups whose faces are all identical
    light: Light
    tiny: NDArray[np.intp]
    conflicts: tuple[tuple[int, ...], ...]  # identical faces with different labels


def survey(data: Dataset) -> Survey:
    """Decode every face once and check it."""
    faces = data.faces()
    same = identical(faces)
    twin = {i: g[0] for g in same.groups for i in g}
    close = near(difference_hashes(faces))
    distinct = tuple(g for g in close.groups if len({twin.get(i, i) for i in g}) > 1)
    labels = data.labels
    conflicts: tuple[tuple[int, ...], ...] = ()
    if labels is not None:
        conflicts = tuple(g for g in same.groups if len({int(labels[i]) for i in g}) > 1)
    return Survey(data, faces, same, Groups(distinct), light(faces), _tiny(data), conflicts)


def _tiny(data: Dataset) -> NDArray[np.intp]:
    """Return the faces whose picture file has a side below `TINY` pixels."""
    if not isinstance(data.loader, Pictures):
        return np.array([], np.intp)
    small = []
    for i, path in enumerate(data.loader.paths):
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE)
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
        "near_groups": len(found.near.groups),
        "near_across_splits": len(found.near.across(data.splits)),
        "blank": len(found.light.blank),
        "dark": len(found.light.dark),
        "bright": len(found.light.bright),
        "tiny": len(found.tiny),
    }
