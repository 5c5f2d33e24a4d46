"""The card of a face detector: what it is, what was measured, what it must not be used for."""

from __future__ import annotations

from typing import Any

from edge.model.manifest import Manifest

NOT_FOR = """\
## What it must not be used for

- Finding out who somebody is: it says where faces are, not whose.
- Watching people who do not know about it. Tell them, and ask where the law says so.
- Safety: it misses faces, and now and then sees one in nothing.
"""

DATA = """\
## Data, its licence and biases

Faces of Labeled Faces in the Wild (Huang et al. 2007, 2012; for research use), pasted onto
everyday photographs of Flickr8k (Hodosh et al. 2013; for research use); boxes and landmarks are
those that YuNet (Wu et al. 2023) found, so its mistakes are this model's too. The first shows
people in the news of 2002 to 2007: mostly men, mostly light-skinned, few children, few veils and
masks, nearly all upright and facing the camera. Expect more misses on everybody else, on heads
turned to profile or tilted by more than 45 degrees, and in the dark.
"""


def card(manifest: Manifest) -> str:
    """Return the card as Markdown."""
    p: dict[str, Any] = manifest.provenance
    metrics: dict[str, Any] = manifest.metrics
    parity = metrics.get("int8_beside_float", {})
    lines = [
        f"# {manifest.name}",
        "",
        "A face detector: boxes, scores and five landmarks a face. Fully convolutional: the input "
        "may have any size whose sides are multiples of "
        f"{manifest.decode.get('multiple', '?')} pixels.",
        "",
        "| | |",
        "|---|---|",
        f"| default input | {manifest.input.width}x{manifest.input.height} luma, as it is |",
        f"| quantisation | {manifest.quantisation} |",
        f"| file | {p.get('bytes', '?')} bytes, {p.get('parameters', '?')} parameters |",
        f"| int8 beside float | same faces {_text(parity.get('found_by_both'))}, overlap "
        f"{_text(parity.get('mean_overlap'))} on {parity.get('pictures', '?')} pictures |",
        "",
    ]
    if detectors := metrics.get("detectors"):
        lines += _figures(detectors)
    return "\n".join(lines) + "\n" + DATA + "\n" + NOT_FOR


def _figures(detectors: dict[str, Any]) -> list[str]:
    videos = list(next(iter(detectors.values())).get("videos", {}))
    lines = [
        "## Figures",
        "",
        "Found: share of the faces of at least 32 pixels that YuNet sees in the full picture "
        "(threshold 0.7; overlap 0.4). False: wrong faces a minute, and in brackets those that the "
        "tracker believed. One thread of an x86 processor, detectors in turns in one run.",
        "",
        "| | ms a frame | composed: AP | " + " | ".join(videos) + " |",
        "|---|---|---|" + "---|" * len(videos),
    ]
    for label, own in detectors.items():
        cells = []
        for v in videos:
            f = own["videos"][v]
            found = "" if f["found"] is None else f"found {f['found']:.3f}, "
            cells.append(f"{found}false {f['false_a_minute']:.1f} ({f['false_tracks']})")
        composed = own.get("composed", {}).get("average_precision")
        lines.append(
            f"| {label} | {own['ms_a_frame']['median']:.2f} | {_text(composed)} | "
            + " | ".join(cells)
            + " |"
        )
    return [*lines, ""]


def _text(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "-"
