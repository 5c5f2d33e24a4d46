"""The figures of `evaluate-detector` as text."""

from __future__ import annotations

from typing import Any


def table(verdict: dict[str, Any]) -> str:
    """Return the main figures, detector by detector."""
    return "\n".join(line for label, own in verdict.items() for line in _lines(label, own))


def _lines(label: str, own: dict[str, Any]) -> list[str]:
    lines = [f"{label}: {own['ms_a_frame']['median']:.2f} ms a frame, at {own['threshold']:g}"]
    if "composed" in own:
        f = own["composed"]
        lines.append(
            f"  composed: average precision {f['average_precision']:.3f}, recall "
            f"{_number(f['recall'])}, {f['false_a_picture']:.3f} false a picture{_shift(f)}"
        )
    lines += _photographs(own.get("photographs", {}))
    for width, f in own.get("close", {}).items():
        lines.append(
            f"  face as wide as {width}: found {f['found']:.3f}, "
            f"{f['false_a_picture']:.3f} false a picture"
        )
    if "rooms" in own:
        f = own["rooms"]
        lines.append(
            f"  {f['minutes']:.0f} minutes of rooms: {f['believed']} believed, "
            f"{f['false_a_minute']:.2f} false a minute in single frames"
        )
    for name, f in own.get("videos", {}).items():
        found = "no face" if f["found"] is None else f"found {f['found']:.3f}"
        lines.append(
            f"  {name}: {found}, {f['false_a_minute']:.1f} false a minute, "
            f"{f['false_tracks']} false tracks{_shift(f)}"
        )
    return lines


def _photographs(own: dict[str, Any]) -> list[str]:
    lines = []
    if "empty" in own:
        f = own["empty"]
        unseen = f["never_trained_on"]
        lines.append(
            f"  {f['pictures']} photographs without faces: {f['false']} false "
            f"({f['a_thousand']:.1f} in a thousand); of sources never trained on: "
            f"{unseen['false']} in {unseen['pictures']}"
        )
        kinds = (f"{k} {v['false']}/{v['pictures']}" for k, v in f["by_kind"].items() if v["false"])
        lines.append("    " + (", ".join(kinds) or "none of any kind"))
    if "faces" in own:
        f = own["faces"]
        lines.append(
            f"  {f['faces']} faces in {f['pictures']} photographs: average precision "
            f"{f['average_precision']:.3f}, recall {_number(f['recall'])}, landmarks off by "
            f"{_number(f['landmark_error'])} eye distances"
        )
        sizes = (
            f"{b['from']:g}-{b['to']:g} {_number(b['recall'])} ({b['faces']})"
            for b in f["recall_by_size"]
        )
        lines.append("    by pixels: " + ", ".join(sizes))
        kinds = (
            f"{k} {_number(v.get('recall'))} ({v['faces']})" for k, v in own["by_kind"].items()
        )
        lines.append("    by kind: " + ", ".join(kinds))
    if "froc" in own:
        at = own["froc"]["recall_at"]
        lines.append(
            "    recall at false faces a picture: "
            + ", ".join(f"{float(k):g} {v:.3f}" for k, v in at.items())
        )
    return lines


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _shift(figures: dict[str, Any]) -> str:
    """Say where landmarks lie beside the true ones, right and down."""
    shift = figures["landmark_shift"]
    return f", landmarks {shift[0]:+.3f} {shift[1]:+.3f} eye distances" if shift else ""
