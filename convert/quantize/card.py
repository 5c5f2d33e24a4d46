"""The model card: what an operator must know before believing a model (Mitchell et al. 2019)."""

from __future__ import annotations

import math
from typing import Any

from convert.evaluate.selective import risk_at
from convert.quantize.onnx import card_row
from convert.train.holdout import PERSON
from edge.model.manifest import Manifest

# What the figures are called; all but the first two: smaller is better.
TITLES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "log_loss": "log loss, nats",
    "brier": "Brier score",
    "ece": "expected calibration error: best score against how often it is right",
    "ece_shares": "the same against the fraction of raters who chose that class, all faces",
    "mae_shares": "mean absolute error against the raters' votes, all faces",
}

# Splits whose figures flatter a model.
SEEN = {
    "train": "They are training faces: the figures flatter a model that was trained on them.",
    "validation": "They are the validation faces, by which training and temperature were chosen: "
    "on others it is likely to do a little worse.",
}

RISK = "risk.png"  # beside the card
COVERAGES = (0.5, 0.7, 0.8, 0.9, 1.0)

FOR = """
## What it is for

Scoring upright faces that a detector cut out, one at a time, in grey. Its figures below are of
single pictures; on a camera's frames, smooth the scores over a window as emotion-edge does, and
take a best score below its confidence floor for "unknown".
"""

NOT_FOR = """\
## What it must not be used for

- Inferring emotions of people at work or in education: the EU's AI Act (Regulation 2024/1689,
  Article 5(1)(f)) prohibits it, except for medical or safety reasons.
- Diagnosis, hiring, insurance, policing, or any decision about a person. A facial expression is
  not a feeling (Barrett et al. 2019), and this model scores single faces without any context.
- People who do not know about it. Tell them, and ask where the law says so.
"""

FER2013 = """\
FER2013 (Goodfellow et al. 2013): 48x48 grey faces that a search engine returned for words of
emotion; for research use. FER+ (Barsoum et al. 2016, MIT) adds the votes of ten raters a face.
The faces are posed and spontaneous, of unknown identity, age, sex and origin; actors and stock
photographs of light-skinned people are over-represented, and so are `happy` and `neutral`, while
`disgust` is rare. Raters agree with each other on about nine of ten of the faces on which most
of them agree at all. Expect more errors on groups, ages, glasses, beards, veils and head poses
that such pictures seldom show.
"""

GENERIC = """\
Not described here: whoever made this model must say whose faces it saw, under which licence, and
which groups are missing.
"""


def card(manifest: Manifest, *, data_name: str, notes: str = "") -> str:
    """Return the card as Markdown."""
    m, p, spec = manifest.metrics, manifest.provenance, manifest.input
    about = FER2013 if "fer2013" in data_name.lower() else GENERIC
    parts = [
        f"# {manifest.name}\n",
        f"{_article(manifest.task)} classifier of single faces: {', '.join(manifest.labels)}.\n",
        notes.strip() + "\n" if notes.strip() else "",
        "| | |\n|---|---|",
        f"| input | {spec.width}x{spec.height}x{spec.channels} luma, (luma - {spec.mean:g}) * "
        f"{spec.scale:g}, margin {spec.margin:g} of the detector's box |",
        f"| quantisation | {manifest.quantisation} |",
        f"| file | {p.get('bytes', '?')} bytes, {p.get('parameters', '?')} parameters |",
        f"| temperature folded in | {p.get('temperature', 1)}"
        + (
            f", fitted to {p['temperature_fitted_on']} |"
            if p.get("temperature_fitted_on")
            else " |"
        ),
        f"| class probabilities in training | {_prior(manifest)} |" if manifest.prior else "",
        "| scores | the mean over a face and its mirror image |" if p.get("flip") else "",
        card_row(p.get("onnx")),
        f"| made from | {p.get('source', '?')}, sha256 {str(p.get('source_sha256'))[:16]}... |",
        FOR,
        "## Figures\n",
        _figures(m),
        risk_section(risk) if isinstance(risk := m.get("risk"), dict) else "",
        _training(p.get("training")),
        "## Data, its licence and biases\n",
        about,
        NOT_FOR,
    ]
    return "\n".join(part for part in parts if part)


def _prior(manifest: Manifest) -> str:
    return ", ".join(f"{name} {p:.3f}" for name, p in manifest.prior.items())


def _article(task: str) -> str:
    return "An emotion" if task == "emotion" else "A"


