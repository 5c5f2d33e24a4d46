"""`emotion-convert label-state`: what the teachers say of the faces in photographs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.detector.photos import SURE, load_photos
from convert.files import replacing
from convert.state.teacher import LEFT_EYE, RIGHT_EYE, Taught, Teacher
from convert.train.progress import Progress
from edge.errors import UsageError

SHAPES = (
    "eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthSmileLeft", "mouthSmileRight",
)  # fmt: skip
SMALLEST = 40.0  # pixels: the teachers agree with themselves down to such a face
PRESENT = 0.9  # presence from which a label is used
ASTRAY = 0.35  # eye distances: eyes further from the detector's are of something else
OUTSIDE = 0.15  # fraction of the points that may lie outside the picture


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    p = subparsers.add_parser(
        "label-state",
        help="label faces of photographs with head pose, eyes, mouth and smile",
        description="Runs MediaPipe's Face Landmarker over the faces of an archive of photographs "
        "and writes what it says, one row a face, for train-state.",
    )
    p.add_argument("photos", type=Path, metavar="NPZ", help="photographs with faces")
    p.add_argument("--teachers", type=Path, required=True, help="folder of the teachers' networks")
    p.add_argument("--out", type=Path, required=True, help="archive of labels to write")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Label and write the archive."""
    if args.out.suffix != ".npz":
        raise UsageError(f"--out: got {args.out}; allowed: a name that ends in .npz")
    if args.out.resolve() == args.photos.resolve():
        raise UsageError(f"--out: got {args.out}, the photographs themselves; allowed: another")
    labels = label(args.photos, Teacher(args.teachers), Progress(1).line)
    with replacing(args.out) as partial, partial.open("wb") as f:
        np.savez_compressed(f, **labels)  # type: ignore[arg-type]  # numpy's stub knows no **arrays
    print(f"{args.out}: {int(labels['valid'].sum())} of {len(labels['valid'])} faces are labelled")
    return 0


def label(
    photos: Path, teacher: Teacher, say: Callable[[str], None]
) -> dict[str, NDArray[np.generic]]:
    """Return the labels of every sure face, in the archive's order of pictures.

    Returns:
        `picture` (n) and `faces` (n, 15), of which picture and where; `valid` (n), the mask to
        train with; `presence` (n); `pose` (n, 3), degrees; `shapes` (n, 5) with `shape_names`. Rows
        of faces that are too small for the teacher are NaN.
    """
    rows: list[tuple[int, NDArray[np.float32], Taught | None, bool]] = []
    for i, photo in enumerate(load_photos(photos)):
        for face in photo.faces:
            if face[-1] < SURE:
                continue
            if min(face[2], face[3]) < SMALLEST:
                rows.append((i, face, None, False))
                continue
            taught = teacher.look(photo.luma, face)
            rows.append((i, face, taught, fits(taught, face, photo.luma.shape)))
            if len(rows) % 500 == 0:
                say(f"{len(rows)} faces")
    none = np.full(3, np.nan)
    return {
        "picture": np.array([i for i, *_ in rows], np.int32),
        "faces": np.array([face for _, face, _, _ in rows], np.float32).reshape(-1, 15),
        "valid": np.array([valid for *_, valid in rows], bool),
        "presence": np.array([t.presence if t else np.nan for _, _, t, _ in rows], np.float16),
        "pose": np.array([t.pose if t else none for _, _, t, _ in rows], np.float16).reshape(-1, 3),
        "shapes": np.array(
            [[t.shapes[n] if t else np.nan for n in SHAPES] for _, _, t, _ in rows], np.float16
        ).reshape(-1, len(SHAPES)),
        "shape_names": np.array(SHAPES),
    }


def fits(taught: Taught, face: NDArray[np.float32], shape: tuple[int, ...]) -> bool:
    """Say whether the teacher looked at the face that the detector meant, and saw it whole."""
    eyes = face[4:8].reshape(2, 2)
    apart = max(float(np.linalg.norm(eyes[1] - eyes[0])), 0.2 * float(face[2]))
    # Between the corners of each eye: the outer ones and, of the 478 points, their partners.
    own = np.array(
        [
            (taught.points[RIGHT_EYE] + taught.points[133]) / 2,
            (taught.points[LEFT_EYE] + taught.points[362]) / 2,
        ]
    )
    astray = float(np.linalg.norm(own - eyes, axis=1).max()) / apart
    x, y = taught.points.T
    outside = float(np.mean((x < 0) | (y < 0) | (x >= shape[1]) | (y >= shape[0])))
    return taught.presence >= PRESENT and astray <= ASTRAY and outside <= OUTSIDE
