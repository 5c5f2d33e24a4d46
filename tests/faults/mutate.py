"""Broken variants of good files and values."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

# Offsets, lengths and counts in binary formats fail at these; 32 bits, little-endian.
_EXTREMES = (0, 1, 4, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF)


def mutate(times: int, good: bytes, check: Callable[[bytes], None]) -> None:
    """Run `check` on `times` variants of `good`, the same ones each time.

    Not by hypothesis: it takes longer to choose bytes than a file takes to be tried, and keeps
    what it chose.
    """
    for seed in range(times):
        try:
            check(mutated(good, random.Random(seed)))
        except BaseException as e:
            e.add_note(f"by mutated(good, random.Random({seed}))")
            raise


def mutated(good: bytes, rng: random.Random) -> bytes:
    """`good` with bytes and words overwritten, and often a piece cut out, doubled or cut off."""
    out = bytearray(good)
    for _ in range(rng.randint(1, 8)):
        out[rng.randrange(len(good))] = rng.randrange(256)
    for _ in range(rng.randint(0, 3)):
        at = rng.randrange(len(good))
        out[at : at + 4] = rng.choice(_EXTREMES).to_bytes(4, "little")
    how = rng.choice(("keep", "keep", "cut out", "double", "cut off"))
    a, b = sorted((rng.randrange(len(good)), rng.randrange(len(good))))
    if how == "cut out":
        del out[a:b]
    elif how == "double":
        out[a:a] = out[a:b]
    elif how == "cut off":
        del out[b:]
    return bytes(out)


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", ".", "../../etc/passwd", "\0", "x" * 3000, "1e999"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def changed(draw: st.DrawFn, good: Any) -> Any:
    """`good` (of lists, dicts and scalars) with some values replaced, removed or added."""
    if isinstance(good, dict) and draw(st.booleans()):
        out = {}
        for key, value in good.items():
            fate = draw(st.sampled_from(("keep", "keep", "keep", "change", "remove", "rename")))
            if fate == "change":
                out[key] = draw(changed(value))
            elif fate == "rename":
                out[draw(st.text(max_size=8))] = value
            elif fate == "keep":
                out[key] = value
        return out
    if isinstance(good, list) and good and draw(st.booleans()):
        at = draw(st.integers(0, len(good) - 1))
        return [*good[:at], draw(changed(good[at])), *good[at + draw(st.integers(0, 1)) :]]
    return draw(ANY_JSON)
