"""Live cameras that die, hang, lie and come back: noticed, said, opened again, nothing leaked."""

from __future__ import annotations

import contextlib
import logging
import random
import signal
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest

from edge.camera.command import CommandSource
from edge.camera.framecheck import FrameCheck
from edge.camera.live import LiveCamera
from edge.camera.opencv import Luma
from edge.camera.source import LiveSource
from edge.clock import SystemClock
from edge.config import Camera as Config
from edge.messages import CameraLost, Frame
from edge.stages import Clock
from tests.edge.camera.rig import (
    camera_threads,
    children,
    descriptors,
    ended,
    ffmpeg_camera,
    needs_ffmpeg,
    program,
    python_camera,
    watching,
)
from tests.fakes import FakeClock
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.faults


def live(
    config: Config, source: LiveSource | None = None, clock: Clock | None = None, **more: object
) -> LiveCamera:
    return LiveCamera(
        source or CommandSource(config), config, clock or SystemClock(), random.Random(1), **more
    )


def once(path: Path, first: str, then: str = "write(frame(i))") -> str:
    """A body that does `first` in the first run of the program and `then` in all later ones.

    A camera program can write no file; that it ran is in the time of one that is there.
    """
    path.touch()
    return f"""
    if i == 1:
        again = os.stat({str(path)!r}).st_mtime == 1
        os.utime({str(path)!r}, (1, 1))
    if again:
        {then}
    else:
        {first}
"""


@needs_ffmpeg
def test_a_killed_child_comes_back_and_the_log_says_it_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        caplog.at_level(logging.INFO),
        watching(live(ffmpeg_camera(), steady_s=0.2)) as w,
    ):
        w.wait_frames()
        child = program()
        child.kill()
        assert w.wait_lost("ended by signal 9").since <= w.lost[0].t
        w.wait_frames()
        wait_until(lambda: "back after" in caplog.text, "the recovery in the log")
        assert w.camera.stats().reopened == 1
    levels = [r.levelname for r in caplog.records if r.levelno >= logging.WARNING]
    assert levels == ["WARNING"]
    seqs = [f.seq for f in w.frames]
    assert seqs == sorted(set(seqs)), "numbers go on"
    assert [m.t for m in w.seen] == sorted(m.t for m in w.seen)


@needs_ffmpeg
def test_a_stopped_child_is_a_stall() -> None:
    with watching(live(ffmpeg_camera(stall_s=2.0))) as w:
        w.wait_frames()
        child = program()
        child.send_signal(signal.SIGSTOP)
        w.wait_lost("no frame for")
        w.wait_frames()
        wait_until(lambda: ended(child), "the stopped one's end")


@pytest.mark.parametrize(
    ("first", "word"),
    [
        (
            "write(frame(i) if i < 5 else frame(i)[:1000]); i > 4 and sys.exit(0)",
            "within a picture",
        ),
        ("write(frame(i)) if i < 5 else os.close(1) or time.sleep(600)", "closed its output"),
        ("write(frame(i)) if i < 5 else time.sleep(600)", "no frame for"),
        ("write(os.urandom(64 * 48 * 3 // 2))", "noise"),
        ("time.sleep(600)", "no frame for"),
        ("sys.exit(1)", "ended with status 1"),
    ],
    ids=["short frame", "closes stdout", "falls silent", "garbage", "never begins", "dies at once"],
)
def test_a_child_that_misbehaves_once_is_replaced(tmp_path: Path, first: str, word: str) -> None:
    limits = {"stall_s": 1.0, "open_timeout_s": 4.0} if word in ("no frame for", "noise") else {}
    config = python_camera(once(tmp_path / "ran", first), setup="again = False", **limits)
    with watching(live(config)) as w:
        w.wait_lost(word)
        w.wait_frames()
        program()  # one, not two


