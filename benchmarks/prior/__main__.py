"""`python -m benchmarks.prior`: what each `classify.prior` costs and brings, on photographs."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import ROOT, data_folder, publish
from edge.classify import Model
from edge.geometry import Box
from edge.prior import as_vector, reweigh

Floats = NDArray[np.floating[Any]]

BINS = 15  # of confidence, as everywhere in the project
MIN_FACE = 40.0  # pixels: smaller ones in LFW are mostly strangers in the background
SMILE, NO_SMILE = 0.5, 0.1  # of LFW's mouthSmile: certainly smiling, certainly not
CLAIM = 0.5  # a score that the daemon would announce (smooth.enter)
COLUMNS = (
    ("prior", "prior"),
    ("accuracy", "FER2013: accuracy"),
    ("recall", "mean recall"),
    ("ece", "calibration error"),
    ("ece_there", "the same, faces as frequent as the prior says"),
    ("disgust", "recall of disgust"),
    ("fear", "fear"),
    ("sad", "sad"),
    ("neutral", "neutral"),
    ("false", "LFW: angry, disgust or fear at 0.5"),
    ("smiling", "smiling is happy"),
    ("resting", "not smiling is neutral"),
    ("yawning", "yawning is angry, disgust or fear at 0.5"),
    ("closed", "eyes closed: the same"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prior", description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "emotion")
    args = parser.parse_args()
    data, model = data_folder(), Model(args.model)
    labels, trained = model.labels, as_vector(model.manifest.prior, model.labels)
    fer, truth = fer2013(data, model)
    lfw, smile = news(data, model)
    drivers = {name: eyes_and_yawns(data, model, name) for name in ("yawn", "closed_eyes")}
    emotions = 0.672 / 6  # what is left beside the raters' share of neutral
    wanted = {
        "raters": trained,
        "raters, square root": trained**0.5 / (trained**0.5).sum(),
        "equal": np.full(len(labels), 1 / len(labels)),
        "neutral 0.328, the others equal": np.array(
            [0.328 if label == "neutral" else emotions for label in labels]
        ),
    }
    rows = []
    for name, prior in wanted.items():
        scores = reweigh(fer, trained, prior)
        right = scores.argmax(1) == truth
        recall = np.array([right[truth == k].mean() for k in range(len(labels))])
        there = (prior / np.bincount(truth, minlength=len(labels)))[truth]
        claimed = claims(reweigh(lfw, trained, prior), labels)
        best = reweigh(lfw, trained, prior).argmax(1)
        rows.append(
            {
                "prior": name,
                "accuracy": right.mean(),
                "recall": recall.mean(),
                "ece": calibration_error(scores, right, np.ones(len(right))),
                "ece_there": calibration_error(scores, right, there),
                **{e: recall[labels.index(e)] for e in ("disgust", "fear", "sad", "neutral")},
                "false": claimed,
                "smiling": (best[smile > SMILE] == labels.index("happy")).mean(),
                "resting": (best[smile < NO_SMILE] == labels.index("neutral")).mean(),
                "yawning": claims(reweigh(drivers["yawn"], trained, prior), labels),
                "closed": claims(reweigh(drivers["closed_eyes"], trained, prior), labels),
            }
        )
    publish(
        "prior",
        "What each prior costs and brings",
        COLUMNS,
        [{k: v if isinstance(v, str) else round(float(v), 4) for k, v in r.items()} for r in rows],
        [
            f"FER2013's public test against the raters' majority, {len(truth)} faces; calibration "
            "error in 15 bins, once with the faces as they are and once weighed so that each "
            "emotion is as frequent as the prior says.",
            f"LFW: {len(lfw)} faces of news photographs; hardly any is angry, disgusted or afraid, "
            "so that nearly each such claim is a false alarm. Smiling by the blendshapes.",
            f"{len(drivers['yawn'])} yawning faces and {len(drivers['closed_eyes'])} with closed "
            "eyes: whoever is tired is not angry.",
        ],
        model=args.model.name,
    )


def fer2013(data: Path, model: Model) -> tuple[Floats, NDArray[np.int64]]:
    """Return scores and the raters' majority of those faces of the public test that have one."""
    mosaics: dict[str, Any] = {}
    scores, truth = [], []
    with (data / "fer2013" / "labels.csv").open() as f:
        for row in csv.DictReader(f):
            votes = np.array([int(row[f"votes_{label}"]) for label in model.labels])
            if row["split"] != "public_test" or votes.max() < 5 or 2 * votes.max() <= votes.sum():
                continue
            if row["file"] not in mosaics:
                mosaics[row["file"]] = cv2.imread(str(data / "fer2013" / row["file"]), 0)
            y, x = int(row["tile"]) // 160 * 48, int(row["tile"]) % 160 * 48
            face = mosaics[row["file"]][y : y + 48, x : x + 48]
            scores.append(model.infer(model.crop(face, Box(0, 0, 48, 48))))
            truth.append(int(votes.argmax()))
    return np.array(scores), np.array(truth)


def news(data: Path, model: Model) -> tuple[Floats, Floats]:
    """Return scores of LFW's faces, and how much each smiles."""
    with np.load(data / "lfw" / "lfw_faces.npz") as d:
        faces, jpeg, offsets = d["faces"], d["jpeg"], d["offsets"]
    with np.load(data / "state" / "lfw_state.npz") as d:
        names, shapes, valid = list(d["shape_names"]), d["shapes"].astype(float), d["valid"]
    smile = shapes[:, [names.index("mouthSmileLeft"), names.index("mouthSmileRight")]].mean(1)
    used = np.flatnonzero(valid & (faces[:, 3] >= MIN_FACE))
    scores = scored(model, faces[used, 1:], jpeg, offsets, faces[used, 0].astype(int))
    return np.array(list(scores)), smile[used]


def eyes_and_yawns(data: Path, model: Model, name: str) -> Floats:
    """Return scores of yawning faces, or of those with closed eyes."""
    with np.load(data / "drivers" / f"{name}.npz") as d:
        faces, jpeg, offsets, labels = d["faces"], d["jpeg"], d["offsets"], d["labels"]
    used = np.flatnonzero(labels == 1) if name == "yawn" else np.arange(len(faces))
    return np.array(list(scored(model, faces[used], jpeg, offsets, used)))


def scored(
    model: Model, faces: Floats, jpeg: Any, offsets: Any, images: Any
) -> Iterator[NDArray[np.float32]]:
    """Yield scores of faces (n, 14 and more: box, five landmarks) in `images` (n,)."""
    for face, i in zip(faces, images, strict=True):
        luma = np.asarray(cv2.imdecode(jpeg[offsets[i] : offsets[i + 1]], 0), np.uint8)
        marks = tuple((float(x), float(y)) for x, y in face[4:14].reshape(5, 2))
        yield model.infer(model.crop(luma, Box(*(float(v) for v in face[:4])), marks))


def claims(scores: Floats, labels: list[str]) -> float:
    """Return the share of faces that are called angry, disgusted or afraid."""
    harsh = [labels.index(e) for e in ("angry", "disgust", "fear")]
    return float((scores[:, harsh].max(1) >= CLAIM).mean())


def calibration_error(scores: Floats, right: NDArray[np.bool_], weights: Floats) -> float:
    """Return the expected calibration error of the best score, faces counting by `weights`."""
    sure = scores.max(1)
    which = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [abs((weights * (right - sure))[which == k].sum()) for k in range(BINS)]
    return float(sum(gaps) / weights.sum())


if __name__ == "__main__":
    main()
