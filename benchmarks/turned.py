"""`python -m benchmarks.turned`: the yaw that decides `turned_away`, beside a face mesh's.

As the detector's five landmarks give it, and as the state network does for what `face` found.

Faces of Labeled Faces in the Wild and of YouTube frames, with the yaw that MediaPipe's face
geometry gives them. Every turned face is used, and as many of the others as are asked for.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import data_folder, publish
from edge.config import Detect
from edge.config_emotion import Classify
from edge.detect import open_detector
from edge.geometry import yaw
from edge.messages import Face
from edge.model.manifest import find_model
from edge.state import StateModel

TURNED = 20.0  # degrees of yaw from which every face is used
MIN_FACE = 40.0  # pixels: smaller ones are mostly strangers in the background
NEAR = 0.4  # of a face's width: a detected face whose centre is nearer is that face
BINS = (0, 10, 20, 30, 35, 40, 90)  # degrees
Reader = Callable[[NDArray[np.uint8], Face], float | None]  # luma and a face in it: its yaw
COLUMNS = (
    ("by", "yaw by"),
    ("turned", "turned by"),
    ("faces", "faces"),
    ("found", "known"),
    ("told", "yaw told, mean"),
    ("error", "mean error"),
    ("away", "counted as turned away"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.turned", description=__doc__)
    parser.add_argument("--level", type=int, default=1000, help="faces that hardly turn, each set")
    args = parser.parse_args()
    data, limit = data_folder(), Classify().max_yaw
    faces = [*news(data, args.level), *frames(data, args.level)]
    (model,) = (data / "detectors").glob("face_detection_yunet_*.onnx")
    network = StateModel(find_model("state"))

    def landmarks(_luma: NDArray[np.uint8], face: Face) -> float | None:
        return None if face.landmarks is None else yaw(face.landmarks)

    def state(luma: NDArray[np.uint8], face: Face) -> float | None:
        return network.infer(*network.crop(luma, face.box, face.landmarks)).yaw

    rows = []
    for name, detect, reader in (
        ("`face`, landmarks", Detect(name="face"), landmarks),
        ("`face`, state network", Detect(name="face"), state),
        ("YuNet, landmarks", Detect(name="yunet", model=str(model)), landmarks),
    ):
        detector = open_detector(detect)
        told = np.array(
            [read(detector.detect(luma), where, luma, reader) for luma, where, _ in faces]
        )
        true = np.array([angle for _, _, angle in faces])
        side, known = told * np.sign(true), ~np.isnan(told)
        for low, high in pairwise(BINS):
            here = (abs(true) >= low) & (abs(true) < high)
            seen = here & known
            rows.append(
                {
                    "by": name,
                    "turned": f"{low} to {high}",
                    "faces": int(here.sum()),
                    "found": round(float(known[here].mean()), 3),
                    "told": round(float(side[seen].mean()), 1),
                    "error": round(float(abs(told - true)[seen].mean()), 1),
                    "away": round(float((abs(told[seen]) > limit).mean()), 3),
                }
            )
        rows.append(
            {
                "by": name,
                "turned": "all",
                "faces": len(faces),
                "found": round(float(known.mean()), 3),
                "error": round(float(abs(told - true)[known].mean()), 1),
                "away": round(float((abs(told[known]) > limit).mean()), 3),
            }
        )
    publish(
        "turned",
        "Which heads count as turned away",
        COLUMNS,
        rows,
        [
            f"Degrees; every face of {TURNED:g} and more, {args.level} others of each set. Turned "
            f"away: by more than classify.max_yaw, {limit:g}. Most faces of LFW, and its YuNet "
            "landmarks' kin, were in the training of `face`; the state network learned from the "
            "same face mesh, from most of LFW and of the YouTube frames among others.",
        ],
    )


def read(
    found: Sequence[Face],
    where: tuple[float, float, float],
    luma: NDArray[np.uint8],
    reader: Reader,
) -> float:
    """Return the yaw of the face at `where` (centre, width), NaN where it is not known."""
    x, y, width = where
    for face in found:
        cx, cy = face.box.centre
        if np.hypot(cx - x, cy - y) < NEAR * width:
            told = reader(luma, face)
            return float("nan") if told is None else told
    return float("nan")


Sample = tuple[NDArray[np.uint8], tuple[float, float, float], float]


def news(data: Path, level: int) -> Iterator[Sample]:
    with np.load(data / "lfw" / "lfw_faces.npz") as d:
        faces, jpeg, offsets = d["faces"].astype(float), d["jpeg"], d["offsets"]
    with np.load(data / "state" / "lfw_state.npz") as d:
        angles, valid = d["pose"][:, 0].astype(float), d["valid"] & (faces[:, 3] >= MIN_FACE)
    for i in chosen(angles, valid, level):
        k, x, y, w, h = faces[i, :5]
        luma = cv2.imdecode(jpeg[offsets[int(k)] : offsets[int(k) + 1]], 0)
        yield np.asarray(luma, np.uint8), (x + w / 2, y + h / 2, w), angles[i]


def frames(data: Path, level: int) -> Iterator[Sample]:
    with np.load(data / "state" / "keypoints.npz") as d:
        jpeg, offsets, valid = d["jpeg"], d["offsets"], d["valid"]
        angles, points = d["pose"][:, 0].astype(float), d["points68"].astype(float)
    for i in chosen(angles, valid, level):
        luma = cv2.imdecode(jpeg[offsets[i] : offsets[i + 1]], 0)
        x, y = points[i].mean(axis=0)
        yield np.asarray(luma, np.uint8), (x, y, float(np.ptp(points[i, :, 0]))), angles[i]


def chosen(angles: NDArray[np.float64], valid: NDArray[np.bool_], level: int) -> list[int]:
    """Return every turned face, and `level` of the others by chance."""
    turned = np.flatnonzero(valid & (abs(angles) >= TURNED))
    others = np.random.default_rng(1).permutation(np.flatnonzero(valid & (abs(angles) < TURNED)))
    return [*turned.tolist(), *others[:level].tolist()]


if __name__ == "__main__":
    main()
