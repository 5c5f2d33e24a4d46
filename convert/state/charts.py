"""Pictures of a state model's figures."""

from __future__ import annotations

from typing import Any

from convert.evaluate.charts import new_figure, png_of
from convert.state.outputs import OUTPUTS


def risk_chart(verdict: dict[str, Any]) -> bytes:
    """Draw, as PNG, the error of the surest faces over how many these are, and told sigma."""
    figure, _ = new_figure(9.0, 6.0)
    figure.clear()
    axes = figure.subplots(2, 2)
    for column, unit in enumerate(("deg", "share")):
        for output in OUTPUTS:
            if output.unit != unit:
                continue
            own = verdict["sureness"][output.name]
            rows = own["risk_coverage"]
            axes[0][column].plot(
                [r["coverage"] for r in rows], [r["mean_error"] for r in rows], label=output.name
            )
            told = [b["told"] for b in own["bins"]]
            axes[1][column].plot(told, [b["found"] for b in own["bins"]], ".-", label=output.name)
        most = max(axes[1][column].get_xlim()[1], axes[1][column].get_ylim()[1])
        axes[1][column].plot([0, most], [0, most], "k:", linewidth=0.8)
        name = "degrees" if unit == "deg" else "share"
        axes[0][column].set_xlabel("fraction of the faces, the surest first")
        axes[0][column].set_ylabel(f"mean error, {name}")
        axes[1][column].set_xlabel(f"standard deviation told, {name}")
        axes[1][column].set_ylabel("root mean square error")
        for row in (0, 1):
            axes[row][column].grid(visible=True, alpha=0.3)
            axes[row][column].legend(fontsize=7)
    return png_of(figure)
