"""Small charts as SVG in text, without inline styles: a strict Content-Security-Policy takes them.

All are `WIDTH` units wide, about the pixels of a phone, so that their text can be read there and
grows with the card on a desk.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 38, 4, 12, 22  # margins
INNER, TALL = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
MARKS_MOST = 12  # names under the bars
LETTER = 6.0  # about the width of one
# As on the dashboard (edge/web/static/emotions.js): Okabe and Ito's, for colour-blind eyes too.
COLOURS = {
    "angry": "#d55e00",
    "disgust": "#009e73",
    "fear": "#cc79a7",
    "happy": "#f0e442",
    "sad": "#0072b2",
    "surprise": "#56b4e9",
    "neutral": "#c8c8c8",
    "unknown": "#969696",
}
OTHERS = ("#e69f00", "#8c6bb1", "#66a61e", "#a6761d")


@dataclass(frozen=True, slots=True)
class Bar:
    """One place on the horizontal axis; values are in the chart's unit, None is not drawn."""

    name: str
    value: float | None = None
    then: float | None = None  # the same before
    low: float | None = None  # the bar begins here, and `value` is a mark in it
    high: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)  # stacked, by emotion
    withheld: bool = False
    partial: bool = False  # of a time that is not over
    tip: str = ""


def colour(label: str) -> str:
    """Return the colour of an emotion; that of an unknown one is made of its name."""
    total = 0
    for c in label:
        total = (total * 31 + ord(c)) % 2**32
    return COLOURS.get(label) or OTHERS[total % len(OTHERS)]


def bars(places: Sequence[Bar], label: str, *, unit: str = "", top: float | None = None) -> str:
    """Return a chart of bars.

    Args:
        places: from left to right.
        label: what it shows, in words, for those who cannot see it.
        unit: after the numbers of the axis, such as ` s`.
        top: the axis's end; None: a round number above the largest value.
    """
    highest = max((max(_values(p), default=0.0) for p in places), default=0.0)
    ticks = _ticks(top or highest)
    end = top or ticks[-1]
    body = [_axis(ticks, end, unit)]
    step = INNER / max(len(places), 1)
    width = max(step * 0.72, min(step, 0.6))
    for i, place in enumerate(places):
        x = LEFT + i * step + (step - width) / 2
        body.append(_place(place, x, width, end))
    body.append(_names(places, step))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        + "".join(body)
        + "</svg>"
    )


def share(value: float, then: float | None, label: str, fill: str) -> str:
    """Return a bar from left to right for a share of 1, with a mark where it was before."""
    mark = ""
    if then is not None:
        x = _n(1 + 98 * min(then, 1.0))
        mark = f'<path class="mark" d="M{x} 0V10"/>'
    return (
        f'<svg class="share" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}"><rect class="track" width="100" height="10"/>'
        f'<rect class="fill" width="{_n(100 * min(value, 1.0))}" height="10" fill="{fill}"/>'
        f"{mark}</svg>"
    )


def swatch(label: str) -> str:
    """Return the colour of an emotion as a small square."""
    return (
        '<svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">'
        f'<rect class="part" x="0.5" y="0.5" width="9" height="9" fill="{colour(label)}"/></svg>'
    )


def _values(place: Bar) -> list[float]:
    return [v for v in (place.value, place.then, place.high) if v is not None]


def _ticks(highest: float) -> list[float]:
    """Return round numbers from 0 to at least `highest`, three to six of them."""
    if highest <= 0:
        return [0.0, 1.0]
    raw = highest / 4
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= raw)
    return [i * step for i in range(math.ceil(highest / step - 1e-9) + 1)]


def _axis(ticks: Sequence[float], end: float, unit: str) -> str:
    out = []
    for t in ticks:
        y = _y(t, end)
        out.append(f'<path class="grid" d="M{LEFT} {_n(y)}H{WIDTH - RIGHT}"/>')
        out.append(f'<text class="y" x="{LEFT - 4}" y="{_n(y + 3.5)}">{_number(t)}{unit}</text>')
    return "".join(out)


def _place(p: Bar, x: float, width: float, end: float) -> str:
    out = [f"<g><title>{escape(p.tip)}</title>" if p.tip else "<g>"]
    if p.withheld:
        out.append(
            f'<text class="withheld" x="{_n(x + width / 2)}" y="{_n(_y(0, end) - 3)}">?</text>'
        )
    elif p.parts:
        at = 0.0
        for label, part in p.parts.items():
            top = _y(min(at + part, end), end)
            out.append(
                f'<rect class="part" x="{_n(x)}" y="{_n(top)}" width="{_n(width)}" '
                f'height="{_n(max(_y(at, end) - top, 0))}" fill="{colour(label)}"/>'
            )
            at += part
    elif p.low is not None and p.high is not None:
        out.append(_rect("span", x, width, p.low, p.high, end))
        if p.value is not None:
            out.append(f'<path class="mark" d="M{_n(x)} {_n(_y(p.value, end))}h{_n(width)}"/>')
    elif p.value is not None:
        out.append(_rect("bar partial" if p.partial else "bar", x, width, 0, p.value, end))
    if p.then is not None:
        left, y = _n(x - 0.1 * width), _n(_y(p.then, end))
        out.append(f'<path class="then" d="M{left} {y}h{_n(1.2 * width)}"/>')
    return "".join(out) + "</g>"


def _rect(kind: str, x: float, width: float, low: float, high: float, end: float) -> str:
    top, bottom = _y(high, end), _y(low, end)
    return (
        f'<rect class="{kind}" x="{_n(x)}" y="{_n(top)}" width="{_n(width)}" '
        f'height="{_n(bottom - top)}"/>'
    )


def _names(places: Sequence[Bar], step: float) -> str:
    """Write as many names as there is room for."""
    wide = LETTER * max((len(p.name) for p in places), default=0)
    every = max(1, math.ceil(len(places) / MARKS_MOST), math.ceil((wide + LETTER) / step))
    out = []
    for i in range(0, len(places), every):
        x = min(LEFT + (i + 0.5) * step, WIDTH - wide / 2)
        out.append(f'<text class="x" x="{_n(x)}" y="{HEIGHT - 6}">{escape(places[i].name)}</text>')
    return "".join(out)


def _y(value: float, end: float) -> float:
    return TOP + TALL * (1 - min(max(value / end, 0.0), 1.0))


def _number(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:g}"


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
