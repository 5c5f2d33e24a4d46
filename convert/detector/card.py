"""The card of a face detector: what it is, what was measured, what it must not be used for."""

from __future__ import annotations

from typing import Any

from convert.quantize.onnx import card_row
from edge.model.manifest import Manifest

NOT_FOR = """\
## What it must not be used for

- Finding out who somebody is: it says where faces are, not whose.
- Watching people who do not know about it. Tell them, and ask where the law says so.
- Safety: it misses faces, and now and then sees one in nothing.
"""

BEGAN = """\
## What it began with

The network is YuNet's (Wu, Peng and Yu 2023) for luma, and its training went on from YuNet's
published weights, which are under the MIT licence: `LICENSE.yunet`.
"""

BIASES = """\
Boxes and landmarks of all of them are those that YuNet (Wu et al. 2023) found at several sizes, so
its mistakes are this model's too. `lfw_faces` is Labeled Faces in the Wild (Huang et al. 2007,
2012) and `scenes` Flickr8k (Hodosh et al. 2013), both for research use: the first shows people in
the news of 2002 to 2007, mostly men, mostly light-skinned, upright and facing the camera. Faces in
profile, masks, children and dark skin come from a few thousand pictures each or less: expect more
misses there.
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
        f"{manifest.decode.get('multiple', '?')} pixels. Levels of cells: "
        f"{', '.join(map(str, manifest.decode.get('strides', [])))} pixels.",  # type: ignore[call-overload]  # JSON
        "",
        "| | |",
        "|---|---|",
        f"| default input | {manifest.input.width}x{manifest.input.height} luma, as it is |",
        f"| quantisation | {manifest.quantisation} |",
        f"| file | {p.get('bytes', '?')} bytes, {p.get('parameters', '?')} parameters |",
        f"| int8 beside float | same faces {_text(parity.get('found_by_both'))}, overlap "
        f"{_text(parity.get('mean_overlap'))} on {parity.get('pictures', '?')} pictures |",
        *filter(None, [card_row(p.get("onnx"))]),
        "",
    ]
    if detectors := metrics.get("detectors"):
        lines += figures_table(detectors)
    lines += sources_table(p.get("sources", []))
    return "\n".join(lines) + "\n" + "\n".join((BIASES, BEGAN, NOT_FOR))


def figures_table(detectors: dict[str, Any]) -> list[str]:
    """Return one row a figure, one column a detector."""
    lines = [
        "## Figures",
        "",
        "Of `emotion-convert evaluate-detector`, in one run, on pictures held out of training, at "
        "each detector's default threshold; one thread, detectors in turns. Truth is YuNet's at "
        "several sizes.",
        "",
        "| | " + " | ".join(detectors) + " |",
        "|---|" + "---|" * len(detectors),
    ]
    rows: list[tuple[str, list[str]]] = [
        ("ms a frame, median", [_text(o["ms_a_frame"]["median"], 2) for o in detectors.values()])
    ]
    photos = [o.get("photographs", {}) for o in detectors.values()]
    if all("empty" in f for f in photos):
        rows.append(
            (
                f"false faces in {photos[0]['empty']['pictures']} photographs without faces",
                [str(f["empty"]["false"]) for f in photos],
            )
        )
    if all("faces" in f for f in photos):
        rows.append(("average precision", [_text(f["faces"]["average_precision"]) for f in photos]))
        for k, size in enumerate(photos[0]["faces"]["recall_by_size"]):
            name = f"found, {size['from']:g} to {size['to']:g} pixels ({size['faces']})"
            found = [f["faces"]["recall_by_size"][k]["recall"] for f in photos]
            rows.append((name, [_text(v) for v in found]))
        for kind, own in photos[0]["by_kind"].items():
            found = [f["by_kind"][kind].get("recall") for f in photos]
            rows.append((f"found, {kind} ({own['faces']})", [_text(v) for v in found]))
    for width in next(iter(detectors.values())).get("close", {}):
        found = [o["close"][width]["found"] for o in detectors.values()]
        rows.append((f"found, as wide as {width}", [_text(v) for v in found]))
    if all("rooms" in o for o in detectors.values()):
        minutes = next(iter(detectors.values()))["rooms"]["minutes"]
        believed = [str(o["rooms"]["believed"]) for o in detectors.values()]
        rows.append((f"believed in {minutes:.0f} minutes of empty rooms", believed))
    for clip in next(iter(detectors.values())).get("videos", {}):
        cells = []
        for own in detectors.values():
            f = own["videos"][clip]
            found_text = "" if f["found"] is None else f"found {f['found']:.3f}, "
            cells.append(f"{found_text}false {f['false_a_minute']:.1f} ({f['false_tracks']})")
        rows.append((f"`{clip}`: found; false a minute (believed)", cells))
    return [*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows), ""]


def sources_table(sources: list[dict[str, str]]) -> list[str]:
    """Return the section of where the pictures are from, line by line."""
    lines = ["## Data, its licence and biases", ""]
    if sources:
        lines += [
            "| source | pictures | from | licence as stated | shows |",
            "|---|---|---|---|---|",
        ]
    for s in sources:
        count = s["pictures"] + (", none trained on" if s.get("held_out") else "")
        lines.append(
            f"| {s['name']} | {count} | {s.get('origin', '')} | {s.get('licence', '')} | "
            f"{s.get('shows', '')} |"
        )
    return [*lines, ""]


def _text(value: object, digits: int = 3) -> str:
    return f"{value:.{digits}f}" if isinstance(value, float) else "-"
