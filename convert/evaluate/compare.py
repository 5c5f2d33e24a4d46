"""`emotion-convert compare`: models side by side, measured in turns."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from convert.arguments import told_apart
from convert.data import Dataset, open_dataset
from convert.evaluate.command import against, describe
from convert.evaluate.cost import latencies, multiply_adds, one_face, parameters, size_bytes
from convert.evaluate.figures import rounded
from convert.evaluate.paired import difference, in_words
from convert.evaluate.prior import Choice, Reweighed, add_prior_option, choice_of
from convert.evaluate.scorer import FolderScorer, Scorer
from convert.evaluate.source import as_seen, open_scorer
from convert.evaluate.truth import part_of, truth_of
from convert.load import use_tensorflow
from convert.model_options import add_model_options, model_options
from convert.safety import KERAS_SUFFIXES
from convert.train.record import model_in
from edge.errors import UsageError

EACH = {"TFLite": 20, "Keras": 5}  # calls a turn


def add_parser(subparsers: Any) -> None:
    """Add `compare` to the command line."""
    p = subparsers.add_parser(
        "compare",
        help="put models side by side: size, cost, latency, accuracy, calibration",
        description="Put models side by side. Latency is that of one face on one thread, the "
        "median over turns that the models take one after the other; on a machine with other "
        "work, the CPU time is the one to compare.",
    )
    p.add_argument("models", nargs="+", help="paths, or names of shipped models")
    p.add_argument("--data", type=Path, help="a data set: adds accuracy and calibration")
    p.add_argument("--split", help="default: the data's test split")
    p.add_argument(
        "--rounds", type=int, default=50, help="turns of each model (default %(default)s)"
    )
    form = p.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON, nothing else")
    form.add_argument("--markdown", action="store_true", help="print a Markdown table")
    add_prior_option(p)
    add_model_options(p)
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    if args.rounds < 1:
        raise UsageError(f"--rounds: got {args.rounds}; allowed: 1 and more")
    choice = choice_of(args.prior)
    os.environ["TF_NUM_INTRAOP_THREADS"] = "1"  # one thread, as on the device
    os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    data = open_dataset(args.data) if args.data else None
    if any(_is_keras(m) for m in args.models):
        use_tensorflow()
    how = model_options(args, where_unsaid=len(args.models) > 1)
    scorers = [open_scorer(m, how, data.classes if data else ()) for m in args.models]
    names = told_apart([s.name for s in scorers], args.models)
    scored = []
    if data is not None:
        _, split = part_of(data, args.split)
        scored = [
            _scored(name, s, split, as_seen(data, args.data, s), choice)
            for name, s in zip(names, scorers, strict=True)
        ]
    rows = [
        _row(name, s, scored[i] if scored else None)
        for i, (name, s) in enumerate(zip(names, scorers, strict=True))
    ]
    for row, times in zip(rows, _times(scorers, data, args.rounds), strict=True):
        row["latency_us"] = statistics.median(wall for wall, _ in times) * 1e6
        row["cpu_us"] = statistics.median(cpu for _, cpu in times) * 1e6
    for row in rows:
        row["cpu_ratio"] = row["cpu_us"] / rows[0]["cpu_us"]
    result = rounded({"models": rows, "differences": differences(scored)})
    if args.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
        sys.stdout.write("\n")
    else:
        print(table(result["models"], markdown=args.markdown))
        for found in result["differences"]:
            line = in_words(found["model"], found["against"], found)
            print(f"{'- ' if args.markdown else ''}{line}, {found['truth']}")
    return 0


def _is_keras(model: str) -> bool:
    path = model_in(Path(model))
    return path.suffix in KERAS_SUFFIXES or (path / "saved_model.pb").exists()


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One model's scores, (n, C), of the n faces of a split."""

    name: str
    scorer: Scorer
    part: Dataset
    split: str
    scores: NDArray[np.float32]


