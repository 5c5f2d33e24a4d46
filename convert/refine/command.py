"""`emotion-convert train-refine`: from photographs with faces to weights of the second look."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from convert.arguments import seed
from convert.detector.archives import ARCHIVES, archives_of, first_difference
from convert.detector.photos import load_photos
from convert.files import alone_in
from convert.refine.candidates import Candidates, collected
from edge.errors import ConfigError, NoInputError, UnavailableError, UsageError

CANDIDATES = "candidates.npz"  # of a run folder: what was collected, kept for the next call


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    p = subparsers.add_parser(
        "train-refine",
        help="train the network that looks closer at what the detector finds",
        description="Lets the shipped detector look at composed pictures and photographs, and "
        "trains a network on what it proposes: face or none, box and landmarks. Called again with "
        "the same folder, it goes on where it stopped.",
    )
    add_photographs(p)
    p.add_argument("--out", type=Path, required=True, help="folder of the run")
    p.add_argument("--pictures", type=int, default=12_000, help="to compose (default %(default)s)")
    p.add_argument("--epochs", type=int, help="of --steps batches")
    p.add_argument("--steps", type=int, help="batches of an epoch")
    p.add_argument("--seed", type=seed, default=1, help="of pictures and first weights")
    p.add_argument("--threads", type=int, default=1, help="and processes (default %(default)s)")
    p.add_argument("--backend", choices=("tensorflow", "torch"), help="of Keras")
    p.set_defaults(run=run)


def add_photographs(p: argparse.ArgumentParser) -> None:
    """Add the archives of photographs."""
    p.add_argument(
        "--portraits",
        type=Path,
        action="append",
        required=True,
        metavar="NPZ",
        help="photographs whose faces are pasted; may be given several times",
    )
    p.add_argument(
        "--scenes",
        type=Path,
        action="append",
        required=True,
        metavar="NPZ",
        help="photographs with and without faces to look at and to paste on; may be given several "
        "times",
    )


def run(args: argparse.Namespace) -> int:
    """Collect and train; an interrupted run keeps what it has."""
    for name in ("pictures", "epochs", "steps", "threads"):
        value = getattr(args, name)
        if value is not None and value <= 0:
            raise UsageError(f"--{name}: got {value}; allowed: above 0")
    for path in [*args.portraits, *args.scenes]:
        if not path.is_file():
            raise NoInputError(f"{path}: no such file")
    if args.backend:
        os.environ["KERAS_BACKEND"] = args.backend
    try:
        import keras
    except ImportError as e:
        raise UnavailableError(
            f"Keras cannot be used ({e}); install it with: pip install 'emotion-edge[convert]'"
        ) from e
    from convert.detector.checkpoint import BEST
    from convert.refine.batches import Recipe
    from convert.refine.network import Shape
    from convert.refine.train import Plan, train
    from convert.train.progress import Progress

    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(args.threads)
    say = Progress(1).line
    data: dict[str, Any] = {
        ARCHIVES: archives_of({"portraits": args.portraits, "scenes": args.scenes}),
        "pictures": args.pictures,
    }
    given = {
        name: getattr(args, name)
        for name in ("epochs", "steps", "seed")
        if getattr(args, name) is not None
    }
    kept = args.out / CANDIDATES
    with alone_in(args.out):
        if kept.is_file():
            candidates = load(kept, made_from=data | {"seed": args.seed})
            say(f"{kept}: {len(candidates)} boxes, as collected before")
        else:
            for path in {*args.portraits, *args.scenes}:
                load_photos(path)  # here, not in a worker, what is wrong with it is one line
            candidates = collected(
                args.portraits,
                args.scenes,
                args.pictures,
                seed=args.seed,
                workers=args.threads,
                say=say,
            )
            save(kept, candidates, made_from=data | {"seed": args.seed})
        train(Plan(**given), Shape(), Recipe(), candidates, args.out, data=data, say=say)
    print(args.out / BEST)
    return 0


def save(path: Path, candidates: Candidates, made_from: Mapping[str, Any]) -> None:
    """Write candidates, and what they were collected from, at once or not at all."""
    partial = path.with_suffix(".part.npz")
    arrays = {f.name: getattr(candidates, f.name) for f in fields(Candidates)}
    np.savez(partial, **arrays, made_from=json.dumps(made_from, sort_keys=True))
    partial.replace(path)


def load(path: Path, made_from: Mapping[str, Any] | None = None) -> Candidates:
    """Read what `save` wrote; with `made_from`, only what was collected from the same.

    Raises:
        ConfigError: it is something else.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            if made_from is not None:
                _check_same(path, json.loads(str(archive["made_from"])), made_from)
            return Candidates(*(archive[f.name] for f in fields(Candidates)))
    except (OSError, ValueError, KeyError) as e:
        raise ConfigError(f"{path}: {e}; allowed: what train-refine has collected") from e


def _check_same(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    if apart := first_difference(before, now):
        key, old, new = apart
        raise ConfigError(
            f"{path}: was collected with {key} {old!r}; got {new!r}; allowed: the same, or another "
            "--out"
        )
