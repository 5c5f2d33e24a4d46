"""Real child processes in the place of rpicam-vid."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

import edge.camera
from edge.camera import open_camera, probe
from edge.camera.command import RPICAM, CommandSource
from edge.clock import SystemClock
from edge.config import Camera as Config
from edge.errors import ConfigError, NoInputError
from edge.stages import Camera
from tests.edge.camera.rig import (
    OURS,
    QUICK,
    children,
    ended,
    ffmpeg,
    ffmpeg_camera,
    needs_ffmpeg,
    python_camera,
    watching,
)
from tests.waiting import wait_until


def opened(config: Config) -> Camera:
    return open_camera(config, SystemClock(), random.Random(1))


# Starts a process that ignores SIGTERM, and ends: nobody but a subreaper knows of it then.
LEAVE = [
    sys.executable,
    "-c",
    "import os, signal, time\nif os.fork() == 0:\n os.setsid()\n"
    " signal.signal(signal.SIGTERM, signal.SIG_IGN)\n time.sleep(600) # " + OURS,
]


def strays(before: set[int]) -> list[psutil.Process]:
    """New processes that run what the programs of these tests run, whosever children they are.

    Not of the same tests that another pytest runs beside these.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid not in before and OURS in " ".join(process.cmdline()):
                found.append(process)
    return found


@needs_ffmpeg
def test_the_y_plane_is_the_frame(tmp_path: Path) -> None:
    config = ffmpeg_camera(width=66, height=49)  # odd: chroma planes are rounded up
    with watching(opened(config)) as w:
        w.wait_frames(5)
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=66x49:r=50:d=1", "-f", "rawvideo", "-pix_fmt", "yuv420p",
           str(tmp_path / "truth.yuv"))  # fmt: skip
    size = 66 * 49 + 2 * 33 * 25
    truth = np.fromfile(tmp_path / "truth.yuv", np.uint8).reshape(-1, size)
    known = {t[: 66 * 49].tobytes() for t in truth}
    assert all(f.luma.shape == (49, 66) for f in w.frames)
    assert all(f.luma.tobytes() in known for f in w.frames), "shifted or mixed with chroma"
    assert len({f.luma.tobytes() for f in w.frames}) == len(w.frames), "a buffer was used again"


PADDED = """
def frame(i):
    row = bytes(range(64)) + b'\\xff' * 64
    return row * 48 + b'\\x80' * (128 // 2 * 48 // 2 * 2)
"""


@needs_ffmpeg
def test_padded_rows_are_cut_and_nothing_is_copied() -> None:
    source = CommandSource(python_camera(setup=PADDED, stride=128))
    source.open()
    try:
        frames = []
        while len(frames) < 4:
            luma = source.read()
            if luma is not None:
                frames.append(luma)
    finally:
        source.close()
    for luma in frames:
        assert luma.shape == (48, 64)
        assert (luma == np.arange(64)).all()
        assert luma.strides == (128, 1), "a view of the buffer that was read into"
    assert cv2.resize(frames[0], (32, 24)).shape == (24, 32), "OpenCV takes the view"


def test_rotation_turns_the_frame_of_a_live_camera_too() -> None:
    config = python_camera(setup=PADDED, stride=128, rotate=90)
    with watching(opened(config)) as w:
        w.wait_frames(1)
    assert w.frames[0].luma.shape == (64, 48)
    assert (w.frames[0].luma == np.arange(64)[:, None]).all()


def test_width_height_and_rate_are_filled_in() -> None:
    show = [sys.executable, "-c", "import sys; sys.exit(' '.join(sys.argv[1:]))"]
    command = [*show, "{width}x{height}", "--rate={fps}", "{other}"]
    config = Config(source="command", command=command, width=320, height=200, fps=12.5)
    with pytest.raises(NoInputError, match=r"320x200 --rate=12.5 \{other\}"):
        probe(config, SystemClock())


def test_the_programs_last_words_are_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    setup = "os.write(2, b'looking\\nERROR: no cameras available\\n'); sys.exit(3)"
    with (
        caplog.at_level(logging.DEBUG, logger=edge.camera.__name__),
        watching(opened(python_camera(setup=setup))) as w,
    ):
        lost = w.wait_lost()
        wait_until(lambda: len(w.lost) >= 4, "repeats")
    assert lost.why == "ended with status 3: ERROR: no cameras available"
    warnings = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == 1, "the first failure only"
    assert "no cameras available" in warnings[0].getMessage()
    assert "looking" in caplog.text, "its messages are in the debug log"


def test_a_flood_of_messages_does_not_stop_the_frames() -> None:
    body = "write(frame(i)); os.write(2, b'x' * 300_000 + b'\\n')"  # a pipe holds 65,536
    with watching(opened(python_camera(body))) as w:
        w.wait_frames(20)
        assert not w.lost


