"""Which training faces are held out to choose by: people where the data knows them, else faces."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.data.dataset import Dataset

FACE, PERSON, SPLIT = "face", "person", "split"  # `held_out_by` in a record


def held_out_by(groups: Sequence[str] | None) -> str:
    """Return what is held out of faces of these people: of one alone, nobody can be."""
    return FACE if groups is None or len(set(groups)) < 2 else PERSON


def hold_out(
    keys: Sequence[bytes], groups: Sequence[str] | None, fraction: float
) -> NDArray[np.bool_]:
    """Return which faces to choose by, whatever their order.

    Faces of one person are on one side, and so are identical faces of nobody known. People are
    counted, not left to chance as faces are: KDEF has 56 to train on. One at least is on each side.

    Args:
        keys: digests of the faces' pixels.
        groups: who each of them shows, `""` where nobody knows, or None.
        fraction: of all people, and of the faces of nobody known.
    """
    if groups is None or held_out_by(groups) == FACE:
        return np.array([_rank(key) < fraction for key in keys], bool)
    people = sorted({name for name in groups if name}, key=_digest)
    count = min(max(round(fraction * len(people)), 1), len(people) - 1)
    chosen = set(people[:count])
    return np.array(
        [g in chosen if g else _rank(k) < fraction for k, g in zip(keys, groups, strict=True)], bool
    )


def as_trained(data: Dataset, record: Mapping[str, Any]) -> Dataset:
    """Return the data such that the same faces are held out as in a training.

    A record that does not say what was held out is of a version that knew no people.

    Args:
        data: as the training had it.
        record: of the training, empty where there is none.
    """
    about = record.get("data")
    by = about.get("held_out_by", FACE) if isinstance(about, dict) else FACE
    return replace(data, groups=None) if record and by != PERSON else data


def _rank(digest: bytes) -> float:
    """Return a number from 0 to below 1 that is as good as random, but always the same."""
    return int.from_bytes(digest[:4], "big") / 2**32


def _digest(group: str) -> bytes:
    return hashlib.sha1(group.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
