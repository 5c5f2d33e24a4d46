"""Files at their own rate, under a clock that only goes on when somebody sleeps or works."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.camera import open_camera
from edge.camera.file import FileCamera
from edge.camera.opencv import Luma
from edge.camera.reader import VideoReader
from edge.config import Camera as Config
from edge.messages import Frame
from tests.edge.camera.rig import make_plain_video
from tests.fakes import FakeClock


def play(path: Path, work_s: float = 0.0, **more: object) -> tuple[list[Frame], int, FakeClock]:
    """Frames, count of dropped ones and clock of a run in which each frame costs `work_s`."""
    clock = FakeClock(now=100.0)
    camera = open_camera(Config(source=str(path), **more), clock, random.Random(1))
    frames = []
    for frame in camera.frames():
        assert isinstance(frame, Frame)
        assert clock.now() >= frame.t, "handed over before it was due"
        frames.append(frame)
        clock.advance(work_s)
        if len(frames) == 30:
            camera.close()
    return frames, camera.stats().dropped, clock


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return make_plain_video(tmp_path / "plain.avi", [20 * i for i in range(10)])  # 10 frames/s


def test_frames_come_when_they_are_due(video: Path) -> None:
    frames, dropped, clock = play(video)
    assert [f.t for f in frames] == pytest.approx([100 + i / 10 for i in range(10)])
    assert dropped == 0
    assert clock.slept == pytest.approx([0.1] * 9)


def test_work_shorter_than_the_interval_drops_nothing(video: Path) -> None:
    frames, dropped, clock = play(video, work_s=0.09)
    assert len(frames) == 10
    assert dropped == 0
    assert clock.slept == pytest.approx([0.01] * 9)


def test_a_slow_taker_gets_the_newest_and_the_rest_is_counted(video: Path) -> None:
    frames, dropped, _ = play(video, work_s=0.25)
    assert [f.seq for f in frames] == [0, 2, 5, 7, 9]
    assert [f.t for f in frames] == pytest.approx([100.0, 100.2, 100.5, 100.7, 100.9])
    assert dropped == 5
    assert frames[1].luma.mean() == pytest.approx(40, abs=2)  # seq says which picture it is


def test_after_one_long_interruption_it_is_on_time_again(video: Path) -> None:
    clock = FakeClock(now=0.0)
    camera = open_camera(Config(source=str(video)), clock, random.Random(1))
    seqs = []
    for frame in camera.frames():
        assert isinstance(frame, Frame)
        seqs.append(frame.seq)
        if frame.seq == 1:
            clock.advance(0.55)
    assert seqs == [0, 1, 6, 7, 8, 9]


def test_loops_are_paced_through_the_seam(video: Path) -> None:
    frames, dropped, _ = play(video, loop=True)
    assert [f.t for f in frames] == pytest.approx([100 + i / 10 for i in range(30)])
    assert dropped == 0


class SlowReader(VideoReader):
    """A decoder that needs longer for a frame than the frame lasts."""

    def __init__(self, path: Path, work: Callable[[], None]) -> None:
        super().__init__(path)
        self._work = work

    def pictures(self):
        picture: tuple[float, Luma | None]
        for picture in super().pictures():
            self._work()
            yield picture


def test_a_decoder_slower_than_the_recording_loses_no_frame(video: Path) -> None:
    clock = FakeClock()
    reader = SlowReader(video, lambda: clock.advance(0.3))
    camera = FileCamera(reader, Config(source=str(video)), clock)
    assert [f.seq for f in camera.frames()] == list(range(10))
    assert camera.stats().dropped == 0


def test_close_ends_a_loop(video: Path) -> None:
    camera = open_camera(Config(source=str(video), loop=True), FakeClock(), random.Random(1))
    frames = camera.frames()
    next(frames)
    camera.close()
    camera.close()
    assert list(frames) == []
