"""Charts of the page, as SVG and HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from edge.messages import UNKNOWN
from edge.tools.analyze.job import Part
from edge.tools.annotate import COLOURS

WIDTH, HEIGHT = 900, 150  # SVG units; the page stretches them
TICKS = 8  # times under a timeline, about
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)  # s between two of them


def colour(labels: Sequence[str], label: str) -> str:
    """Return the CSS colour of a label, the same as in annotated pictures."""
    if label not in labels:
        return "#999"
    blue, green, red = COLOURS[list(labels).index(label) % len(COLOURS)]
    return f"#{red:02x}{green:02x}{blue:02x}"


def swatches(labels: Sequence[str]) -> str:
    """Return the legend."""
    return "".join(
        f"<span><i style='background:{colour(labels, n)}'></i>{escape(n)}</span>"
        for n in [*labels, UNKNOWN]
    )


def bar(shares: Mapping[str, float], labels: Sequence[str]) -> str:
    """Return one bar of shares that add up to 1 at most."""
    parts = "".join(
        f"<i style='width:{shares[n]:.1%};background:{colour(labels, n)}' "
        f"title='{escape(n)} {shares[n]:.0%}'>{escape(n) if shares[n] > 0.12 else ''}</i>"
        for n in [*labels, UNKNOWN]
        if shares.get(n, 0.0) > 0
    )
    return f"<div class='bar'>{parts}</div>"


def timeline(part: Part, labels: Sequence[str]) -> str:
    """Return the mean scores over time as stacked areas; a gap where nobody was in view."""
    count = len(part.present)
    if not count or not part.summary:
        return ""
    wide = WIDTH / count
    below = [0.0] * count
    areas = []
    for label in labels:
        values = part.curves.get(label, [0.0] * count)
        above = [b + v * p for b, v, p in zip(below, values, part.present, strict=True)]
        # Steps, not slopes: a slope would draw a score where there was none.
        there = " ".join(
            f"{i * wide:.1f},{_y(a)} {(i + 1) * wide:.1f},{_y(a)}" for i, a in enumerate(above)
        )
        back = " ".join(
            f"{(i + 1) * wide:.1f},{_y(below[i])} {i * wide:.1f},{_y(below[i])}"
            for i in reversed(range(count))
        )
        areas.append(
            f"<polygon points='{there} {back}' fill='{colour(labels, label)}'>"
            f"<title>{escape(label)}</title></polygon>"
        )
        below = above
    seconds = count * part.step_s
    step = next((s for s in STEPS_S if seconds / s <= TICKS), STEPS_S[-1])
    # Beside the picture, which a narrow page squeezes: words would be squeezed with it.
    ticks = "".join(
        f"<span style='left:{t / seconds:.2%}'>{_time(t)}</span>"
        for t in range(0, int(seconds) + 1, step)
    )
    return (
        f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' preserveAspectRatio='none' role='img' "
        f"aria-label='scores over time'><rect width='{WIDTH}' height='{HEIGHT}'/>"
        f"{''.join(areas)}</svg><div class='axis'>{ticks}</div>"
    )


def _y(value: float) -> str:
    return f"{HEIGHT * (1 - min(value, 1.0)):.1f}"


def _time(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02}"
