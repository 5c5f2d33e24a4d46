"""Files as cameras: what is read, in which order, with which times, and what is refused."""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera import open_camera, probe
from edge.config import Camera as Config
from edge.errors import NoInputError
from edge.messages import Frame
from tests.edge.camera.rig import ffmpeg, make_plain_video, make_video, needs_ffmpeg
from tests.fakes import FakeClock


def replay(path: Path, limit: int | None = None, **more: object) -> list[Frame]:
    config = Config(source=str(path), every_frame=True, **more)
    camera = open_camera(config, FakeClock(), random.Random(1))
    frames = []
    for frame in camera.frames():
        assert isinstance(frame, Frame)
        frames.append(frame)
        if len(frames) == limit:
            camera.close()
    return frames


def levels(frames: list[Frame]) -> list[int]:
    return [round(float(f.luma.mean())) for f in frames]


def write_image(path: Path, luma: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), luma)
    return path


def test_every_frame_of_a_video_written_by_opencv(tmp_path: Path) -> None:
    path = make_plain_video(tmp_path / "plain.avi", [30, 90, 150, 210])
    frames = replay(path)
    assert levels(frames) == pytest.approx([30, 90, 150, 210], abs=2)
    assert [f.seq for f in frames] == [0, 1, 2, 3]
    assert [f.t for f in frames] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert frames[0].luma.shape == (48, 64)
    assert frames[0].luma.dtype == np.uint8


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", ["-c:v", "libx264", "-pix_fmt", "yuv420p"]),
        ("a.mkv", ["-c:v", "libx264", "-pix_fmt", "yuv444p"]),
        ("deep.mkv", ["-c:v", "libx264", "-pix_fmt", "yuv420p10le"]),
        ("a.avi", ["-c:v", "mjpeg"]),
        ("a.webm", ["-c:v", "libvpx"]),
        ("a.gif", []),
        ("grey.mkv", ["-c:v", "ffv1", "-pix_fmt", "gray"]),
    ],
)
def test_containers_and_codecs(tmp_path: Path, name: str, codec: list[str]) -> None:
    frames = replay(make_video(tmp_path / name, *codec))
    assert len(frames) == 10
    assert [f.t for f in frames] == pytest.approx([i / 10 for i in range(10)], abs=0.005)
    # Luma of the test picture as ffmpeg itself converts it, full range.
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=0.1", str(tmp_path / "truth.png"))
    truth = cv2.imread(str(tmp_path / "truth.png"), cv2.IMREAD_GRAYSCALE)
    difference = np.abs(frames[0].luma.astype(int) - truth.astype(int)).mean()
    assert difference < 8, "not the same grey: wrong plane or range"


@needs_ffmpeg
def test_a_gif_with_uneven_delays_keeps_its_own_times(tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "uneven.gif", "-vf", "select='not(mod(n,3))+eq(n,1)'", "-vsync", "vfr"
    )
    times = [f.t for f in replay(path)]
    assert times == pytest.approx([0, 0.1, 0.3, 0.6, 0.9], abs=0.011)  # GIF counts in 0.01 s


@needs_ffmpeg
def test_a_video_that_starts_late_starts_at_zero(tmp_path: Path) -> None:
    path = make_video(tmp_path / "late.mkv", "-c:v", "libx264", "-output_ts_offset", "5")
    assert replay(path)[0].t == 0.0