def test_a_frozen_picture_is_lost_and_stays_lost_until_it_changes(tmp_path: Path) -> None:
    thaw = tmp_path / "thaw"
    stuck = f"write(frame(i if os.path.exists({str(thaw)!r}) else 7))"
    config = python_camera(stuck, stall_s=0.5, open_timeout_s=2.0)
    with watching(live(config, check=FrameCheck(frozen_s=0.5))) as w:
        w.wait_frames()
        w.wait_lost("frozen")
        before = len(w.frames)
        w.wait_lost("frozen")
        w.wait_lost("frozen")
        assert len(w.frames) == before, "the stuck picture was believed after reopening"
        thaw.touch()
        w.wait_frames()


class Scripted:
    """A raw source whose every answer is given by the test."""

    name = "scripted"
    decoder_cpu_s = 0.0

    def __init__(self, answers: list[object]) -> None:
        self.answers = answers
        self.opened = 0
        self.closed = 0
        self.asked_in_vain = 0  # times: whatever was answered before has arrived
        self._tick = threading.Event()

    def open(self) -> str:
        self.opened += 1
        return "scripted"

    def read(self) -> Luma | None:
        self._tick.wait(0.01)
        self.asked_in_vain += not self.answers
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, threading.Event):
            answer.wait(PATIENCE_S)
            return None
        assert answer is None or isinstance(answer, np.ndarray)
        return answer

    def close(self) -> None:
        self.closed += 1


def picture(height: int, width: int, level: int) -> Luma:
    return np.full((height, width), level, np.uint8)


QUIET = Config(source="0", stall_s=20, backoff_min_s=0.02, backoff_max_s=0.1)


def test_another_size_is_a_new_beginning() -> None:
    seen = threading.Event()
    source = Scripted([picture(48, 64, 1), seen, *[picture(96, 128, i) for i in range(3)]])
    with watching(live(QUIET, source)) as w:
        w.wait_frames(1)
        seen.set()
        w.wait_lost("size changed")
        wait_until(lambda: any(f.luma.shape == (96, 128) for f in w.frames), "the new size")
    shapes = [m.luma.shape if isinstance(m, Frame) else "lost" for m in w.seen]
    assert "lost" in shapes[shapes.index((48, 64)) : shapes.index((96, 128))]


def test_whatever_a_driver_throws_the_camera_is_opened_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers = [RuntimeError("driver"), ValueError("driver"), picture(4, 4, 1)]
    source = Scripted(list(answers))
    with caplog.at_level(logging.DEBUG), watching(live(QUIET, source)) as w:
        w.wait_frames(1)
    assert "RuntimeError: driver" in caplog.text and "ValueError: driver" in caplog.text
    assert source.opened == 3
    assert source.closed == 3


def test_a_loss_is_said_even_when_the_camera_is_back_before_anyone_looked() -> None:
    answers = [picture(4, 4, 1), OSError("blink"), *[picture(4, 4, i) for i in range(2, 9)]]
    source = Scripted(list(answers))
    camera = live(QUIET, source)
    messages = camera.frames()
    first = next(messages)
    assert isinstance(first, Frame)
    wait_until(lambda: source.asked_in_vain, "all pictures read")
    second, third = next(messages), next(messages)
    camera.close()
    assert isinstance(second, CameraLost)
    assert "blink" in second.why
    assert isinstance(third, Frame)
    assert third.seq == 7
    assert camera.stats().dropped == 6


def test_close_does_not_wait_for_a_driver_that_hangs() -> None:
    release = threading.Event()
    source = Scripted([picture(4, 4, 1), release])
    camera = live(QUIET, source)
    with watching(camera) as w:
        w.wait_frames(1)
        camera.close()  # returns, though the read does not
        assert source.closed == 0
        assert camera_threads() == 1
    release.set()
    wait_until(lambda: source.closed == 1 and camera_threads() == 0, "the thread to end afterwards")