def _scored(name: str, scorer: Scorer, split: str, data: Dataset, choice: Choice) -> Scored:
    part, _ = part_of(data, split)
    return Scored(name, scorer, part, split, Reweighed(scorer, choice).predict(part.faces()))


def differences(scored: Sequence[Scored]) -> list[dict[str, Any]]:
    """Return how each other model differs from the first, by each truth that both know."""
    out = []
    for other in scored[1:]:
        first = scored[0]
        for kind in ("votes", "labels"):
            hits = [_right(s, kind) for s in (first, other)]
            if hits[0] is None or hits[1] is None:
                continue
            both = (hits[0] >= 0) & (hits[1] >= 0)
            found = difference(hits[0][both] == 1, hits[1][both] == 1)
            names = {"model": first.name, "against": other.name, "truth": kind}
            out.append({**names, **found})
    return out


def _right(scored: Scored, kind: str) -> NDArray[np.int8] | None:
    """Return for each face 1 (right), 0 (wrong) or -1 (does not count); None without that truth."""
    if kind == "votes" and scored.part.votes is None:
        return None
    truth = truth_of(scored.part, scored.scorer.labels, kind)
    if truth is None:
        return None
    hit = (scored.scores.argmax(axis=1) == truth.classes).astype(np.int8)
    return np.where(truth.classes >= 0, hit, -1).astype(np.int8)


def _row(name: str, scorer: Scorer, scored: Scored | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": name,
        "kind": describe(scorer)["kind"],
        "parameters": parameters(scorer),
        "bytes": size_bytes(scorer),
        "multiply_adds": multiply_adds(scorer),
    }
    if scored is not None:
        row["split"] = scored.split
        row["against"] = against(scored.scores, scored.part, scorer.labels)
    return row


def _times(
    scorers: Sequence[Scorer], data: Dataset | None, rounds: int
) -> list[list[tuple[float, float]]]:
    if data is not None and len(data):
        face = data.faces(np.array([0], np.intp))[0]
    else:
        face = np.random.default_rng(1).integers(0, 256, (48, 48), dtype=np.uint8)
    each = EACH["TFLite" if all(isinstance(s, FolderScorer) for s in scorers) else "Keras"]
    return latencies([one_face(s, face) for s in scorers], rounds=rounds, each=each)


COLUMNS = {
    "name": "model",
    "kind": "kind",
    "parameters": "parameters",
    "bytes": "bytes",
    "multiply_adds": "multiply-adds",
    "latency_us": "µs a face",
    "cpu_us": "CPU µs",
    "cpu_ratio": "times the first",
}
FIGURES = {
    "votes": {"accuracy": "accuracy (raters)", "ece": "ECE (raters)", "mae_shares": "MAE (votes)"},
    "labels": {"accuracy": "accuracy (labels)", "ece": "ECE (labels)"},
}


def table(rows: Sequence[dict[str, Any]], *, markdown: bool) -> str:
    """Return the rows as text, columns aligned, or as Markdown."""
    header = list(COLUMNS.values())
    lines = [[_text(key, row.get(key)) for key in COLUMNS] for row in rows]
    for kind, figures in FIGURES.items():
        if not any(kind in row.get("against", {}) for row in rows):
            continue
        for key, title in figures.items():
            header.append(title)
            for line, row in zip(lines, rows, strict=True):
                line.append(_text(key, row.get("against", {}).get(kind, {}).get(key)))
    if markdown:
        rule = ["---", "---", *["---:"] * (len(header) - 2)]
        return "\n".join("| " + " | ".join(line) + " |" for line in (header, rule, *lines))
    widths = [max(len(line[i]) for line in (header, *lines)) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            c.ljust(w) if i < 2 else c.rjust(w)
            for i, (c, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (header, *lines)
    )


def _text(key: str, value: object) -> str:
    if value is None:
        return "-"
    if key == "accuracy" and isinstance(value, float):
        return f"{value:.2%}"
    if key in ("latency_us", "cpu_us") and isinstance(value, float):
        return f"{value:,.0f}"
    if key == "cpu_ratio" and isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
