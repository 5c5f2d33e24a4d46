"""A video of one face: what the network says frame by frame, beside the teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from convert.detector.under_test import open_under_test
from convert.state.faces import patch_of
from convert.state.material import central
from convert.state.outputs import NAMES, targets
from convert.state.predict import FolderPredictor
from convert.state.teacher import Teacher
from edge.errors import NoInputError
from edge.geometry import Box

DETECTOR = "face@640"


def follow(model: FolderPredictor, path: Path, teachers: Path) -> dict[str, Any]:
    """Return how far the network is from the teacher, on the best face of each frame.

    Raises:
        NoInputError: the video cannot be read.
    """
    capture = cv2.VideoCapture(str(path))
    detector, teacher = open_under_test(DETECTOR), Teacher(teachers)
    said, true, told = [], [], []
    frames = 0
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        frames += 1
        luma = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)
        found = detector.find(luma)
        if not len(found.boxes) or found.landmarks is None:
            continue
        x, y, w, h = (float(v) for v in found.boxes[0][:4])
        face = np.concatenate([[x, y, w, h], found.landmarks[0].reshape(-1)]).astype(np.float32)
        taught = teacher.look(luma, face)
        crop = central(patch_of(luma, Box(x, y, w, h))[0][None], model.size)
        own = model.say(crop)
        said.append(own.value[0])
        told.append(own.sigma[0] <= model.known_below)
        shapes = np.array([list(taught.shapes.values())])
        true.append(targets(taught.pose[None], shapes, list(taught.shapes))[0])
    if not said:
        raise NoInputError(f"{path}: no frame with a face in it")
    gap, known = np.abs(np.array(said) - np.array(true)), np.array(told)
    least, most = np.min(true, axis=0), np.max(true, axis=0)
    return {
        "name": path.stem,
        "frames": frames,
        "faces": len(said),
        **{
            name: {
                "teacher_from": float(least[k]),
                "teacher_to": float(most[k]),
                "told": float(known[:, k].mean()),
                "mean_error_told": float(gap[known[:, k], k].mean()) if known[:, k].any() else None,
                "most": float(gap[known[:, k], k].max()) if known[:, k].any() else None,
            }
            for k, name in enumerate(NAMES)
        },
    }
