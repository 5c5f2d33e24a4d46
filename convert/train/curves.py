"""The figures of every epoch, as a table and as a picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from convert.files import replacing
from edge.errors import UnavailableError

History = Sequence[dict[str, float]]
PANELS = (  # title, columns
    ("cross-entropy", ("train_loss", "validation_loss")),
    ("accuracy", ("train_accuracy", "validation_accuracy")),
    ("mean absolute error against raters", ("validation_mae",)),
)


def write_table(history: History, path: Path) -> None:
    """Write one row an epoch; columns as in the history."""
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as f:
        rows = csv.DictWriter(f, list(history[0]), lineterminator="\n")
        rows.writeheader()
        for row in history:
            rows.writerow({k: f"{v:.6g}" for k, v in row.items()})


def draw(history: History, path: Path) -> None:
    """Draw the curves into a PNG of 150 dots an inch.

    Raises:
        UnavailableError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as e:
        raise UnavailableError(
            f"matplotlib cannot be used ({e}); install it with: pip install 'emotion-edge[convert]'"
        ) from e
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    panels = [(t, [c for c in cs if c in history[0]]) for t, cs in PANELS]
    panels = [(t, cs) for t, cs in panels if cs]
    figure, axes = plt.subplots(1, len(panels), figsize=(4.5 * len(panels), 3.4), squeeze=False)
    epochs = [row["epoch"] for row in history]
    for axis, (title, columns) in zip(axes[0], panels, strict=True):
        for column in columns:
            label = column.split("_")[0]
            values = [row[column] for row in history]
            # A line needs two points; a training of one epoch has one.
            axis.plot(epochs, values, marker="o" if len(epochs) == 1 else None, label=label)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("epoch")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.tight_layout()
    with replacing(path) as partial:
        figure.savefig(partial, dpi=150, format="png")
    plt.close(figure)
