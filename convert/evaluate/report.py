"""The report of `evaluate` as one HTML page, and its pictures as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.data import Dataset
from convert.evaluate.charts import (
    confusion_chart,
    face_png,
    reliability_chart,
    risk_chart,
    robustness_chart,
)
from convert.evaluate.page import Page
from convert.evaluate.truth import Truth

Beside = tuple[str, list[dict[str, Any]]]
WORST = 24  # pictures of confident mistakes
HEADLINES = ("accuracy", "macro_f1", "log_loss", "brier", "ece", "ece_shares", "mae_shares")


def pictures(
    verdict: dict[str, Any], labels: tuple[str, ...], beside: Beside | None = None
) -> dict[str, bytes]:
    """Return the charts as PNG by name; only those that the verdict has figures for.

    `beside`: another model's name and its robustness.
    """
    out: dict[str, bytes] = {}
    if "confusion" in verdict:
        out["confusion"] = confusion_chart(np.asarray(verdict["confusion"]), labels)
        title = f"calibration error {verdict['ece']:.3f}"
        out["reliability"] = reliability_chart(verdict["reliability"], title, "fraction right")
        out["risk"] = risk_chart(risks(verdict))
    if "raters" in verdict:
        raters = verdict["raters"]
        out["raters"] = reliability_chart(
            raters["reliability"], f"against raters: {raters['ece']:.3f}", "fraction of raters"
        )
    for name, f in verdict.get("priors", {}).items():
        title = f"prior {name}: calibration error {f['weighted_ece']:.3f}"
        out[f"prior-{name}"] = reliability_chart(f["reliability"], title, "fraction right")
    if verdict.get("robustness"):
        out["robustness"] = robustness_chart(verdict["robustness"], beside)
    return out


def risks(verdict: dict[str, Any]) -> dict[str, Any]:
    """Return the curves of risk over coverage: of each prior, else of the scores as they are."""
    priors = verdict.get("priors") or {}
    return {name: f["risk"] for name, f in priors.items()} or {"scores": verdict["risk"]}


def page(
    verdict: dict[str, Any],
    labels: tuple[str, ...],
    scores: NDArray[np.float32],
    data: Dataset,
    truth: Truth | None,
    beside: Beside | None = None,
) -> str:
    """Return the page.

    Args:
        verdict: what `evaluate` prints as JSON.
        labels: C names.
        scores: (n, C).
        data: the n faces.
        truth: of these.
        beside: another model's name and its robustness, drawn beside.
    """
    model, source = verdict["model"], verdict["data"]
    out = Page(f"{model['name']} on {source['name']}, {source['split']}")
    out.table(("model", ""), model.items())
    out.table(("data", ""), source.items())
    charts = pictures(verdict, labels, beside)
    if "confusion" in verdict:
        _figures(out, verdict, charts)
    if verdict.get("priors"):
        _priors(out, verdict["priors"], charts)
    if "raters" in verdict:
        _raters(out, verdict["raters"], charts["raters"])
    if verdict.get("robustness"):
        out.heading("Robustness")
        out.picture(charts["robustness"])
        keys = ("corruption", "level", "unit", "faces", "accuracy", "agreement", "confidence")
        out.table(keys, [[row[k] for k in keys] for row in verdict["robustness"]])
    for name, part in verdict.get("slices", {}).items():
        out.heading(f"Groups: {name}")
        of = ("faces", "accuracy", "accuracy_ci95", "macro_f1")
        out.table((name, *of), [[g, *(f[k] for k in of)] for g, f in part["groups"].items()])
        out.text(f"Largest gap of accuracy: {part['largest_gap']}")
    if truth is not None and len(truth.counted):
        _mistakes(out, labels, scores, data, truth)
    return str(out)


def _figures(out: Page, verdict: dict[str, Any], charts: dict[str, bytes]) -> None:
    out.heading("Figures")
    out.text(f"Right is {verdict['truth']}: {verdict['counted']} faces count.")
    names = [n for n in HEADLINES if verdict.get(n) is not None]
    out.table(("", "", "95 % interval"), [(n, verdict[n], verdict.get(f"{n}_ci95")) for n in names])
    for kind, figures in verdict.get("against", {}).items():
        words = [f"{n} {figures[n]:.4f}" for n in ("accuracy", "macro_f1", "ece")]
        out.text(f"Against the {kind}: {', '.join(words)} on {figures['counted']} faces.")
    keys = ("precision", "recall", "recall_ci95", "f1", "support")
    rows = [(n, *(f[k] for k in keys)) for n, f in verdict["per_class"].items()]
    rows += [(f"{n} mean", *(f.get(k, "") for k in keys)) for n, f in verdict["averages"].items()]
    titles = ("precision", "recall", "95 % interval", "f1", "faces")
    out.table(("class", *titles), rows)
    out.picture(charts["confusion"], "confusion matrix")
    out.picture(charts["reliability"], "reliability diagram")
    out.picture(charts["risk"], "risk over coverage: errors among the faces it is surest of")


def _priors(out: Page, priors: dict[str, Any], charts: dict[str, bytes]) -> None:
    out.heading("Under each prior")
    out.text(
        "What the scores would be if the classes were as frequent as in training (raters), or all "
        "alike (equal). Weighted: on faces that are as frequent as that prior says."
    )
    of = ("accuracy", "mean_recall", "weighted_accuracy", "weighted_log_loss", "weighted_ece")
    titles = ("prior", *(k.replace("_", " ") for k in of))
    out.table(titles, [(n, *(f[k] for k in of)) for n, f in priors.items()])
    for name in priors:
        out.picture(charts[f"prior-{name}"], f"reliability, prior {name}")


def _raters(out: Page, raters: dict[str, Any], chart: bytes) -> None:
    out.heading("Against the distribution of the raters' votes")
    out.text(
        f"Mean absolute error {raters['mae']:.4f} on {raters['faces']} faces; always answering "
        f"with the mean distribution would have {raters['mae_of_a_constant']:.4f}."
    )
    rank = raters["spearman_per_class"]
    out.table(
        ("class", "mean absolute error", "rank correlation"),
        [(n, mae, rank[n]) for n, mae in raters["mae_per_class"].items()],
    )
    out.picture(chart, "does a score of 0.6 mean six in ten?")


def _mistakes(
    out: Page, labels: tuple[str, ...], scores: NDArray[np.float32], data: Dataset, truth: Truth
) -> None:
    best = scores.argmax(axis=1)
    wrong = truth.counted[best[truth.counted] != truth.classes[truth.counted]]
    if not len(wrong):
        return
    worst = wrong[np.argsort(-scores[wrong].max(axis=1), kind="stable")][:WORST]
    out.heading("The most confident mistakes")
    for i, face in zip(worst, data.faces(worst), strict=True):
        caption = (
            f"{labels[best[i]]} {scores[i].max():.2f}, should be {labels[truth.classes[i]]} "
            f"({data.names[i]})"
        )
        out.picture(face_png(face), caption)


def save_pictures(folder: Path, charts: dict[str, bytes]) -> None:
    """Write the charts as `<name>.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, png in charts.items():
        (folder / f"{name}.png").write_bytes(png)
