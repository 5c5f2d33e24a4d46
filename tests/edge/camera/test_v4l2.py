"""Real V4L2 devices: the kernel's virtual camera, unplugged, and one that really speaks MJPG.

They need the modules vivid and v4l2loopback: `scripts/test-v4l2` boots a machine that has both.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera import open_camera, probe
from edge.camera.v4l2 import luma_of_raw
from edge.clock import SystemClock
from edge.config import Camera as Config
from edge.errors import NoInputError
from edge.stages import Camera
from tests.edge.camera.rig import QUICK, descriptors, ffmpeg, needs_ffmpeg, watching
from tests.waiting import wait_until

DRIVER = Path("/sys/bus/platform/drivers/vivid")


def device(name: str) -> str:
    for entry in sorted(Path("/sys/class/video4linux").glob("video*")):
        if name in (entry / "name").read_text():
            return f"/dev/{entry.name}"
    return ""


VIVID = device("vivid")
LOOPBACK = device("edge-loopback")
needs_vivid = pytest.mark.skipif(not VIVID, reason="no vivid device: see scripts/test-v4l2")
needs_loopback = pytest.mark.skipif(not LOOPBACK, reason="no loopback: see scripts/test-v4l2")


def configured(source: str, **more: object) -> Config:
    return Config(source=source, **(QUICK | {"stall_s": 3, "open_timeout_s": 2.0} | more))


def opened(config: Config) -> Camera:
    return open_camera(config, SystemClock(), random.Random(1))


def test_a_device_that_is_not_there_is_lost_and_check_says_what_to_do(tmp_path: Path) -> None:
    with watching(opened(configured("/dev/v4l/by-id/usb-no-such-camera-video-index0"))) as w:
        assert "plugged in" in w.wait_lost().why
    with pytest.raises(NoInputError, match=r"/dev/video63: No such file .* plugged in\?"):
        probe(configured("63"), SystemClock())


def test_a_device_that_is_no_camera_is_said_to_be_none() -> None:
    with pytest.raises(NoInputError, match="/dev/null: not a camera that can be opened"):
        probe(configured("/dev/null"), SystemClock())


@needs_vivid
def test_luma_agrees_with_opencv_in_every_format() -> None:
    video = cv2.VideoCapture(VIVID, cv2.CAP_V4L2)
    try:
        for fourcc in ("YUYV", "UYVY", "NV12", "YU12", "GREY"):
            video.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*fourcc))
            video.set(cv2.CAP_PROP_CONVERT_RGB, 1)
            colour = video.read()[1]
            video.set(cv2.CAP_PROP_CONVERT_RGB, 0)
            raw = video.read()[1]
            luma = luma_of_raw(raw, fourcc, colour.shape[1], colour.shape[0])
            assert luma is not None
            wanted = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY).astype(int)
            assert np.abs(luma - wanted).mean() < 1, fourcc
    finally:
        video.release()


@needs_vivid
@pytest.mark.faults
def test_unplugged_and_plugged_in_again() -> None:
    """Where MJPG is not to be had, whatever is granted serves."""
    try:
        with watching(opened(configured(VIVID))) as w:
            w.wait_frames(3)
            assert w.frames[0].luma.shape == (480, 640)
            assert VIVID in w.camera.stats().description
            open_descriptors, threads = descriptors(), threading.active_count()
            for count in range(1, 21):
                (DRIVER / "unbind").write_text("vivid.0")
                w.wait_lost()
                w.wait_lost("plugged in")
                (DRIVER / "bind").write_text("vivid.0")
                w.wait_frames(3)
                assert w.camera.stats().reopened == count
            assert descriptors() == open_descriptors
            assert threading.active_count() == threads
    finally:
        with contextlib.suppress(OSError):
            (DRIVER / "bind").write_text("vivid.0")


@contextlib.contextmanager
def feeding() -> Iterator[subprocess.Popen[bytes]]:
    command = "ffmpeg -v error -re -f lavfi -i testsrc=s=320x240:r=20 -c:v mjpeg -q:v 3 -f v4l2"
    feeder = subprocess.Popen([*command.split(), LOOPBACK])
    try:
        yield feeder
    finally:
        feeder.kill()
        feeder.wait()


@needs_loopback
@needs_ffmpeg
@pytest.mark.faults
def test_mjpg_is_decoded_as_grey_and_comes_back_after_a_stall(tmp_path: Path) -> None:
    with watching(opened(configured(LOOPBACK, width=320, height=240))) as w:
        with feeding():
            w.wait_frames(3)
            assert "320x240 MJPG" in w.camera.stats().description
        w.wait_lost()
        with feeding():
            w.wait_frames(3)
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=320x240:r=20:d=0.05", str(tmp_path / "truth.png"))
    truth = cv2.imread(str(tmp_path / "truth.png"), cv2.IMREAD_GRAYSCALE)
    # The upper half does not change with time; JPEG's error is a few grey levels.
    assert np.abs(w.frames[0].luma[:100].astype(int) - truth[:100]).mean() < 4


@needs_vivid
def test_probe_says_what_was_granted() -> None:
    assert f"{VIVID}, 640x480" in probe(configured(VIVID), SystemClock())
    wait_until(lambda: probe(configured(VIVID), SystemClock()), "given back after the first")
