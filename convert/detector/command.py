"""`emotion-convert train-detector`: from photographs with faces to weights of a detector."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from convert.arguments import seed
from convert.detector.archives import ARCHIVES, archives_of
from convert.files import alone_in
from convert.train.tensorboard import add_tensorboard_option, event_files
from edge.errors import UnavailableError, UsageError


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    p = subparsers.add_parser(
        "train-detector",
        help="train a face detector on composed pictures",
        description="Pastes faces of photographs onto photographs and trains the detector's "
        "network on them. Called again with the same folder, it goes on where it stopped.",
    )
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
        help="photographs with and without faces to show and to paste on; may be given several "
        "times",
    )
    p.add_argument("--out", type=Path, required=True, help="folder of the run")
    p.add_argument(
        "--from",
        dest="start",
        type=Path,
        metavar="WEIGHTS",
        help="weights.npz of an earlier run, or YuNet's ONNX file, to begin with",
    )
    p.add_argument(
        "--boxes-only",
        action="store_true",
        help="train the heads of boxes and landmarks and nothing else: after quantize-detector "
        "--blend, whose mean fits what it finds better than where it says that it is",
    )
    p.add_argument("--steps", type=int, help="of the training")
    p.add_argument("--minutes", type=float, help="instead of steps: all runs together")
    p.add_argument("--batch", type=int, help="pictures a step")
    p.add_argument("--mine-every", type=int, help="steps between two minings; 0: never")
    p.add_argument("--seed", type=seed, help="of the pictures and the first weights")
    p.add_argument("--threads", type=int, default=1, help="of torch (default %(default)s)")
    p.add_argument(
        "--backend", choices=("tensorflow", "torch"), help="of Keras; torch is twice as quick here"
    )
    add_tensorboard_option(p)
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; an interrupted run keeps its state."""
    for name in ("steps", "minutes", "batch", "threads"):
        value = getattr(args, name)
        if value is not None and value <= 0:
            raise UsageError(f"--{name}: got {value}; allowed: above 0")
    if args.mine_every is not None and args.mine_every < 0:
        raise UsageError(f"--mine-every: got {args.mine_every}; allowed: 0 and more")
    if args.backend:
        os.environ["KERAS_BACKEND"] = args.backend
    import cv2

    try:
        import keras
    except ImportError as e:
        raise UnavailableError(
            f"Keras cannot be used ({e}); install it with: pip install 'emotion-edge[convert]'"
        ) from e
    from convert.detector.checkpoint import BEST, record_beside, rows
    from convert.detector.copy_paste import Recipe
    from convert.detector.network import Shape
    from convert.detector.photos import load_photos, split
    from convert.detector.train import Plan, train
    from convert.detector.yunet import load_start
    from convert.train.progress import Progress
    from edge.model.manifest import sha256_of

    cv2.setNumThreads(args.threads)
    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(args.threads)
    given = {
        name: getattr(args, name)
        for name in ("steps", "minutes", "batch", "mine_every", "seed")
        if getattr(args, name) is not None
    }
    if args.boxes_only:
        given["boxes_only"] = True
    if args.minutes and not args.steps:
        given["steps"] = 1_000_000  # only time ends it
    archives = {path: split(load_photos(path))[0] for path in {*args.portraits, *args.scenes}}
    data: dict[str, Any] = {
        ARCHIVES: archives_of({"portraits": args.portraits, "scenes": args.scenes})
    }
    start, before = None, None
    if args.start is not None:
        start = load_start(args.start)
        data["from " + args.start.name] = sha256_of(args.start)
        before = record_beside(args.start)
    with (
        alone_in(args.out),
        event_files(args.tensorboard, args.out, rows(args.out), "step") as log,
    ):
        train(
            Plan(**given),
            Shape(),
            Recipe(),
            [p for path in args.portraits for p in archives[path]],
            [p for path in args.scenes for p in archives[path]],
            args.out,
            data=data,
            start=start,
            before=before,
            say=Progress(1).line,
            log=log,
        )
    print(args.out / BEST)
    return 0
