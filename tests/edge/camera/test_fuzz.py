"""Broken buffers and files by the thousand: a picture, or none, and nothing worse."""

from __future__ import annotations

import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera import probe
from edge.camera.framecheck import FrameCheck
from edge.camera.v4l2 import luma_of_raw
from edge.config import Camera as Config
from edge.errors import NoInputError
from tests.edge.camera.rig import make_plain_video
from tests.fakes import FakeClock
from tests.faults.mutate import mutated

pytestmark = pytest.mark.faults


def test_jpeg_buffers() -> None:
    rng = random.Random(1)
    scene = cv2.GaussianBlur(
        np.random.default_rng(1).integers(0, 256, (48, 64), np.uint8), (0, 0), 3
    )
    jpeg = cv2.imencode(".jpg", scene)[1].tobytes()
    decoded = 0
    for _ in range(10_000):
        luma = luma_of_raw(np.frombuffer(mutated(jpeg, rng), np.uint8), "MJPG", 64, 48)
        if luma is not None:
            decoded += 1
            assert luma.ndim == 2
            assert luma.dtype == np.uint8
    assert 0 < decoded < 10_000, "both outcomes occur"


def test_raw_buffers_and_pictures_of_any_size() -> None:
    rng = random.Random(2)
    check = FrameCheck(frozen_s=5)
    pictures = 0
    for i in range(10_000):
        width, height = rng.choice([(8, 6), (64, 48), (1, 1), (33, 7)])
        fourcc = rng.choice(["YUYV", "UYVY", "NV12", "YU12", "GREY", "MJPG", "H264", ""])
        right = {"YUYV": 4, "UYVY": 4, "NV12": 3, "YU12": 3}.get(fourcc, 2) * width * height // 2
        size = right if rng.random() < 0.5 else rng.randrange(5000)
        luma = luma_of_raw(np.frombuffer(rng.randbytes(size), np.uint8), fourcc, width, height)
        if luma is not None:
            pictures += 1
            assert luma.shape == (height, width)
            check.problem(float(i), luma)
    assert pictures > 1000


def test_videos(tmp_path: Path) -> None:
    rng = random.Random(3)
    path = make_plain_video(tmp_path / "plain.avi", [20, 120, 220])
    good = path.read_bytes()
    refused = 0
    for _ in range(1000):  # each is a file written, opened and read
        path.write_bytes(mutated(good, rng))
        try:
            probe(Config(source=str(path)), FakeClock())
        except NoInputError as e:
            refused += 1
            assert str(path) in str(e)
    assert 0 < refused < 1000, "both outcomes occur"