def _training(record: object) -> str:
    """Return what the training's record says; empty without one."""
    if not isinstance(record, dict):
        return ""
    averaged = record.get("averaged")
    if not averaged:
        return f"## Training\n\n{_course(record)} The whole recipe is in `manifest.json`.\n"
    courses = "\n".join(f"- {_course(r)}" for r in averaged)
    return (
        "## Training\n\nThe mean of the weights of trainings that began from one model (Wortsman "
        f"et al. 2022); their recipes are in `manifest.json`.\n\n{courses}\n"
    )


def _course(record: dict[str, Any]) -> str:
    recipe, data = record.get("recipe", {}), record.get("data", {})
    votes = recipe.get("votes", 0)
    targets = "labels" if not votes else "raters' votes" if votes == 1 else "labels and votes"
    begun, teachers = record.get("begun_from"), record.get("teachers") or ()
    names = ", ".join(str(t["name"]) for t in teachers)
    same = data.get("identical_to_validation")
    # What it began from may have learnt from them.
    unseen = data.get("held_out_by") == PERSON and not begun
    people = ", of people it did not learn from" if unseen else ""
    return (
        f"Architecture `{record.get('architecture')}`, {recipe.get('epochs')} epochs"
        + (f" from {begun['name']}" if begun else "")
        + f" on {data.get('train')} faces with {targets} as targets, {data.get('validation')} held "
        f"out to choose by{people}; {data.get('identical_to_test')} training faces that are "
        "identical to a test face were left out"
        + (f", and {same} to a validation face." if same else ".")
        + (
            f" The scores of {names} are {recipe.get('teacher', 0):.0%} of the targets."
            if names
            else ""
        )
        + _unlabelled(data)
        + f" Seed {record.get('seed')}."
    )


def _unlabelled(data: dict[str, Any]) -> str:
    if not data.get("unlabelled"):
        return ""
    names = ", ".join(str(o["name"]) for o in data.get("unlabelled_from", ()))
    return (
        f" Of {data['unlabelled']} faces more, without a label ({names}; their sources are in "
        "`manifest.json`), it learnt what the teachers say, and nothing else."
    )


def _figures(m: dict[str, Any]) -> str:
    split = m.get("split")
    lines = [f"Measured on {m.get('faces', '?')} faces: {m.get('data', '?')}, {split}."]
    if split in SEEN:
        lines.append(SEEN[split])
    if m.get("truth"):
        lines.append(f"Right is {m['truth']} ({m.get('counted')} faces).")
    lines += ["", "| | float | this file |", "|---|---|---|"]
    float_figures: dict[str, Any] = m.get("float", {})
    own: dict[str, Any] = m.get("quantised", {})
    for key, value in own.items():
        if not isinstance(value, dict):
            lines.append(
                f"| {TITLES.get(key, key)} | {_text(float_figures.get(key))} | {_text(value)} |"
            )
    recall: dict[str, Any] = own.get("recall", {})
    for label, value in recall.items():
        before = float_figures.get("recall", {}).get(label)
        lines.append(f"| recall of {label} | {_text(before)} | {_text(value)} |")
    lines += [
        "",
        f"Float and this file name the same class on {_text(m.get('agreement'))} of the faces; "
        f"the largest shift of a score is {_text(m.get('largest_shift'))}; "
        f"{_text(m.get('moved'))} of a face's score goes to other classes, on average.",
        "",
    ]
    return "\n".join(lines)


def risk_section(curves: dict[str, Any]) -> str:
    """Return what an answer is worth to whoever takes only the surest, as Markdown."""
    names = {"scores": "scores", "raters": "prior as trained", "equal": "equal prior"}
    rows = [
        f"| {names.get(name, name)} | "
        + " | ".join(_percent(risk_at(curve, c)) for c in COVERAGES)
        + f" | {_text(curve['aurc'])} |"
        for name, curve in curves.items()
    ]
    return "\n".join(
        [
            "## Risk over coverage\n",
            "Wrong answers among the faces that it is surest of: whoever takes only those above a "
            "score answers fewer and errs less. Area: the mean over all coverages.\n",
            "| of the faces | " + " | ".join(f"{c:.0%}" for c in COVERAGES) + " | area |",
            "|---|" + "---|" * (len(COVERAGES) + 1),
            *rows,
            f"\n![Errors among the surest faces over how many these are]({RISK})\n",
        ]
    )


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def _text(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "-" if value is None else str(value)
