"""`emotion-convert evaluate-detector`: detectors side by side on pictures and videos."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.arguments import check_once, seed, told_apart
from convert.detector.copy_paste import Composer
from convert.detector.photographs import close_faces, evaluate_close, evaluate_photographs
from convert.detector.photos import Photo, load_photos, split
from convert.detector.rooms import evaluate_rooms
from convert.detector.scores import Floats, Truth, evaluate
from convert.detector.table import table
from convert.detector.under_test import DetectorUnderTest, interleaved, open_all, open_under_test
from convert.detector.videos import Clip, evaluate_clip, load_clip
from edge.config import Detect, TrackKeys
from edge.errors import NoInputError, UsageError

Luma = NDArray[np.uint8]
HEIGHT, WIDTH = 240, 320  # pixels of the composed pictures: the device's default
TIMED = 25  # frames of each video on which time is taken
CLOSE = 60  # frames of each width of a large face
SPECS = ("face@320", "haar@320", "haar@640")


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Material:
    """What detectors are evaluated on; all of it held out of training."""

    photos: Sequence[Photo]
    pictures: Sequence[Luma]  # composed
    truths: Sequence[Truth]  # of these
    close: dict[str, list[tuple[Luma, Floats]]]
    clips: Sequence[Clip]
    rooms: float = 0.0  # minutes
    seed: int = 7


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    p = subparsers.add_parser(
        "evaluate-detector",
        help="evaluate face detectors side by side",
        description="Evaluates detectors as the device runs them: on held-out photographs with and "
        "without faces, on large faces and pictures composed of them, in rooms without anybody, "
        "and on videos beside a reference.",
    )
    p.add_argument(
        "--detector",
        action="append",
        metavar="NAME[@WIDTH][:THRESHOLD][=MODEL]",
        help=f"may be given several times (default: {' '.join(SPECS)})",
    )
    p.add_argument(
        "--photos",
        type=Path,
        action="append",
        default=[],
        metavar="NPZ",
        help="as given to train-detector, of which the held-out part is used; may be given several "
        "times",
    )
    p.add_argument("--pictures", type=int, default=300, help="composed (default %(default)s)")
    p.add_argument(
        "--rooms",
        type=float,
        default=0.0,
        metavar="MINUTES",
        help="of views without anybody, before the device's tracker",
    )
    p.add_argument("--clips", type=Path, nargs="*", default=[], help="videos")
    p.add_argument(
        "--reference",
        default="yunet@1920:0.7",
        metavar="NAME[@WIDTH][:THRESHOLD][=MODEL]",
        help="what the videos' faces are taken from (default %(default)s: at full size)",
    )
    p.add_argument("--seed", type=seed, default=7, help="of the pictures (default %(default)s)")
    p.add_argument("--json", type=Path, help="write the figures")
    p.add_argument("--html", type=Path, help="write a report with pictures")
    p.add_argument("--froc", type=Path, metavar="PNG", help="draw recall over false faces")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, print a table, write what was asked for."""
    if not args.photos and not args.clips:
        raise UsageError("nothing to evaluate on; give --photos, or --clips")
    if args.pictures < 1:
        raise UsageError(f"--pictures: got {args.pictures}; allowed: 1 and more")
    if args.rooms < 0 or (args.rooms and not args.photos):
        raise UsageError(f"--rooms: got {args.rooms:g}; allowed: 0 and more, with --photos")
    check_once("--clips", [str(path) for path in args.clips])
    for path in args.clips:
        if not path.is_file():
            raise NoInputError(f"{path}: no such file")
    import cv2

    cv2.setNumThreads(1)  # as on the device, and to compare time alike
    detectors = open_all(args.detector or SPECS)
    photos = [p for path in args.photos for p in split(load_photos(path))[1]]
    clips: list[Clip] = []
    if args.clips:
        reference = open_under_test(args.reference)
        names = told_apart([path.stem for path in args.clips], [str(p) for p in args.clips])
        clips = [
            load_clip(path, name, reference) for path, name in zip(args.clips, names, strict=True)
        ]
    material = _material(photos, clips, args)
    verdict = verdict_of(detectors, material)
    print(table(verdict))
    if args.json:
        args.json.write_text(json.dumps(verdict, indent=1) + "\n")
    if args.html:
        from convert.detector.report import page

        args.html.write_text(page(verdict, detectors, material), encoding="utf-8")
    if args.froc:
        from convert.detector.report import froc_chart

        args.froc.write_bytes(froc_chart(verdict))
    return 0


def _material(photos: Sequence[Photo], clips: Sequence[Clip], args: argparse.Namespace) -> Material:
    composed = []
    if photos:
        composer = Composer(photos, photos, height=HEIGHT, width=WIDTH, seed=args.seed)
        composed = [composer.picture() for _ in range(args.pictures)]
    return Material(
        photos,
        [p.luma for p in composed],
        [Truth(p.faces, p.ignored) for p in composed],
        close_faces(photos, CLOSE, args.seed),
        clips,
        args.rooms,
        args.seed,
    )


def verdict_of(
    detectors: Sequence[DetectorUnderTest],
    m: Material,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Return all figures as JSON values, by detector; `say` gets a line of progress."""
    usual, tracking = Detect(), TrackKeys()
    empty = [p for p in m.photos if not len(p.faces)]
    result: dict[str, Any] = {}
    for d in detectors:
        say(d.label)
        own: dict[str, Any] = {"threshold": d.threshold}
        if m.pictures:
            own["composed"] = evaluate(m.truths, [d.find(p) for p in m.pictures], d.threshold)
        if m.photos:
            own["photographs"] = evaluate_photographs(d, m.photos, m.seed)
        if m.close:
            own["close"] = evaluate_close(d, m.close)
        if m.rooms and empty:
            own["rooms"] = evaluate_rooms(
                d,
                empty,
                minutes=m.rooms,
                rate=usual.rate,
                tracking=tracking,
                seed=m.seed,
            )
        own["videos"] = {
            c.name: evaluate_clip(c, d, rate=usual.rate, confirm=tracking.confirm) for c in m.clips
        }
        result[d.label] = own
    frames = [f.luma for c in m.clips for f in c.frames[:: max(1, len(c.frames) // TIMED)]]
    for label, ms in interleaved(list(detectors), frames or list(m.pictures[:100])).items():
        result[label]["ms_a_frame"] = ms
    return result
