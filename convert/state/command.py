"""`emotion-convert train-state`: from labelled faces to weights of the state network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from convert.arguments import seed
from convert.files import alone_in
from convert.train.tensorboard import add_tensorboard_option, event_files
from edge.errors import UnavailableError, UsageError


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    p = subparsers.add_parser(
        "train-state",
        help="train the network of head pose, eyes, mouth and smile",
        description="Trains the state network on faces whose pose and expression teachers told. "
        "Called again with the same folder, it goes on where it stopped.",
    )
    add_data(p)
    p.add_argument("--out", type=Path, required=True, help="folder of the run")
    p.add_argument(
        "--from",
        dest="start",
        type=Path,
        metavar="RUN",
        help="folder of an earlier run whose weights to begin with; its dense layer may be wider",
    )
    p.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="SOURCE",
        help="leave out all faces of an archive, to judge on it as on one never seen",
    )
    p.add_argument("--peak-rate", type=float, help="largest learning rate")
    p.add_argument("--steps", type=int, help="of the training")
    p.add_argument("--minutes", type=float, help="instead of steps: all runs together")
    p.add_argument("--batch", type=int, help="faces a step")
    p.add_argument("--size", type=int, help="pixels of the input, a multiple of 16 (default 64)")
    p.add_argument("--seed", type=seed, help="of the crops and the first weights")
    add_tensorboard_option(p)
    p.set_defaults(run=run)


def add_data(p: argparse.ArgumentParser) -> None:
    """Add the options that say where the labelled faces are."""
    p.add_argument(
        "--data", type=Path, required=True, help="folder with lfw/, state/, drivers/ and photos/"
    )
    p.add_argument(
        "--photo-labels",
        type=Path,
        metavar="NPZ",
        help="what label-state wrote for photos/positives.npz",
    )


def run(args: argparse.Namespace) -> int:
    """Train; an interrupted run keeps its state."""
    for name in ("steps", "minutes", "batch", "peak_rate"):
        value = getattr(args, name)
        if value is not None and value <= 0:
            raise UsageError(f"--{name}: got {value}; allowed: above 0")
    if args.size is not None and (args.size % 16 or not 32 <= args.size <= 128):
        raise UsageError(f"--size: got {args.size}; allowed: a multiple of 16 from 32 to 128")
    import cv2

    try:
        import keras  # noqa: F401  # whether it is there
    except ImportError as e:
        raise UnavailableError(
            f"Keras cannot be used ({e}); install it with: pip install 'emotion-edge[convert]'"
        ) from e
    import numpy as np

    from convert.detector.checkpoint import BEST, load_weights, rows
    from convert.state.augment import Recipe
    from convert.state.faces import held_out, read_faces
    from convert.state.network import Shape, narrowed
    from convert.state.train import Plan, train
    from convert.train.progress import Progress
    from edge.model.manifest import sha256_of

    cv2.setNumThreads(1)
    faces = read_faces(args.data, args.photo_labels)
    unknown = sorted(set(args.without) - set(faces.source.tolist()))
    if unknown:
        allowed = ", ".join(sorted(set(faces.source.tolist())))
        raise UsageError(f"--without: got {', '.join(unknown)}; allowed: {allowed}")
    faces = faces.take(~held_out(faces) & ~np.isin(faces.source, args.without))
    given = {
        name: getattr(args, name)
        for name in ("steps", "minutes", "batch", "peak_rate", "seed")
        if getattr(args, name) is not None
    }
    if args.minutes and not args.steps:
        given["steps"] = 1_000_000  # only time ends it
    size = {"size": args.size} if args.size else {}
    say = Progress(1).line
    say(f"{len(faces)} faces to train on")
    shape = Shape(**size)
    data = sums(args.data, args.photo_labels) | {"without": " ".join(sorted(args.without))}
    start = None
    if args.start is not None:
        start = narrowed(load_weights(args.start / BEST), shape.dense)
        data["from"] = sha256_of(args.start / BEST)
    with (
        alone_in(args.out),
        event_files(args.tensorboard, args.out, rows(args.out), "step") as log,
    ):
        train(
            Plan(**given),
            shape,
            Recipe(**size),
            faces,
            args.out,
            data=data,
            start=start,
            say=say,
            log=log,
        )
    print(args.out / BEST)
    return 0


def sums(folder: Path, photo_labels: Path | None) -> dict[str, str]:
    """Return the SHA-256 of all archives that are read, by name."""
    from edge.model.manifest import sha256_of

    names = (
        "lfw/lfw_faces.npz", "state/lfw_state.npz", "state/keypoints.npz",
        "drivers/closed_eyes.npz", "drivers/yawn.npz",
    )  # fmt: skip
    out = {name: sha256_of(folder / name) for name in names}
    if photo_labels is not None:
        out["photos/positives.npz"] = sha256_of(folder / "photos/positives.npz")
        out["labels of photos/positives.npz"] = sha256_of(photo_labels)
    return out
