"""`emotion-convert evaluate-detector`: detectors side by side on pictures and videos."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.detector.copy_paste import Composer
from convert.detector.photos import Photo, load_photos, split
from convert.detector.scores import Truth, judge
from convert.detector.under_test import Subject, interleaved, open_subject
from convert.detector.videos import Clip, judge_clip, load_clip
from edge.config import Detect, TrackKeys
from edge.errors import NoInputError, UsageError

Luma = NDArray[np.uint8]
HEIGHT, WIDTH = 240, 320  # pixels of the composed pictures: the device's default
SURE = 0.72  # teacher's score under which its face may be found or not
TIMED = 25  # frames of each video on which time is taken
SPECS = ("face@320", "haar@320", "haar@640")


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    p = subparsers.add_parser(
        "evaluate-detector",
        help="judge face detectors side by side",
        description="Judges detectors as the device runs them: on pictures composed from held-out "
        "photographs, on held-out everyday photographs, and on videos beside a reference.",
    )
    p.add_argument(
        "--detector",
        action="append",
        metavar="NAME[@WIDTH][:THRESHOLD][=MODEL]",
        help=f"may be given several times (default: {' '.join(SPECS)})",
    )
    p.add_argument("--portraits", type=Path, help=".npz as given to train-detector")
    p.add_argument("--scenes", type=Path, help=".npz as given to train-detector")
    p.add_argument("--pictures", type=int, default=500, help="composed (default %(default)s)")
    p.add_argument("--clips", type=Path, nargs="*", default=[], help="videos")
    p.add_argument(
        "--reference",
        default="yunet@1920:0.7",
        metavar="NAME[@WIDTH][:THRESHOLD][=MODEL]",
        help="what the videos' faces are taken from (default %(default)s: at full size)",
    )
    p.add_argument("--seed", type=int, default=7, help="of the pictures (default %(default)s)")
    p.add_argument("--json", type=Path, help="write the figures")
    p.add_argument("--html", type=Path, help="write a report with pictures")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Judge, print a table, write what was asked for."""
    if bool(args.portraits) != bool(args.scenes):
        raise UsageError("--portraits and --scenes: allowed: both or none")
    if not args.portraits and not args.clips:
        raise UsageError("nothing to judge on; give --portraits and --scenes, or --clips")
    if args.pictures < 1:
        raise UsageError(f"--pictures: got {args.pictures}; allowed: 1 and more")
    for path in args.clips:
        if not path.is_file():
            raise NoInputError(f"{path}: no such file")
    import cv2

    cv2.setNumThreads(1)  # as on the device, and to compare time alike
    subjects = [open_subject(spec) for spec in args.detector or SPECS]
    pictures: list[Luma] = []
    truths: list[Truth] = []
    real: list[Photo] = []
    if args.portraits:
        _, portraits = split(load_photos(args.portraits))
        _, real = split(load_photos(args.scenes))
        composer = Composer(portraits, real, height=HEIGHT, width=WIDTH, seed=args.seed)
        for _ in range(args.pictures):
            p = composer.picture()
            pictures.append(p.luma)
            truths.append(Truth(p.faces, p.ignored))
    clips: list[Clip] = []
    if args.clips:
        reference = open_subject(args.reference)
        clips = [load_clip(path, reference) for path in args.clips]
    verdict = verdict_of(subjects, pictures, truths, real, clips)
    print(table(verdict))
    if args.json:
        args.json.write_text(json.dumps(verdict, indent=1) + "\n")
    if args.html:
        from convert.detector.report import page

        args.html.write_text(page(verdict, subjects, pictures, truths, clips), encoding="utf-8")
    return 0


def verdict_of(
    subjects: Sequence[Subject],
    pictures: Sequence[Luma],
    truths: Sequence[Truth],
    real: Sequence[Photo],
    clips: Sequence[Clip],
) -> dict[str, Any]:
    """Return all figures as JSON values, by detector."""
    usual, tracking = Detect(), TrackKeys()
    result: dict[str, Any] = {}
    for s in subjects:
        own: dict[str, Any] = {"threshold": s.threshold}
        if pictures:
            own["composed"] = judge(truths, [s.find(p) for p in pictures], s.threshold)
        if real:
            faces = [
                Truth(p.faces[:, :14], (p.faces[:, 14] < SURE) | (p.faces[:, 2:4].min(axis=1) < 8))
                for p in real
            ]
            own["photographs"] = judge(faces, [s.find(p.luma) for p in real], s.threshold)
        own["videos"] = {
            c.name: judge_clip(c, s, rate=usual.rate, confirm=tracking.confirm) for c in clips
        }
        result[s.label] = own
    frames = [f.luma for c in clips for f in c.frames[:: max(1, len(c.frames) // TIMED)]]
    for label, ms in interleaved(list(subjects), frames or list(pictures[:100])).items():
        result[label]["ms_a_frame"] = ms
    return result


def table(verdict: dict[str, Any]) -> str:
    """Return the main figures as text."""
    lines = []
    for label, own in verdict.items():
        lines.append(f"{label}: {own['ms_a_frame']['median']:.2f} ms a frame")
        for kind in ("composed", "photographs"):
            if kind in own:
                f = own[kind]
                lines.append(
                    f"  {kind}: average precision {f['average_precision']:.3f}; at "
                    f"{f['threshold']:g}: recall {f['recall'] or 0:.3f}, "
                    f"{f['false_a_picture']:.3f} false a picture{_shift(f)}"
                )
        for name, f in own["videos"].items():
            found = "no face" if f["found"] is None else f"found {f['found']:.3f}"
            lines.append(
                f"  {name}: {found}, {f['false_a_minute']:.1f} false a minute, "
                f"{f['false_tracks']} false tracks{_shift(f)}"
            )
    return "\n".join(lines)


def _shift(figures: dict[str, Any]) -> str:
    """Say where landmarks lie beside the true ones, right and down."""
    shift = figures["landmark_shift"]
    return f", landmarks {shift[0]:+.3f} {shift[1]:+.3f} eye distances" if shift else ""
