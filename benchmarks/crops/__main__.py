"""`python -m benchmarks.crops`: what boxes and tilted heads do to the emotion model."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2

from benchmarks.crops.boxes import emotion_figures, judged_frames
from benchmarks.crops.landmarks import landmark_figures, landmark_table
from benchmarks.crops.tilted import Posed, framed, tilt_figures, tilt_table
from convert.data import open_dataset
from convert.detector.photos import load_photos, split
from convert.detector.under_test import DetectorUnderTest, open_all, open_under_test
from convert.evaluate.truth import part_of
from edge.classify import Model
from edge.model.manifest import find_model

SPEC = "NAME[@WIDTH][:THRESHOLD][=MODEL]"


def boxes(
    args: argparse.Namespace, model: Model, subjects: Sequence[DetectorUnderTest]
) -> dict[str, Any]:
    """Compare what the emotion model says of faces cut out by each detector."""
    data, _ = part_of(open_dataset(args.faces), None)
    figures = emotion_figures(subjects, open_under_test(args.reference), model, data)
    for label, f in figures.items():
        print(
            f"{label}: {f['accuracy'] or 0:.4f} right on {f['compared']} faces, with the "
            f"reference's boxes {f['accuracy_of_reference'] or 0:.4f}"
        )
    return figures


def tilt(
    args: argparse.Namespace, model: Model, subjects: Sequence[DetectorUnderTest]
) -> dict[str, Any]:
    """Compare what it says of turned pictures, cut out as they are and turned upright."""
    posed = []
    if args.portraits:
        _, portraits = split(load_photos(args.portraits))
        posed.append(Posed(args.portraits.stem, [framed(p) for p in portraits], None))
    if args.faces:
        data, _ = part_of(open_dataset(args.faces), None)
        posed.append(Posed(args.faces.name, *judged_frames(model, data)))
    figures = {s.label: {p.name: tilt_figures(s, model, p) for p in posed} for s in subjects}
    for label, own in figures.items():
        if any(own.values()):
            print(f"{label}:\n{tilt_table(own)}")
    return figures


def landmarks(
    args: argparse.Namespace, model: Model, subjects: Sequence[DetectorUnderTest]
) -> dict[str, Any]:
    """Compare landmarks with the teacher's, and the tilt that they tell with how far it is."""
    _, portraits = split(load_photos(args.portraits))
    figures = {s.label: landmark_figures(s, portraits) for s in subjects}
    for label, own in figures.items():
        print(f"{label}, {len(portraits)} faces:\n{landmark_table(own)}")
    return figures


WHAT = {"boxes": boxes, "tilt": tilt, "landmarks": landmarks}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crops", description=__doc__)
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("--faces", type=Path, help="a labelled data set, as `evaluate` reads it")
    parser.add_argument(
        "--portraits", type=Path, help="tilt, landmarks: .npz as given to train-detector"
    )
    parser.add_argument("--model", default="emotion", help="model folder (default: %(default)s)")
    parser.add_argument("--detector", action="append", metavar=SPEC, help="default: face@320")
    parser.add_argument(
        "--reference",
        default="yunet@1920:0.7",
        metavar=SPEC,
        help="boxes: what others are compared with (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, help="write the figures")
    args = parser.parse_args()
    allowed = {"boxes": ["faces"], "tilt": ["faces", "portraits"], "landmarks": ["portraits"]}
    if not any(getattr(args, name) for name in allowed[args.what]):
        parser.error("no faces; give " + " or ".join(f"--{n}" for n in allowed[args.what]))
    cv2.setNumThreads(1)  # as on the device
    subjects = open_all(args.detector or ["face@320"])
    found = WHAT[args.what](args, Model(find_model(args.model)), subjects)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
