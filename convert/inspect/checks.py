"""Faces that should not be there: twice the same, blank, tiny, or unlike their neighbours."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.crops import Faces

HASH_SIDE = 8  # dHash: 8 x 8 comparisons of neighbours give 64 bits
NEAR_BITS = 2  # hashes that differ in no more bits are near duplicates
BLANK_STD = 4.0  # luma steps: a face with less contrast shows nothing
DARK, BRIGHT = 30.0, 225.0  # mean luma beyond which features drown
TINY = 32  # pixels of the shorter side; smaller pictures are mostly enlargement
BANDS = 4  # parts of a hash: two hashes within 3 bits agree in at least one of 4 parts
MOST_PER_BAND = 400  # of one value in one part: more are flat pictures, and all pairs too many


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of indices that belong together, each sorted, largest first."""

    groups: tuple[tuple[int, ...], ...]

    def across(self, splits: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        """Return the groups whose faces are in more than one split."""
        return tuple(g for g in self.groups if len({splits[i] for i in g}) > 1)

    @property
    def surplus(self) -> int:
        """How many faces would go if one of each group stayed."""
        return sum(len(g) - 1 for g in self.groups)


def digests(faces: Faces) -> tuple[list[bytes], list[bytes]]:
    """Return a digest of each face's pixels, and one that its mirror image has as well."""
    own = [_digest(face) for face in faces]
    flipped = [_digest(face) for face in faces[:, :, ::-1]]
    return own, [min(pair) for pair in zip(own, flipped, strict=True)]


def _digest(face: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(face).tobytes()).digest()


def same(keys: Sequence[bytes]) -> Groups:
    """Return groups of faces with the same digest."""
    by_key: dict[bytes, list[int]] = {}
    for i, key in enumerate(keys):
        by_key.setdefault(key, []).append(i)
    return _groups([g for g in by_key.values() if len(g) > 1])


def identical(faces: Faces) -> Groups:
    """Return groups of faces, (n, height, width), with the same pixels."""
    return same(digests(faces)[0])


def flipped(own: Sequence[bytes], either: Sequence[bytes]) -> Groups:
    """Return groups in which some faces are others' mirror images; arguments as `digests` has."""
    groups = same(either).groups
    return Groups(tuple(g for g in groups if len({own[i] for i in g}) > 1))


def difference_hashes(faces: Faces) -> NDArray[np.uint64]:
    """Return the 64-bit difference hash of each face, (n,): Krawetz 2013, "Kind of Like That".

    Each bit says whether luma rises between two neighbours of the face shrunk to 8 rows of 9.
    """
    bits = np.empty((len(faces), HASH_SIDE * HASH_SIDE), bool)
    for i, face in enumerate(faces):
        small = cv2.resize(face, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA)
        bits[i] = (small[:, 1:] > small[:, :-1]).ravel()
    weights = np.uint64(1) << np.arange(64, dtype=np.uint64)
    return np.asarray((bits * weights).sum(axis=1, dtype=np.uint64))


def near(hashes: NDArray[np.uint64], bits: int = NEAR_BITS) -> Groups:
    """Return groups of faces linked by hashes that differ in at most `bits` (below `BANDS`).

    Hashes that close agree in at least one quarter of their bits, so only those are compared.
    """
    parent = list(range(len(hashes)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for band in range(BANDS):
        part = (hashes >> np.uint64(16 * band)) & np.uint64(0xFFFF)
        order = np.argsort(part, kind="stable")
        cuts = np.flatnonzero(np.diff(part[order])) + 1
        for same in np.split(order, cuts):
            if not 1 < len(same) <= MOST_PER_BAND:
                continue
            differ = _bit_counts(hashes[same][:, None] ^ hashes[same][None, :])
            for a, b in np.argwhere(np.triu(differ <= bits, k=1)):
                parent[root(int(same[a]))] = root(int(same[b]))
    groups: dict[int, list[int]] = {}
    for i in range(len(hashes)):
        groups.setdefault(root(i), []).append(i)
    return _groups([g for g in groups.values() if len(g) > 1])


_BITS_OF_BYTE = np.array([i.bit_count() for i in range(256)], np.uint8)


def _bit_counts(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return how many bits of each word are set; NumPy 1 has no function for it."""
    octets = np.ascontiguousarray(words).view(np.uint8).reshape(*words.shape, 8)
    return np.asarray(_BITS_OF_BYTE[octets].sum(axis=-1, dtype=np.uint8))


def _groups(groups: list[list[int]]) -> Groups:
    return Groups(tuple(sorted((tuple(sorted(g)) for g in groups), key=lambda g: (-len(g), g))))


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """Mean luma and contrast of each face, (n,), and the indices of those beyond the limits."""

    mean: NDArray[np.float64]
    contrast: NDArray[np.float64]  # standard deviation of luma
    blank: NDArray[np.intp]
    dark: NDArray[np.intp]
    bright: NDArray[np.intp]


def light(faces: Faces) -> Light:
    """Measure luma of faces, (n, height, width)."""
    flat = faces.reshape(len(faces), -1)
    return light_of(flat.mean(axis=1), flat.std(axis=1))


def light_of(mean: NDArray[np.float64], contrast: NDArray[np.float64]) -> Light:
    """Return which faces are beyond the limits, from their mean luma and contrast, (n,)."""
    seen = contrast >= BLANK_STD
    return Light(
        mean,
        contrast,
        np.flatnonzero(~seen),
        np.flatnonzero(seen & (mean < DARK)),
        np.flatnonzero(seen & (mean > BRIGHT)),
    )