def test_times_go_on_over_loops(tmp_path: Path) -> None:
    path = make_plain_video(tmp_path / "plain.avi", [50, 200])
    frames = replay(path, limit=5, loop=True)
    assert levels(frames) == pytest.approx([50, 200, 50, 200, 50], abs=2)
    assert [f.t for f in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert [f.seq for f in frames] == [0, 1, 2, 3, 4]


def test_a_folder_comes_in_natural_order(tmp_path: Path) -> None:
    for i in (10, 9, 1, 100):
        write_image(tmp_path / f"img{i}.png", np.full((8, 8), i, np.uint8))
    (tmp_path / "notes.txt").write_text("not an image")
    frames = replay(tmp_path, fps=5)
    assert levels(frames) == [1, 9, 10, 100]
    assert [f.t for f in frames] == pytest.approx([0, 0.2, 0.4, 0.6])


def test_one_image_is_one_frame(tmp_path: Path) -> None:
    path = write_image(tmp_path / "one.png", np.arange(48, dtype=np.uint8).reshape(6, 8))
    (frame,) = replay(path)
    np.testing.assert_array_equal(frame.luma, np.arange(48).reshape(6, 8))


def test_one_image_can_stand_for_a_still_camera(tmp_path: Path) -> None:
    path = write_image(tmp_path / "one.png", np.full((8, 8), 7, np.uint8))
    assert [f.t for f in replay(path, limit=3, loop=True, fps=10)] == pytest.approx([0, 0.1, 0.2])


@pytest.mark.parametrize(("rotate", "quarter_turns"), [(0, 0), (90, -1), (180, 2), (270, 1)])
def test_rotation_is_clockwise(tmp_path: Path, rotate: int, quarter_turns: int) -> None:
    upright = np.arange(48, dtype=np.uint8).reshape(6, 8)
    (frame,) = replay(write_image(tmp_path / "one.png", upright), rotate=rotate)
    np.testing.assert_array_equal(frame.luma, np.rot90(upright, quarter_turns))


def test_a_broken_image_in_a_folder_is_passed_over_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_image(tmp_path / "1.png", np.full((8, 8), 10, np.uint8))
    (tmp_path / "2.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (tmp_path / "3.png").write_bytes(b"")
    write_image(tmp_path / "4.png", np.full((8, 8), 40, np.uint8))
    with caplog.at_level(logging.WARNING):
        frames = replay(tmp_path)
    assert levels(frames) == [10, 40]
    assert [f.seq for f in frames] == [0, 3]
    (record,) = caplog.records
    assert "2.png" in record.getMessage()


def test_what_cannot_be_had_is_named(tmp_path: Path) -> None:
    empty_folder = tmp_path / "folder"
    empty_folder.mkdir()
    text = tmp_path / "text.mp4"
    text.write_text("this is not a video\n" * 100)
    noise = tmp_path / "noise.mkv"
    noise.write_bytes(random.Random(1).randbytes(50_000))
    empty = tmp_path / "empty.avi"
    empty.touch()
    image = tmp_path / "image.jpg"
    image.write_bytes(b"\xff\xd8\xff\xe0 and no more")
    for path in (tmp_path / "absent.mp4", empty_folder, text, noise, empty, image):
        for attempt in (replay, lambda p: probe(Config(source=str(p)), FakeClock())):
            with pytest.raises(NoInputError, match=str(path)):
                attempt(path)


@needs_ffmpeg
def test_sound_without_a_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mkv"
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.2", str(path))
    with pytest.raises(NoInputError, match=str(path)):
        replay(path)


@needs_ffmpeg
def test_a_codec_that_yields_nothing_is_refused_and_not_an_empty_recording(tmp_path: Path) -> None:
    path = tmp_path / "new.mkv"
    try:
        make_video(path, "-c:v", "libaom-av1", "-cpu-used", "8", s=0.3)
    except Exception:
        pytest.skip("this ffmpeg has no AV1 encoder")
    try:
        assert len(replay(path)) == 3  # newer OpenCV decodes it
    except NoInputError as e:
        assert "libx264" in str(e)


def test_a_truncated_video_gives_what_is_left_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = make_plain_video(tmp_path / "whole.avi", [i * 5 for i in range(40)])
    path = tmp_path / "cut.avi"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with caplog.at_level(logging.WARNING):
        frames = replay(path)
    assert 5 < len(frames) < 35
    assert "cut.avi: ended after" in caplog.text


def test_probe_says_what_is_there(tmp_path: Path) -> None:
    path = make_plain_video(tmp_path / "plain.avi", [1, 2])
    assert probe(Config(source=str(path)), FakeClock()) == "plain.avi, 64x48, 10/s"


PRINT_FRAMES = """
import os, random, sys
from edge.camera import open_camera
from edge.config import Camera
from edge.clock import SystemClock
for name in sys.argv[1:]:
    camera = open_camera(Camera(source=name, every_frame=True), SystemClock(), random.Random(1))
    print(sum(1 for _ in camera.frames()))
"""


def test_names_that_are_not_utf8_are_read(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xfe")
    folder.mkdir()
    image = write_image(tmp_path / "plain.png", np.full((48, 64), 90, np.uint8))
    (folder / os.fsdecode(b"\xff0.png")).write_bytes(image.read_bytes())
    video = folder / os.fsdecode(b"\xff.avi")
    video.write_bytes(make_plain_video(tmp_path / "plain.avi", [30, 90]).read_bytes())
    done = subprocess.run(  # OpenCV ended the process
        [sys.executable, "-c", PRINT_FRAMES, folder, video], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.split()) == (0, ["1", "2"]), done.stderr