def test_a_read_that_hangs_is_said_and_then_no_longer_kept_alive(
    caplog: pytest.LogCaptureFixture,
) -> None:
    release = threading.Event()
    source = Scripted([picture(4, 4, 1), release, *[picture(4, 4, i) for i in range(2, 9)]])
    config = Config(source="0", stall_s=0.5, backoff_min_s=0.02, backoff_max_s=0.1)
    clock = FakeClock()
    with watching(live(config, source, clock, hung_s=2.5)) as w:
        w.wait_frames(1)
        clock.advance(1.0)
        w.wait_lost("no frame for")
        clock.advance(2.0)
        wait_until(lambda: "hangs in its driver" in caplog.text, "the error in the log")
        said = len(w.seen)
        threading.Event().wait(1.5)  # longer than between two `CameraLost`
        assert len(w.seen) == said, "would feed the watchdog although nothing can change"
        release.set()
        w.wait_frames(1)


def test_a_camera_is_not_lost_before_stall_s_and_the_taker_hears_that_it_is_silent() -> None:
    release = threading.Event()
    source = Scripted([picture(4, 4, 1), release, *[picture(4, 4, i) for i in range(2, 9)]])
    config = Config(source="0", stall_s=40.0, backoff_min_s=0.02, backoff_max_s=0.1)
    clock = FakeClock()
    with watching(live(config, source, clock)) as w:
        w.wait_frames(1)
        clock.advance(39.0)
        wait_until(lambda: w.silent and w.silent[-1].t - w.silent[-1].since >= 39.0, "it is told")
        assert not w.lost
        clock.advance(2.0)
        w.wait_lost("no frame for 41")
        release.set()
        w.wait_frames(1)


def test_close_before_during_and_after() -> None:
    camera = live(ffmpeg_camera())
    camera.close()
    assert list(camera.frames()) == []
    assert nothing_left()
    camera = live(python_camera())
    with watching(camera) as w:
        w.wait_frames(1)
        closers = [threading.Thread(target=camera.close) for _ in range(4)]
        for c in closers:
            c.start()
        for c in closers:
            c.join(PATIENCE_S)
    camera.close()
    wait_until(nothing_left, "no child and no thread")


def test_close_from_a_signal_handler_of_the_thread_that_waits() -> None:
    camera = live(Config(source="0", stall_s=60, open_timeout_s=60), Scripted([picture(4, 4, 1)]))
    previous = signal.signal(signal.SIGUSR1, lambda *_: camera.close())
    try:
        messages = camera.frames()
        next(messages)
        threading.Timer(0.3, signal.raise_signal, [signal.SIGUSR1]).start()
        assert list(messages) == []
    finally:
        signal.signal(signal.SIGUSR1, previous)


def nothing_left() -> bool:
    """Whether there is no child and no thread; `close` does not wait longer than it may."""
    return children() == [] and camera_threads() == 0


def zombies() -> int:
    count = 0
    for child in children():
        with contextlib.suppress(psutil.NoSuchProcess):
            count += child.status() == psutil.STATUS_ZOMBIE
    return count


def test_nothing_leaks_however_often_it_dies() -> None:
    body = """
    if i < 3: write(frame(i))
    elif os.getpid() % 3 == 0: sys.exit(1)
    elif os.getpid() % 3 == 1: os.kill(os.getpid(), 9)
    else: os.close(1); time.sleep(600)
"""
    camera = live(python_camera(body, backoff_max_s=0.02))
    with watching(camera) as w:
        wait_until(lambda: camera.stats().reopened >= 3, "warming up")
        before = descriptors(), threading.active_count()
        wait_until(lambda: camera.stats().reopened >= 12, "12 reopenings")
        # How many there are depends on the instant; with a leak there are never so few again.
        wait_until(lambda: descriptors() <= before[0], "as few descriptors as before")
        wait_until(lambda: threading.active_count() <= before[1], "as few threads")
        wait_until(lambda: zombies() == 0, "all the dead buried")
        assert len(w.lost) >= 12
    wait_until(nothing_left, "no child and no thread")
