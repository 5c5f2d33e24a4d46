"""The card of a state model: what it is, what was measured, what it must not be used for."""

from __future__ import annotations

from typing import Any

from convert.quantize.onnx import card_row
from convert.state.outputs import NAMES
from edge.model.manifest import Manifest

NOT_FOR = """\
## What it must not be used for

- Safety. It is information about a driver or a visitor, not a certified function: nothing that
  brakes, warns or judges a person may depend on it alone.
- Saying who somebody is, or how somebody feels: an open mouth is no yawn, a smile no joy.
- Watching people who do not know about it. Tell them, and ask where the law says so.
"""

LIMITS = """\
Pose, eyes, mouth and smile were labelled by MediaPipe's Face Landmarker (Apache 2.0), which looked
at the same grey pictures; its mistakes are this model's too. Faces of `closed_eyes` were marked as
shut by people; `eyes.npz` holds eyes out of the same collection, in part out of the same pictures.
Eyes of FER2013 were labelled for this project by one labeller, once; only clearly open and
clearly shut ones count (315 of 660 faces; `convert/state/eyes_fer2013.csv` names them).
Few faces are turned by more than 40 degrees. Most pictures show adults of the news of 2002 to 2007,
mostly men, mostly light-skinned. Before a film of one dark-skinned woman was trained on, most yawns
that were missed were hers: expect open mouths to be missed in dark skin and little light. Gaze is
not told: the teachers' own gaze differs by 11 degrees between a picture and its mirror image.
"""


def card(manifest: Manifest) -> str:
    """Return the card as Markdown."""
    p: dict[str, Any] = manifest.provenance
    m: dict[str, Any] = manifest.metrics
    parity = m.get("int8_beside_float", {})
    lines = [
        f"# {manifest.name}",
        "",
        "What a face is doing: where the head points, how far each eye and the mouth are open, "
        "whether it smiles, and how sure each of these is. The axes are drawn in "
        "[docs/state.md](../../docs/state.md).",
        "",
        "| | |",
        "|---|---|",
        f"| input | {manifest.input.width}x{manifest.input.height} luma, the square of the box's "
        "longer side |",
        f"| quantisation | {manifest.quantisation} |",
        f"| file | {p.get('bytes', '?')} bytes, {p.get('parameters', '?')} parameters |",
        f"| int8 beside float | {_text(parity.get('mean_apart'))} apart in scaled units, "
        f"{_text(parity.get('same_told'))} of the values told alike |",
        *filter(None, [card_row(p.get("onnx"))]),
        "",
        "| output | unit | scale | told up to a standard deviation of |",
        "|---|---|---|---|",
        *(f"| {o.name} | {o.unit} | {o.scale:g} | {o.known_below:.3g} |" for o in manifest.outputs),
        "",
    ]
    if "bars" in m:
        lines += tables(m)
    lines += _sources(p.get("sources", []))
    return "\n".join(lines) + "\n" + LIMITS + "\n" + NOT_FOR


def tables(m: dict[str, Any]) -> list[str]:
    """Return the tables of `evaluate-state`'s figures."""
    lines = [
        "## Figures",
        "",
        "Of `emotion-convert evaluate-state`, on people and sources held out of training.",
        "",
        "| what was asked for | reached | asked | |",
        "|---|---|---|---|",
    ]
    for bar in m["bars"]:
        value = "-" if bar["reached"] is None else f"{bar['reached']:.4g}"
        lines.append(
            f"| {bar['what']} | {value} | {bar['asked']:.4g} | {'' if bar['met'] else 'missed'} |"
        )
    lines += ["", *pose_table(m["pose"])]
    for title, key in (("Face width, pixels", "by_width"), ("Condition", "by_condition")):
        if m.get(key):
            lines += ["", *condition_table(title, m[key])]
    lines += ["", *_other(m), ""]
    return [*lines, "![Risk over coverage, and deviations told and found](risk.png)", ""]


