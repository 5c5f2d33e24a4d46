"""A program that writes raw YUV420 pictures: `rpicam-vid`, or any other."""

from __future__ import annotations

import logging
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

import edge.config
from edge.camera import pipe
from edge.camera.opencv import Luma
from edge.camera.pipe import Awaited
from edge.camera.source import SourceLostError
from edge.child import python
from edge.child.confine import INET, INET6, NETLINK, clean_environment, has_landlock
from edge.child.run import Order
from edge.redact import redact, secrets_in
from edge.secrets import hidden_paths

log = logging.getLogger(__name__)

RPICAM = [
    *("rpicam-vid", "-n", "-t", "0", "--codec", "yuv420", "--flush", "-o", "-"),
    *("--width", "{width}", "--height", "{height}", "--framerate", "{fps}"),
]
RPICAM_OLD_NAME = "libcamera-vid"  # before 2024, with the same arguments

POLL_S = 0.1  # s; how long a read waits, so that a close is noticed
LAST_S = 1.0  # s from the end of the output to that of the program, which may outlive it
END_S = 1.5  # s that `edge.child.run` may take to end everything: 0.4 gently, 0.5 by force
KEPT_BYTES = 4096  # of an unfinished line
LINES_MOST = 20  # of what comes at once: a flood of messages must not take our time
LINE_BYTES = 400  # of the program's messages: of longer lines the end is kept


class CommandSource:
    """Frames of a child process, which is owned, drained, ended and reaped."""

    decoder_cpu_s = 0.0  # the program is not ours

    def __init__(self, config: edge.config.Camera) -> None:
        self._config = config
        self._argv = _filled(config.command or _rpicam(), config)
        self.name = redact(self._argv[0])
        if secrets_in(self._argv):
            log.warning(
                "camera.command: every user of this machine can read the password among the "
                "arguments of %s (ps); if the program can read it from a file, let it",
                self.name,
            )
        self._stride = config.stride or config.width
        if not config.command and not config.stride and config.width % 128:
            log.warning(
                "camera.width: got %d without camera.stride; the Raspberry Pi's cameras pad rows "
                "to 64 (Pi 4) or 128 (Pi 5) bytes: a multiple of 128 is safe",
                config.width,
            )
        luma_bytes = self._stride * config.height
        # Two planes of half the size each way, rounded up; padded rows are padded there too.
        chroma_bytes = 2 * ((self._stride + 1) // 2) * ((config.height + 1) // 2)
        self._frame_bytes = luma_bytes + chroma_bytes
        if not has_landlock():
            log.info("%s: this kernel has no Landlock to keep it from files", self.name)
        self._child: subprocess.Popen[bytes] | None = None
        self._picture = Awaited(0)
        self._messages = b""  # an unfinished line
        self._last_line = ""

    def open(self) -> str:
        """Start the program, see `LiveSource`."""
        self._messages, self._last_line = b"", ""
        env = clean_environment(os.environ)
        if shutil.which(self._argv[0], path=env.get("PATH")) is None:
            why = "Permission denied" if Path(self._argv[0]).exists() else "No such file"
            hint = "; install rpicam-apps" if not self._config.command else ""
            raise SourceLostError(f"cannot be started: {why}{hint}")
        order: Order = {
            "argv": self._argv,
            "env": env,
            "families": [NETLINK, *((INET, INET6) if self._config.command else ())],
            "hidden": [str(p) for p in hidden_paths()],
            "parent": os.getpid(),
        }
        command, env = python("edge.child.run", env)
        command = [command[0], "-S", *command[1:]]
        try:
            self._child = pipe.start(command, env, order, subprocess.PIPE)
        except OSError as e:
            raise SourceLostError(f"cannot be started: {e.strerror}") from e
        self._picture = Awaited(self._frame_bytes)
        c = self._config
        return f"{self.name}, {c.width}x{c.height} YUV420, {c.fps:g}/s asked for"

    def read(self) -> Luma | None:
        """Return a picture when the next one is complete, see `LiveSource`."""
        assert self._child is not None
        ready = select.poll()
        ready.register(self._stdout, select.POLLIN)
        if self._stderr >= 0:
            ready.register(self._stderr, select.POLLIN)
        for fd, _ in ready.poll(POLL_S * 1000):
            if fd == self._stderr:
                self._drain_messages()
            elif self._fill():
                luma = self._picture.data[: self._stride * self._config.height]
                self._picture = Awaited(self._frame_bytes)
                return luma.reshape(-1, self._stride)[:, : self._config.width]
        return None

    def close(self) -> None:
        """End the program and everything that it started, see `LiveSource`."""
        child, self._child = self._child, None
        if child is None:
            return
        try:
            _signal(child.pid, signal.SIGTERM)
            _signal(child.pid, signal.SIGCONT)  # a stopped process ends only after it went on
            _how_ended(child.pid, END_S)
            _signal(child.pid, signal.SIGKILL)
        finally:
            pipe.end(child)

    @property
    def _stdout(self) -> int:
        assert self._child is not None and self._child.stdout is not None
        return self._child.stdout.fileno()

    @property
    def _stderr(self) -> int:
        """The descriptor of the program's messages; -1: it closed them."""
        assert self._child is not None and self._child.stderr is not None
        return -1 if self._child.stderr.closed else self._child.stderr.fileno()

    def _fill(self) -> bool:
        """Read what is there; return whether the picture is complete."""
        try:
            return self._picture.fill(self._stdout)
        except EOFError:
            raise SourceLostError(self._ending()) from None

    def _ending(self) -> str:
        """Say how the program ended, with its own last words."""
        assert self._child is not None
        if self._stderr >= 0:
            self._drain_messages()
        how = _how_ended(self._child.pid, LAST_S) or "closed its output"
        if self._picture.filled:
            how += f" within a picture ({self._picture.filled} of {self._frame_bytes} bytes)"
        return f"{how}: {self._last_line}" if self._last_line else how

    def _drain_messages(self) -> None:
        assert self._child is not None and self._child.stderr is not None
        try:
            got = os.read(self._stderr, 1 << 16)
        except BlockingIOError:
            return
        if not got:
            self._child.stderr.close()
        *lines, rest = (self._messages + got).replace(b"\r", b"\n").split(b"\n")
        self._messages = rest[-KEPT_BYTES:]
        for line in ([*lines, rest] if not got else lines)[-LINES_MOST:]:
            text = redact(line[-KEPT_BYTES:].decode(errors="replace"))[-LINE_BYTES:].strip()
            if text:
                self._last_line = text
                log.debug("%s: %s", self.name, text)


def _rpicam() -> list[str]:
    if shutil.which(RPICAM[0]) is None and shutil.which(RPICAM_OLD_NAME) is not None:
        return [RPICAM_OLD_NAME, *RPICAM[1:]]
    return RPICAM


def _filled(argv: list[str], config: edge.config.Camera) -> list[str]:
    values = {"{width}": config.width, "{height}": config.height, "{fps}": f"{config.fps:g}"}
    for name, value in values.items():
        argv = [a.replace(name, str(value)) for a in argv]
    return argv


def _how_ended(child: int, timeout_s: float) -> str | None:
    """Wait for a child to end and say how; None: it lives. Does not reap: the id stays ours."""
    deadline = time.monotonic() + timeout_s
    while True:
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is not None:
            by_itself = ended.si_code == os.CLD_EXITED
            return f"ended {'with status' if by_itself else 'by signal'} {ended.si_status}"
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.01)


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # gone, or became another user's
        return
