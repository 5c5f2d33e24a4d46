"""Draws what the network saw and what the daemon said of it, second by second, as an SVG."""

from __future__ import annotations

import html
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, LEFT, RIGHT, TOP = 900, 170, 16, 34  # pixels
LANE, GAP, BAR = 84, 22, 22  # pixels: a curve, between two, an event
INK, FAINT, LEVEL = "#333", "#ccc", "#c0392b"
COLOURS = ("#2471a3", "#b7950b", "#7d3c98", "#a04000", "#1e8449")

Points = Sequence[tuple[float, float | None]]  # seconds, value; None: it cannot be told


@dataclass(frozen=True, slots=True)
class Lane:
    """One curve."""

    title: str
    points: Points
    least: float
    most: float
    levels: Sequence[float] = ()  # dashed: what decides


@dataclass(frozen=True, slots=True)
class Span:
    """What was said, from when to when, s."""

    label: str
    begin: float
    end: float


def draw(title: str, lanes: Sequence[Lane], spans: Sequence[Span], end_s: float) -> str:
    """Return the drawing.

    Args:
        title: for whoever cannot see it.
        lanes: curves, above one another.
        spans: bars below them, one row for each label.
        end_s: length of the time axis, from 0.
    """
    labels = list(dict.fromkeys(s.label for s in spans))
    height = TOP + len(lanes) * (LANE + GAP) + len(labels) * BAR + 40
    per_s = (WIDTH - LEFT - RIGHT) / end_s
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">',
        f"<title>{html.escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    bars = TOP + len(lanes) * (LANE + GAP)
    bottom = bars + len(labels) * BAR
    for s in range(0, int(end_s) + 1, 5):
        x = LEFT + s * per_s
        out.append(f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="{FAINT}" stroke-width="0.7"/>')
        out.append(f'<text x="{x:.1f}" y="{bottom + 18}" fill="{INK}" {_MIDDLE}>{s} s</text>')
    for n, lane in enumerate(lanes):
        out += _lane(lane, TOP + n * (LANE + GAP), per_s)
    for n, label in enumerate(labels):
        y, colour = bars + n * BAR, COLOURS[n % len(COLOURS)]
        out.append(
            f'<text x="{LEFT - 6}" y="{y + 15}" fill="{INK}" {_END}>{html.escape(label)}</text>'
        )
        for span in (s for s in spans if s.label == label):
            x, wide = LEFT + span.begin * per_s, max((span.end - span.begin) * per_s, 2.0)
            out.append(
                f'<rect x="{x:.1f}" y="{y + 3}" width="{wide:.1f}" height="{BAR - 7}" '
                f'fill="{colour}" fill-opacity="0.35" stroke="{colour}"/>'
            )
    return "\n".join([*out, "</svg>", ""])


_MIDDLE, _END = 'text-anchor="middle"', 'text-anchor="end"'


def _lane(lane: Lane, top: float, per_s: float) -> list[str]:
    scale = LANE / (lane.most - lane.least)

    def y(value: float) -> float:
        return top + LANE - (min(max(value, lane.least), lane.most) - lane.least) * scale

    out = [
        f'<text x="{LEFT}" y="{top - 5}" fill="{INK}">{html.escape(lane.title)}</text>',
        f'<rect x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{LANE}" fill="none" '
        f'stroke="{FAINT}"/>',
    ]
    for value in (lane.least, *lane.levels, lane.most):
        out.append(
            f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" fill="{INK}" text-anchor="end">'
            f"{value:g}</text>"
        )
    for level in lane.levels:
        out.append(
            f'<path d="M{LEFT} {y(level):.1f}H{WIDTH - RIGHT}" stroke="{LEVEL}" '
            'stroke-dasharray="5 4"/>'
        )
    # A curve is broken where nothing is known.
    for known, run in itertools.groupby(lane.points, lambda p: p[1] is not None):
        if known:
            drawn = [f"{LEFT + t * per_s:.1f} {y(v):.1f}" for t, v in run if v is not None]
            out.append(
                f'<path d="M{"L".join(drawn)}" fill="none" stroke="{INK}" stroke-width="1.4"/>'
            )
    return out
