"""How well classes are told apart, by labels that people gave: shut eyes, yawns, smiles, masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.state import material
from convert.state.faces import Faces
from convert.state.material import central
from convert.state.outputs import EYE_LEFT, EYE_RIGHT, MOUTH, PITCH, ROLL, SMILE, YAW
from convert.state.predict import Predictor, Said
from convert.state.scores import auc, f1, two_classes
from edge.image import resize

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
POSE = [YAW, PITCH, ROLL]
SHUT = 0.5  # openness below which an eye counts as shut in the F1
YAWN = 0.4  # opening of the mouth from which it counts as a yawn's
SMILING = 0.5


def eyes(
    model: Predictor, known_below: Floats, faces: Faces, usual: Faces, data: Path
) -> dict[str, Any]:
    """Return how well shut and open eyes are told apart, by labels that people gave."""
    out: dict[str, Any] = {"level": SHUT}
    shut = faces.take(faces.source == "closed_eyes")
    plain = usual.values[:, (EYE_LEFT, EYE_RIGHT)].min(axis=1) >= 0.75
    open_faces = usual.take(plain & np.isin(usual.source, ("lfw", "keypoints")))
    other = faces.take(
        (faces.source == "masks_chandrika")
        & (faces.values[:, (EYE_LEFT, EYE_RIGHT)].min(axis=1) >= 0.75)
    )
    if len(shut) and len(open_faces):
        said = model.say(central(shut.patches, model.size))
        of_open = model.say(central(open_faces.patches, model.size))
        out["closed_eyes"] = _shut_or_open(said, of_open, known_below)
        if len(other):
            said_other = model.say(central(other.patches, model.size))
            out["closed_eyes_and_other_open"] = _shut_or_open(said, said_other, known_below)
    path = data / "state" / "eyes.npz"
    if path.is_file():
        pick = open_faces.take(open_faces.values[:, (EYE_LEFT, EYE_RIGHT)].min(axis=1) >= 0.9)
        patches, are_open = material.eye_faces(path, pick)
        said = model.say(central(patches, model.size))
        out["eyes_put_in"] = _shut_or_open(said.take(~are_open), said.take(are_open), known_below)
    if (by_hand := material.eyes_by_hand(data / "fer2013")) is not None:
        tiles, are_shut, weights = by_hand
        said = model.say(np.stack([resize(tile, model.size, model.size) for tile in tiles]))
        out["fer2013_by_hand"] = _shut_or_open(
            said.take(are_shut),
            said.take(~are_shut),
            known_below,
            (weights[are_shut], weights[~are_shut]),
        )
    return out


def _shut_or_open(
    shut: Said, opened: Said, known_below: Floats, weights: tuple[Floats, Floats] | None = None
) -> dict[str, Any]:
    value = np.concatenate([material.eyes_of(shut.value), material.eyes_of(opened.value)])
    sigma = np.concatenate([material.eyes_of(shut.sigma), material.eyes_of(opened.sigma)])
    positive = np.arange(len(value)) < 2 * len(shut.value)
    told = sigma <= float(known_below[EYE_LEFT])
    out: dict[str, Any] = {}
    if weights is not None:  # of each face; `eyes_of` tells all right eyes, then all left ones
        each = np.concatenate([np.tile(w, 2) for w in weights])
        out["f1_of_told_weighted"] = f1(value[told] < SHUT, positive[told], each[told])
    return out | {
        "told": float(told.mean()),
        "told_of_shut": share(told[positive]),
        "of_all": two_classes(-value, positive, -SHUT),
        "of_told": two_classes(-value[told], positive[told], -SHUT),
        "shut_below_0.2": share((value <= 0.2)[told & positive]),
        "open_below_0.2": share((value <= 0.2)[told & ~positive]),
    }


def share(flags: Flags) -> float | None:
    """Return the fraction that is true; None of nothing."""
    return float(flags.mean()) if len(flags) else None


def mouth(model: Predictor, known_below: Floats, faces: Faces) -> dict[str, Any]:
    """Return how well yawns are told from other faces, by the labels of yawn.npz."""
    rows = faces.take(faces.source == "yawn")
    said = model.say(central(rows.patches, model.size))
    yawning = np.char.endswith(rows.name, " yawn")
    told = said.sigma[:, MOUTH] <= known_below[MOUTH]
    return {
        "level": YAWN,
        "told": float(told.mean()),
        "of_all": two_classes(said.value[:, MOUTH], yawning, YAWN),
        "of_told": two_classes(said.value[told, MOUTH], yawning[told], YAWN),
        "teacher_auc": auc(rows.values[:, MOUTH], yawning),
    }


def smile(model: Predictor, known_below: Floats, data: Path) -> dict[str, Any]:
    """Return how well happy faces of FER2013 are told from others, by the raters' votes."""
    folder = data / "fer2013"
    if not folder.is_dir():
        return {}
    tiles, happy = material.happy_faces(folder)
    said = model.say(np.stack([resize(tile, model.size, model.size) for tile in tiles]))
    told = said.sigma[:, SMILE] <= known_below[SMILE]
    return {
        "level": SMILING,
        "told": float(told.mean()),
        "of_all": two_classes(said.value[:, SMILE], happy, SMILING),
        "of_told": two_classes(said.value[told, SMILE], happy[told], SMILING),
    }


def masks(model: Predictor, known_below: Floats, faces: Faces) -> dict[str, Any]:
    """Return how often mouth and smile are told of faces with masks, and without."""
    rows = faces.take(faces.source == "masks_chandrika")
    if not len(rows):
        return {}
    said = model.say(central(rows.patches, model.size))
    told = said.sigma <= known_below
    masked = np.char.find(rows.name, "/with_mask/") >= 0
    return {
        which: {
            "faces": int(m.sum()),
            "mouth_told": float(told[m, MOUTH].mean()),
            "smile_told": float(told[m, SMILE].mean()),
            "eyes_told": float(told[m][:, (EYE_LEFT, EYE_RIGHT)].mean()),
            "pose_told": float(told[m][:, POSE].all(axis=1).mean()),
        }
        for which, m in (("with", masked), ("without", ~masked))
        if m.any()
    }
