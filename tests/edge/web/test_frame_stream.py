"""What the preview says of a face is what the classifier holds against its limits."""

from __future__ import annotations

import json
import struct
from typing import Any

import cv2
import numpy as np
import pytest

from edge.crop import crop_for, sharpness
from edge.geometry import Box
from edge.messages import Estimate, Eyes, FaceState, Frame, Track
from edge.model.manifest import find_model, load_manifest
from edge.web.frame_stream import message

SPEC = load_manifest(find_model("emotion")).input
BOX = Box(60, 40, 80, 80)
EYES = ((80.0, 60.0), (110.0, 80.0), (95.0, 85.0), (80.0, 95.0), (105.0, 105.0))  # tilted by 34°


def measures(*, upright: bool) -> dict[str, Any]:
    noise = np.random.default_rng(1).integers(0, 256, (160, 200), np.uint8)
    frame = Frame(seq=1, t=2.0, luma=cv2.GaussianBlur(noise, (0, 0), 2, sigmaY=0.5))
    track = Track("a", BOX, 0.9, 0.0, 2.0, (200, 160), EYES)
    estimate = Estimate(track, "happy", 0.9, {"happy": 0.9}, 0.9, 1.0, None, 1.0)
    payload = message(frame, [estimate], SPEC, upright=upright)
    length = struct.unpack(">I", payload[:4])[0]
    (face,) = json.loads(payload[4 : 4 + length])["faces"]
    wanted = crop_for(SPEC, frame.luma, BOX, EYES if upright else None)
    assert face["measures"]["classify.min_sharpness"] == round(sharpness(wanted), 3)
    assert face["measures"]["classify.min_brightness"] == round(float(wanted.mean()))
    return face["measures"]


def test_a_tilted_face_is_measured_as_it_is_scored() -> None:
    assert measures(upright=True) != measures(upright=False)


@pytest.mark.parametrize("doing", [None, FaceState(yaw=10.04, eyes=Eyes(left=0.5))])
def test_what_a_face_is_doing_is_told_to_the_page(doing: FaceState | None) -> None:
    frame = Frame(seq=1, t=2.0, luma=np.full((160, 200), 90, np.uint8))
    track = Track("a", BOX, 0.9, 0.0, 2.0, (200, 160))
    estimate = Estimate(track, "happy", 0.9, {}, 0.9, 1.0, None, 1.0, state=doing)
    payload = message(frame, [estimate], SPEC)
    length = struct.unpack(">I", payload[:4])[0]
    (face,) = json.loads(payload[4 : 4 + length])["faces"]
    if doing is None:
        assert face["state"] is None
    else:
        assert (face["state"]["yaw"], face["state"]["pitch"]) == (10.0, None)
        assert face["state"]["eyes"] == {"left": 0.5, "right": None}
