"""`emotion-convert evaluate`: what a model knows, from any reader, for any kind of model."""

from __future__ import annotations

import argparse
import csv
import logging
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from convert.arguments import new_file, seed
from convert.data import Dataset, open_dataset
from convert.evaluate.beside import robustness_of
from convert.evaluate.figures import headline, rounded
from convert.evaluate.page import cell
from convert.evaluate.prior import (
    Reweighed,
    add_prior_option,
    choice_of,
    trained_prior,
    under_each_prior,
)
from convert.evaluate.report import HEADLINES, page, pictures, save_pictures
from convert.evaluate.scorer import FolderScorer, Scorer
from convert.evaluate.selective import risk_at
from convert.evaluate.source import (
    as_seen,
    input_description,
    open_data,
    open_scorer,
    wanted_truth,
)
from convert.evaluate.truth import Truth, add_truth_option, choose_truth, part_of, truth_of
from convert.evaluate.verdict import full, robustness, slices
from convert.labels import DATA, GIVEN, likelier_order, order_message
from convert.model_options import add_model_options, model_options
from edge.errors import UsageError
from edge.prior import RATERS

log = logging.getLogger(__name__)


def add_parser(subparsers: Any) -> None:
    """Add `evaluate` to the command line."""
    p = subparsers.add_parser(
        "evaluate",
        help="evaluate a model on a data set",
        description="Evaluate a Keras model, a .tflite or a model folder; .tflite models run "
        "through the device's own classifier.",
    )
    p.add_argument("model", help="a path, or the name of a shipped model")
    p.add_argument("data", type=Path, help="a data set: folder or table")
    p.add_argument("--split", help="default: the data's test split; all: every face")
    p.add_argument(
        "--find-faces",
        action="store_true",
        help="pictures: cut out the largest face as the device does, instead of the middle square",
    )
    p.add_argument("--json", action="store_true", help="print the figures as JSON, nothing else")
    p.add_argument("--html", type=new_file, metavar="FILE", help="write a report with pictures")
    p.add_argument("--csv", type=new_file, metavar="FILE", help="write every face's scores")
    p.add_argument("--pictures", type=Path, metavar="DIR", help="write the charts as PNG")
    p.add_argument(
        "--robustness",
        type=int,
        default=1000,
        metavar="N",
        help="faces to corrupt in every way; 0: none (default %(default)s)",
    )
    p.add_argument(
        "--beside",
        type=Path,
        metavar="JSON",
        help="what `evaluate --json` printed of another model: its robustness is drawn beside",
    )
    p.add_argument("--seed", type=seed, default=1, help="default %(default)s")
    add_truth_option(p)
    add_prior_option(p)
    add_model_options(p)
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, and print or write what was asked for."""
    if args.robustness < 0:
        raise UsageError(f"--robustness: got {args.robustness}; allowed: 0 and more")
    choice = choice_of(args.prior)
    beside = robustness_of(args.beside) if args.beside else None
    data = open_dataset(args.data)
    scorer = open_scorer(args.model, model_options(args), data.classes)
    if args.find_faces:
        data = open_data(args.data, scorer, find_faces=True)
    else:
        data = as_seen(data, args.data, scorer)
    part, split = part_of(data, args.split)
    truth = truth_of(part, scorer.labels, wanted_truth(scorer, args.truth, part))
    reweighed = Reweighed(scorer, choice)
    scores = reweighed.predict(part.faces())
    verdict = evaluate(scorer, scores, part, truth)
    if truth is not None and len(truth.counted):
        _warn_of_order(scorer, verdict)
        verdict["prior"] = choice
        own = scores if choice == RATERS else scorer.predict(part.faces())
        verdict["priors"] = under_each_prior(own, truth, scorer.labels, trained_prior(scorer))
        if args.robustness:
            verdict["robustness"] = robustness(
                reweighed, part, truth, faces=args.robustness, seed=args.seed
            )
    verdict["data"] = {"name": args.data.resolve().name, "split": split, **verdict["data"]}
    verdict = rounded(verdict)
    if args.csv:
        write_depth_index(args.csv, scores, part, truth, scorer.labels)
    if args.html:
        args.html.write_text(
            page(verdict, scorer.labels, scores, part, truth, beside), encoding="utf-8"
        )
    if args.pictures:
        save_pictures(args.pictures, pictures(verdict, scorer.labels, beside))
    if args.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(verdict), indent=2).decode())
        sys.stdout.write("\n")
    else:
        _print(verdict)
    return 0


def _warn_of_order(scorer: Scorer, verdict: dict[str, Any]) -> None:
    """Warn where labels that were only assumed or given fit much better in another order."""
    if scorer.labels_from in (DATA, GIVEN):
        found = likelier_order(np.asarray(verdict["confusion"]), scorer.labels)
        if found is not None:
            log.warning(order_message(scorer.name, found))


def evaluate(
    scorer: Scorer,
    scores: NDArray[np.float32],
    data: Dataset,
    truth: Truth | None,
) -> dict[str, Any]:
    """Return the verdict on `scores`, (n, C), of the n faces in `data`."""
    best = scores.argmax(axis=1)
    out: dict[str, Any] = {
        "model": describe(scorer),
        "data": {
            "faces": len(data),
            "skipped": len(data.skipped),
            "predicted": {n: int((best == c).sum()) for c, n in enumerate(scorer.labels)},
        },
    }
    if truth is None or not len(truth.counted):
        return out
    out.update(full(scores, truth, scorer.labels))
    out["against"] = against(scores, data, scorer.labels)
    if data.attributes:
        out["slices"] = slices(scores, data, truth, scorer.labels)
    return out


def against(
    scores: NDArray[np.float32], data: Dataset, labels: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    """Return headline figures for every truth that the data has: votes, labels or both."""
    out = {}
    for kind in ("votes", "labels"):
        if kind == "votes" and data.votes is None:
            continue
        truth = truth_of(data, labels, choose_truth(data, kind))
        if truth is not None and len(truth.counted):
            out[kind] = {"counted": len(truth.counted), **headline(scores, truth, labels)}
    return out


def describe(scorer: Scorer) -> dict[str, Any]:
    """Return what is known about a model."""
    out: dict[str, Any] = {"name": scorer.name, "input": input_description(scorer.input)}
    if isinstance(scorer, FolderScorer):
        manifest = scorer.model.manifest
        out["kind"] = f"TFLite {manifest.quantisation}"
        out["runtime"] = scorer.model.runtime
        out["sha256"] = manifest.sha256
    else:
        out["kind"] = "Keras"
    out["labels"] = list(scorer.labels)
    return out


def write_depth_index(
    path: Path,
    scores: NDArray[np.float32],
    data: Dataset,
    truth: Truth | None,
    labels: tuple[str, ...],
) -> None:
    """Write the emotion depth index: a row a face, scores to two decimals.

    The true class is empty for a face that does not count.
    """
    with path.open("w", newline="", encoding="utf-8") as f:
        rows = csv.writer(f)
        rows.writerow(("file", "predicted", "true", *labels))
        for i, (name, row) in enumerate(zip(data.names, scores, strict=True)):
            known = -1 if truth is None else int(truth.classes[i])
            true = labels[known] if known >= 0 else ""
            rows.writerow((name, labels[int(row.argmax())], true, *(f"{v:.2f}" for v in row)))


def _print(verdict: dict[str, Any]) -> None:
    data = verdict["data"]
    line = f"{verdict['model']['name']} on {data['name']}, {data['split']}: {data['faces']} faces"
    if data["skipped"]:
        line += f"; {data['skipped']} files skipped (`emotion-convert inspect` names them)"
    print(line)
    if "accuracy" not in verdict:
        print("no figures: the data says nothing about this model's labels")
        print("predicted: " + ", ".join(f"{n} {c}" for n, c in data["predicted"].items()))
        return
    print(f"right is {verdict['truth']} ({verdict['counted']} faces count)")
    for name in HEADLINES:
        if verdict.get(name) is not None:
            interval = verdict.get(f"{name}_ci95")
            print(
                f"  {name:<12}{cell(verdict[name])}" + (f"  ({cell(interval)})" if interval else "")
            )
    print(f"  {'class':<12}{'precision':>10}{'recall':>10}{'f1':>10}{'faces':>8}")
    for name, f in verdict["per_class"].items():
        row = "".join(f"{cell(f[k]):>10}" for k in ("precision", "recall", "f1"))
        print(f"  {name:<12}{row}{f['support']:>8}")
    for name, f in verdict["averages"].items():
        row = "".join(f"{cell(f[k]):>10}" for k in ("precision", "recall", "f1"))
        print(f"  {name + ' mean':<12}{row}")
    for name, f in verdict.get("priors", {}).items():
        print(
            f"  prior {name}: accuracy {f['accuracy']:.4f}, mean recall {f['mean_recall']:.4f}; on "
            f"faces of that prior: accuracy {f['weighted_accuracy']:.4f}, ece "
            f"{f['weighted_ece']:.4f}; of the surest 90 %, {1 - risk_at(f['risk'], 0.9):.4f} right"
        )
