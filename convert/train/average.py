"""`emotion-convert average`: one model of the mean weights of several (Wortsman et al. 2022)."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convert.data import DataError, open_sized
from convert.files import alone_in, write_text
from convert.train.checkpoint import STATE
from convert.train.command import choose_backend, save_whole
from convert.train.holdout import PERSON, as_trained
from convert.train.record import KEPT, MODEL, RECORD, versions
from convert.train.runfile import BACKENDS
from convert.train.teacher import described
from edge.errors import ConfigError, NoInputError, StorageError, UsageError
from edge.model.manifest import sha256_of

if TYPE_CHECKING:
    from convert.data.dataset import Dataset
    from convert.load import FloatModel
    from convert.train.prepare import Part

SAME = ("votes", "holdout", "size")  # else the trainings held out other faces


def add_parser(subparsers: Any) -> None:
    """Add the command `average`."""
    p = subparsers.add_parser(
        "average",
        help="make one model of the mean weights of several",
        description="Averages the weights of trainings that began from the same model, which often "
        "beats each of them at the cost of one (Wortsman et al. 2022, arXiv:2203.05482), and shows "
        "how all do on the faces that the trainings held out.",
    )
    p.add_argument("data", type=Path, help="the data set that they were trained on")
    p.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="model.keras of `train`")
    p.add_argument("--out", type=Path, required=True, help="folder for model.keras and train.json")
    p.add_argument("--backend", choices=BACKENDS, help="of Keras")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the average and print what it is worth.

    Raises:
        EdgeError: fewer than two models, one that cannot be read, or models that do not belong
            together.
    """
    if len(args.models) < 2:
        raise UsageError(f"average: got {len(args.models)} model; allowed: 2 and more")
    if any(path.resolve() == (args.out / MODEL).resolve() for path in args.models):
        raise UsageError(f"--out: got {args.out}, the folder of one of them; allowed: another one")
    _check_free(args.out)
    choose_backend(args.backend)
    records = [_record(path) for path in args.models]
    recipe = records[0]["recipe"]
    data = open_sized(args.data, recipe["size"])
    models = _loaded(args.models, data)
    choose = _held_out(args.data, data, recipe, records)
    rows = [(str(path), _evaluated(m, choose)) for path, m in zip(args.models, models, strict=True)]
    mean = models[0]
    weights = zip(*(m.network.get_weights() for m in models), strict=True)
    mean.network.set_weights([np.mean(same, axis=0, dtype=np.float64) for same in weights])
    figures = _evaluated(mean, choose)
    try:
        with alone_in(args.out):
            _write(args.out, args.models, mean, records, figures)
    except OSError as e:
        raise StorageError(f"{e.filename or args.out}: {e.strerror or e}") from e
    for name, row in [*rows, (str(args.out / MODEL), figures)]:
        print(f"{name}: " + ", ".join(f"held-out {k} {v:.4f}" for k, v in row.items()))
    return 0


def _check_free(out: Path) -> None:
    """Refuse a folder with a model that is no average: a training's is not made again in seconds.

    Raises:
        DataError: it has one.
    """
    kept = next((out / name for name in (MODEL, STATE) if (out / name).exists()), None)
    if kept is None:
        return
    try:
        averaged = json.loads((out / RECORD).read_text(encoding="utf-8")).get("averaged")
    except (OSError, ValueError, AttributeError):
        averaged = None
    if not averaged or kept.name == STATE:
        raise DataError(kept, "is of a training, and would be replaced; use another --out")


def _record(model: Path) -> dict[str, Any]:
    if not model.is_file():
        raise NoInputError(f"{model}: no such file")
    path = model.parent / RECORD
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        recipe = content["recipe"]
        height, width = recipe["size"]
        recipe |= {"size": (int(height), int(width))}
        recipe |= {"votes": float(recipe["votes"]), "holdout": float(recipe["holdout"])}
        content["data"]["validation"]
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise ConfigError(f"{path}: not a record of training ({type(e).__name__}: {e})") from e
    return content


def _loaded(paths: list[Path], data: Dataset) -> list[FloatModel]:
    from convert.load import load_float
    from convert.model_options import USUAL

    models = [load_float(path, USUAL, data.classes) for path in paths]
    shapes = [[w.shape for w in m.network.get_weights()] for m in models]
    for path, own in zip(paths, shapes, strict=True):
        if own != shapes[0]:
            raise ConfigError(f"{path}: not of the same architecture as {paths[0]}")
    return models


def _held_out(
    path: Path, data: Dataset, recipe: dict[str, Any], records: list[dict[str, Any]]
) -> Part:
    from convert.train.prepare import prepare

    for key in SAME:
        values = [r["recipe"][key] for r in records]
        if any(v != values[0] for v in values):
            raise ConfigError(f"average: {key} differs: {', '.join(map(str, values))}")
    if len({r["data"].get("held_out_by") == PERSON for r in records}) > 1:
        raise ConfigError("average: some of them held out people, the others faces")
    try:
        same = as_trained(data, records[0])
        _, choose, counts = prepare(same, votes=recipe["votes"], holdout=recipe["holdout"])
    except ValueError as e:
        raise ConfigError(f"{path}: {e}") from e
    for record in records:
        held_out = record["data"]["validation"]
        if held_out != counts.validation:
            raise ConfigError(f"{path}: {counts.validation} faces held out; a model had {held_out}")
    return choose


def _evaluated(model: FloatModel, choose: Part) -> dict[str, float]:
    from convert.train.loop import evaluate

    return evaluate(model.network, choose)


def _write(
    out: Path,
    models: list[Path],
    mean: FloatModel,
    records: list[dict[str, Any]],
    figures: dict[str, float],
) -> None:
    averaged = [
        described(path) | {k: record[k] for k in KEPT if k in record}
        for path, record in zip(models, records, strict=True)
    ]
    record = {
        "command": shlex.join(["emotion-convert", *sys.argv[1:]]),
        "architecture": records[0].get("architecture"),
        "parameters": int(mean.network.count_params()),
        "labels": list(mean.labels),
        "recipe": records[0]["recipe"],
        "prior": records[0].get("prior"),
        "averaged": averaged,
        "data": records[0]["data"],
        "validation": {f"validation_{k}": v for k, v in figures.items()},
        "versions": versions(),
    }
    save_whole(mean.network, out / MODEL)
    record["model_sha256"] = sha256_of(out / MODEL)
    write_text(out / RECORD, json.dumps(record, indent=2) + "\n")
