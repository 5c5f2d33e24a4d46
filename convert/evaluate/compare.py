"""`emotion-convert compare`: models side by side, measured in turns."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from convert.data import Dataset, open_dataset
from convert.evaluate.command import against, describe
from convert.evaluate.cost import latencies, multiply_adds, one_face, parameters, size_bytes
from convert.evaluate.figures import rounded
from convert.evaluate.scorer import FolderScorer, Scorer
from convert.evaluate.source import add_scorer_options, open_scorer
from convert.evaluate.truth import part_of
from convert.load import use_tensorflow
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
    add_scorer_options(p)
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    if args.rounds < 1:
        raise UsageError(f"--rounds: got {args.rounds}; allowed: 1 and more")
    os.environ["TF_NUM_INTRAOP_THREADS"] = "1"  # one thread, as on the device
    os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    data = open_dataset(args.data) if args.data else None
    if any(_is_keras(m) for m in args.models):
        use_tensorflow()
    scorers = [open_scorer(m, args, data.classes if data else ()) for m in args.models]
    rows = [_row(scorer, args.split, data) for scorer in scorers]
    for row, times in zip(rows, _times(scorers, data, args.rounds), strict=True):
        row["latency_us"] = statistics.median(wall for wall, _ in times) * 1e6
        row["cpu_us"] = statistics.median(cpu for _, cpu in times) * 1e6
    for row in rows:
        row["cpu_ratio"] = row["cpu_us"] / rows[0]["cpu_us"]
    result = rounded({"models": rows})
    if args.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
        sys.stdout.write("\n")
    else:
        print(table(result["models"], markdown=args.markdown))
    return 0


def _is_keras(model: str) -> bool:
    return (
        Path(model).suffix in (".keras", ".h5", ".hdf5") or Path(model, "saved_model.pb").exists()
    )


def _row(scorer: Scorer, split: str | None, data: Dataset | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": scorer.name,
        "kind": describe(scorer)["kind"],
        "parameters": parameters(scorer),
        "bytes": size_bytes(scorer),
        "multiply_adds": multiply_adds(scorer),
    }
    if data is not None:
        part, row["split"] = part_of(data, split)
        row["against"] = against(scorer.predict(part.faces()), part, scorer.labels)
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
