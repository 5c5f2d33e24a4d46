"""The card of the second look: what it is, what was measured, what it was trained on."""

from __future__ import annotations

from typing import Any

from convert.detector.card import BIASES, NOT_FOR, figures_table, sources_table
from edge.model.manifest import Manifest


def card(manifest: Manifest) -> str:
    """Return the card as Markdown."""
    p: dict[str, Any] = manifest.provenance
    parity: dict[str, Any] = manifest.metrics.get("int8_beside_float", {})  # type: ignore[assignment]  # JSON
    weighed: dict[str, Any] = manifest.metrics.get("weighed_on", {})  # type: ignore[assignment]  # JSON
    candidates = p.get("training", {}).get("candidates", {})
    spec = manifest.input
    lines = [
        f"# {manifest.name}",
        "",
        "A second look at each box that the face detector proposes, in the frame at full "
        "resolution: a score, a better box and five landmarks. It was trained on what the "
        "detector proposed in pictures whose faces are known, its mistakes before all.",
        "",
        "| | |",
        "|---|---|",
        f"| input | {spec.width}x{spec.height} luma: the square around the box, "
        f"{1 + 2 * spec.margin:g} times its longer side |",
        f"| quantisation | {manifest.quantisation} |",
        f"| file | {p.get('bytes', '?')} bytes, {p.get('parameters', '?')} parameters |",
        f"| int8 beside float | score {parity.get('score_apart', float('nan')):.4f} apart, "
        f"landmarks {parity.get('landmarks_apart', float('nan')):.4f} crops, on "
        f"{parity.get('crops', '?')} crops |",
        f"| trained on | {candidates.get('faces', '?')} boxes with a face, "
        f"{candidates.get('none', '?')} without |",
        f"| score weighed against the detector's on | {weighed.get('faces', '?')} boxes with a "
        f"face, {weighed.get('none', '?')} without, of held-out photographs |",
        "",
    ]
    if detectors := manifest.metrics.get("detectors"):
        lines += [
            "`face` is the detector with this second look, `face-alone` the same without it.",
            "",
            *figures_table(detectors),  # type: ignore[arg-type]  # JSON
        ]
    lines += sources_table(p.get("sources", []))
    return "\n".join(lines) + "\n" + "\n".join((BIASES, NOT_FOR))