def test_a_program_that_is_not_there_is_lost_and_not_fatal() -> None:
    config = Config(source="command", command=["/no/such/program"], **QUICK)
    with watching(opened(config)) as w:
        assert "No such file" in w.wait_lost().why
    with pytest.raises(NoInputError, match="/no/such/program: cannot be started: No such file"):
        probe(config, SystemClock())


def test_an_empty_command_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match=r"camera\.command"):
        opened(Config(source="command"))


def test_rpicam_is_the_default_program() -> None:
    source = CommandSource(Config(source="rpicam", width=640, height=480, fps=15))
    assert source.name in (RPICAM[0], "libcamera-vid")


def test_a_width_that_the_pi_pads_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    CommandSource(Config(source="rpicam", width=320))
    assert "camera.width: got 320" in caplog.text


@pytest.mark.parametrize(
    ("address", "warned"), [("rtsp://me:hunter2hunter2@cam/1", True), ("rtsp://cam/1", False)]
)
def test_a_password_that_the_process_list_shows_is_warned_of(
    caplog: pytest.LogCaptureFixture, address: str, warned: bool
) -> None:
    CommandSource(Config(command=["ffmpeg", "-i", address, "-"], width=640))
    said = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert any("can read the password among the arguments of ffmpeg" in m for m in said) == warned
    assert "hunter2" not in caplog.text


@needs_ffmpeg
def test_probe_describes_and_leaves_nothing_behind() -> None:
    assert "64x48 YUV420" in probe(ffmpeg_camera(), SystemClock())
    wait_until(lambda: children() == [], "no child")


@pytest.mark.parametrize(
    "setup",
    [
        "",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])",
        f"subprocess.Popen({LEAVE!r}, start_new_session=True, env={{}})",
        f"subprocess.Popen({LEAVE!r}, start_new_session=True, env={{}}).wait()",
        f"os.dup2(2, 1) if os.fork() == 0 else None; subprocess.Popen({LEAVE!r}).wait()",
        "os.killpg(0, signal.SIGCONT); os.fork() or os.fork() or os.kill(os.getpid(), 19)",
    ],
    ids=[
        "obedient",
        "ignores SIGTERM",
        "has a child of its own",
        "child in a session of its own",
        "orphan in a session of its own that ignores SIGTERM",
        "forks and leaves orphans",
        "stopped grandchild",
    ],
)
def test_close_ends_the_whole_family(setup: str) -> None:
    before = set(psutil.pids())
    with watching(opened(python_camera(setup=setup))) as w:
        w.wait_frames(2)
        family = children()
        assert len(family) >= 2
    wait_until(lambda: all(ended(p) for p in family), f"the end of {family}")
    wait_until(lambda: children() == [], "no zombies")
    wait_until(lambda: not strays(before), f"no stray of the camera: {strays(before)}")


def test_a_child_that_leaves_is_ended_when_the_program_dies_by_itself() -> None:
    before = set(psutil.pids())
    setup = f"subprocess.Popen({LEAVE!r}, start_new_session=True).wait()"
    body = "write(frame(i)) if i < 4 else os.kill(os.getpid(), 9)"
    with watching(opened(python_camera(body, setup))) as w:
        for _ in range(4):
            w.wait_lost("ended by signal 9")
    wait_until(lambda: not strays(before), "no stray of the camera, however often it died")


def test_no_child_outlives_a_daemon_that_is_killed(tmp_path: Path) -> None:
    before = set(psutil.pids())
    setup = f"subprocess.Popen({LEAVE!r}, start_new_session=True).wait()"
    config = python_camera(setup=setup)
    daemon = subprocess.Popen(
        [sys.executable, "-m", "edge", "run", "--set", "camera.source=command"],
        env={**os.environ, "EMOTION_EDGE_CAMERA_COMMAND": json.dumps(config.command)},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: len(strays(before)) >= 2, "program and orphan run")
    finally:
        daemon.kill()
        daemon.wait()
    wait_until(lambda: not strays(before), "all gone with it")


def test_a_flood_of_lines_does_not_stop_the_frames() -> None:
    body = "write(frame(i)); os.write(2, b'x\\n' * 300_000)"
    with watching(opened(python_camera(body))) as w:
        w.wait_frames(10)
        assert not w.lost


@pytest.mark.parametrize("attack", ["os.kill(os.getppid(), 9)", "os.kill(os.getppid(), 19)"])
def test_a_program_cannot_end_or_stop_who_watches_it(attack: str) -> None:
    body = f"write(frame(i))\n    try: {attack}\n    except PermissionError: pass"
    before = set(psutil.pids())
    with watching(opened(python_camera(body))) as w:
        w.wait_frames(5)
        if w.lost:
            pytest.skip("needs Landlock 6, to keep signals from others")
    wait_until(lambda: not strays(before), "nothing left")