def pose_table(pose: dict[str, Any]) -> list[str]:
    """Return the pose's differences from teachers and given points."""
    rows = [
        ("from MediaPipe", pose["mediapipe"]),
        ("from OpenVINO", pose["openvino"]),
        ("the teachers from each other", pose["teachers_apart"]),
    ]
    if points := pose.get("given_points"):
        rows += [
            ("from given points", points["network"]),
            ("MediaPipe from given points", points["mediapipe"]),
            ("OpenVINO from given points", points["openvino"]),
            (
                "MediaPipe from its own points, solved alike",
                points["same_way_from_mediapipes_points"],
            ),
        ]
    rows += [
        (f"from MediaPipe, yaw {name} degrees, told {own['told']:.0%}", own)
        for name, own in pose["by_yaw"].items()
    ]
    return [
        "Pose: mean absolute difference in degrees, of the "
        f"{pose['told']:.0%} of the faces of which it is told (by yaw: of all).",
        "",
        "| | faces | yaw | pitch | roll | mean |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {own['faces']} | "
            + " | ".join(_text(own[n], 1) for n in ("yaw", "pitch", "roll", "mean"))
            + " |"
            for name, own in rows
        ),
    ]


def condition_table(title: str, rows: dict[str, Any]) -> list[str]:
    """Return one row a condition: mean error of what is told, and how much is told."""
    return [
        "Mean difference from the teacher of the values told, in degrees or shares, and the "
        "percentage told.",
        "",
        f"| {title} | faces | {' | '.join(NAMES)} | shut eyes, AUC of all |",
        "|---|---|" + "---|" * len(NAMES) + "---|",
        *(
            f"| {name} | {own['faces']} | "
            + " | ".join(
                f"{_text(own[n]['mean_error_told'], 1 if k < 3 else 2)}, {own[n]['told']:.0%}"
                for k, n in enumerate(NAMES)
            )
            + f" | {_text(own['eyes_shut_auc'])} |"
            for name, own in rows.items()
        ),
    ]


def _other(m: dict[str, Any]) -> list[str]:
    lines = [
        "| classes, by labels of people | positives | negatives | told | AUC of all | F1 of told |",
        "|---|---|---|---|---|---|",
    ]
    names = {
        "closed_eyes": "shut eyes (closed_eyes) from open ones of LFW and YouTube, held-out people",
        "closed_eyes_and_other_open": "the same from open eyes of a source never trained on",
        "eyes_put_in": "eyes of eyes.npz put into held-out faces",
        "fer2013_by_hand": "shut from open eyes of FER2013, never trained on, labelled for this",
    }
    rows = [(text, m["eyes"].get(key)) for key, text in names.items()]
    rows += [("yawns from other faces of yawn.npz, films never trained on", m["mouth"])]
    rows += [("happy from other faces of FER2013, never trained on", m["smile"])]
    for text, own in rows:
        if own:
            a, t = own["of_all"], own["of_told"]
            lines.append(
                f"| {text} | {a['positives']} | {a['negatives']} | {own['told']:.0%} | "
                f"{_text(a['auc'])} | {_text(t['f1'])} |"
            )
    if masks := m.get("masks"):
        lines += ["", "| told | mouth | smile | eyes | pose |", "|---|---|---|---|---|"]
        lines += [
            f"| {which} a mask ({own['faces']}) | {own['mouth_told']:.0%} | "
            f"{own['smile_told']:.0%} | {own['eyes_told']:.0%} | {own['pose_told']:.0%} |"
            for which, own in masks.items()
        ]
    return lines


def _sources(sources: list[dict[str, str]]) -> list[str]:
    lines = ["## Data, its licence and biases", ""]
    if sources:
        lines += [
            "| source | faces | trained on | from | licence as stated | shows |",
            "|---|---|---|---|---|---|",
            *(
                f"| {s['name']} | {s['faces']} | {s['trained_on']} | {s['origin']} | "
                f"{s['licence']} | {s['shows']} |"
                for s in sources
            ),
        ]
    return [*lines, ""]


def _text(value: object, digits: int = 3) -> str:
    return f"{value:.{digits}f}" if isinstance(value, float) else "-"
