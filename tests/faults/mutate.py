"""Broken variants of good files, for hypothesis to choose from and to shrink."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

# Offsets, lengths and counts in binary formats fail at these; 32 bits, little-endian.
_EXTREMES = (0, 1, 4, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF)


@st.composite
def mutated(draw: st.DrawFn, good: bytes) -> bytes:
    """`good` with bytes and words overwritten, and often a piece cut out, doubled or cut off."""
    out = bytearray(good)
    place = st.integers(0, len(good) - 1)
    for at, value in draw(st.lists(st.tuples(place, st.integers(0, 255)), max_size=8)):
        out[at] = value
    for at, word in draw(st.lists(st.tuples(place, st.sampled_from(_EXTREMES)), max_size=3)):
        out[at : at + 4] = word.to_bytes(4, "little")
    how = draw(st.sampled_from(("keep", "keep", "cut out", "double", "cut off")))
    if how != "keep":
        a, b = sorted((draw(place), draw(place)))
        if how == "cut out":
            del out[a:b]
        elif how == "double":
            out[a:a] = out[a:b]
        else:
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
