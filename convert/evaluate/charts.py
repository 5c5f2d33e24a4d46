"""Pictures for reports and documents, as PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import UnavailableError

Faces = NDArray[np.uint8]
BLUE, RED, GREY = "#31688e", "#d1495b", "#888888"


def new_figure(width: float, height: float) -> tuple[Any, Any]:
    """Return a figure of so many inches and its axes.

    Raises:
        UnavailableError: there is no matplotlib.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as e:
        raise UnavailableError(
            f"matplotlib cannot be used ({e}); install it with: pip install 'emotion-edge[convert]'"
        ) from e
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def png_of(figure: Any) -> bytes:
    """Return a figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def confusion_chart(matrix: NDArray[np.int64], labels: Sequence[str]) -> bytes:
    """Draw counts, coloured by the fraction of each row (the truth)."""
    side = 2.4 + 0.55 * len(labels)
    figure, axes = new_figure(side, side * 0.92)
    fraction = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(fraction, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if fraction[row, column] > 0.5 else "black"
        text = f"{count}\n{fraction[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    return png_of(figure)


def reliability_chart(curve: dict[str, Any], title: str, truth_label: str) -> bytes:
    """Draw truth over confidence, with how many faces each bin has."""
    figure, axes = new_figure(4.6, 4.2)
    count = np.asarray(curve["count"])
    used = count > 0
    bins = len(count)
    centre = (np.arange(bins) + 0.5) / bins
    axes.bar(centre, count / max(count.max(), 1) * 0.25, 1 / bins, color="#dddddd", zorder=1)
    axes.plot([0, 1], [0, 1], "--", color=GREY, lw=1, zorder=2)
    confidence = np.asarray(curve["confidence"], float)[used]
    right = np.asarray(curve["accuracy"], float)[used]
    axes.plot(confidence, right, "o-", color=BLUE, ms=4, zorder=3)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("score of the best class (bars: number of faces)")
    axes.set_ylabel(truth_label)
    axes.set_title(title, fontsize=10)
    return png_of(figure)


def risk_chart(curves: dict[str, dict[str, Any]]) -> bytes:
    """Draw how often the surest faces are wrong over how many these are, a line a curve."""
    figure, axes = new_figure(4.6, 3.4)
    for (name, curve), colour in zip(curves.items(), (BLUE, RED, GREY), strict=False):
        axes.plot(curve["coverage"], curve["risk"], ".-", color=colour, label=name)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, None)
    axes.set_xlabel("fraction of the faces, the surest first")
    axes.set_ylabel("fraction of them wrong")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8, title="prior" if len(curves) > 1 else None)
    return png_of(figure)


def robustness_chart(
    rows: Sequence[dict[str, Any]], beside: tuple[str, Sequence[dict[str, Any]]] | None = None
) -> bytes:
    """Draw accuracy under every corruption, with that of the untouched faces as a line.

    `beside`: another model's name and rows; drawn in grey where it has the same corruption.
    """
    corrupted = [r for r in rows if r["corruption"] != "none"]
    names = [f"{r['corruption']} {r['level']:g}" for r in corrupted]
    figure, axes = new_figure(7, 0.22 * len(names) + 1.2)
    places = np.arange(len(names))
    high, shift = (0.8, 0.0) if beside is None else (0.4, 0.2)
    axes.barh(places - shift, [r["accuracy"] for r in corrupted], high, color=BLUE)
    axes.axvline(rows[0]["accuracy"], color=RED, lw=1, label="untouched")
    if beside is not None:
        name, others = beside
        of = {(r["corruption"], r["level"]): r["accuracy"] for r in others}
        theirs = [of.get((r["corruption"], r["level"]), 0.0) for r in corrupted]
        axes.barh(places + shift, theirs, high, color=GREY, label=name)
        axes.axvline(others[0]["accuracy"], color=GREY, lw=1, ls="--")
    axes.set_yticks(places, names, fontsize=8)
    axes.set_xlim(0, 1)
    axes.set_xlabel("accuracy")
    axes.set_ylim(len(names), -1)
    figure.legend(loc="outside upper center", ncols=2, fontsize=8)
    return png_of(figure)


def classes_chart(splits: dict[str, dict[str, int]], names: Sequence[str]) -> bytes:
    """Draw how much of each split every class is, as bars: a group a class, a colour a split."""
    figure, axes = new_figure(1.6 + 0.9 * len(names), 3.0)
    width = 0.8 / max(len(splits), 1)
    colours = (BLUE, RED, GREY, "#35b779", "#fde725")
    for k, (split, counts) in enumerate(splits.items()):
        total = max(sum(counts.values()), 1)
        places = np.arange(len(names)) + (k - (len(splits) - 1) / 2) * width
        heights = [counts.get(n, 0) / total for n in names]
        axes.bar(places, heights, width, color=colours[k % len(colours)], label=split)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_ylabel("fraction of the split")
    axes.legend(fontsize=8)
    return png_of(figure)


def histogram_chart(values: NDArray[Any], limits: tuple[float, float], xlabel: str) -> bytes:
    """Draw a histogram."""
    figure, axes = new_figure(5.5, 2.6)
    axes.hist(values, bins=51, range=limits, color=BLUE)
    axes.set_xlabel(xlabel)
    axes.set_ylabel("faces")
    return png_of(figure)


def face_png(face: NDArray[np.uint8], side: int = 72) -> bytes:
    """Return one face, (h, w) luma or (h, w, 3) BGR, enlarged to `side` pixels, as PNG."""
    large = cv2.resize(face, (side, side), interpolation=cv2.INTER_NEAREST)
    return cv2.imencode(".png", large)[1].tobytes()
