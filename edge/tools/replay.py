"""A recording through the real pipeline: every frame, in its own time, each time the same."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

from msgspec import to_builtins

from edge.contract import Event, encode
from edge.messages import Estimate, Frame, FromCamera, rounded
from edge.stages import Camera, CameraStats
from edge.streams import tell

EPOCH = 0.0  # s since 1970: a recording has no date, so its first frame is at the beginning of time
BOOT_ID = "replay"


class ReplayClock:
    """Time of the recording: the time of the frame being worked on."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._t = 0.0

    def set(self, t: float) -> None:
        """Go on to the next frame."""
        self._t = t

    def now(self) -> float:
        """Seconds since the recording began."""
        return self._t

    def wall(self) -> float:
        """The same, as seconds since 1970."""
        return EPOCH + self._t

    def sleep(self, seconds: float, /) -> None:
        """Nothing waits in a replay."""


class ClockedCamera:
    """Sets the clock to each frame's time as it passes."""

    def __init__(self, camera: Camera, clock: ReplayClock) -> None:
        """Take frames of `camera`."""
        self._camera = camera
        self._clock = clock

    def frames(self) -> Iterator[FromCamera]:
        """Yield the camera's frames."""
        for frame in self._camera.frames():
            self._clock.set(frame.t)
            yield frame

    def stats(self) -> CameraStats:
        """Return the camera's counts."""
        return self._camera.stats()

    def close(self) -> None:
        """Close the camera."""
        self._camera.close()


def line(event: Event) -> str:
    """Return an event as one line of JSON."""
    return encode(event).decode() + "\n"


class FrameLines:
    """One JSON line a frame: what `replay --frames` prints."""

    def __init__(self, out: TextIO) -> None:
        """Write to `out`."""
        self._out = out

    def frame(self, frame: Frame, estimates: Sequence[Estimate], /) -> None:
        """Write the frame's number, time, and every confirmed face with its scores."""
        faces = [
            {
                "track": e.track.id,
                "box": [round(v, 4) for v in e.track.unit_box],
                "score": round(e.track.score, 3),
                "emotion": e.emotion,
                "confidence": round(e.confidence, 4),
                "scores": {k: round(v, 4) for k, v in e.scores.items()},
                "reason": e.reason,
                "still": e.track.still,
                "state": to_builtins(rounded(e.state)),
            }
            for e in estimates
        ]
        line = {"frame": frame.seq, "t": round(frame.t, 4), "faces": faces}
        self._out.write(json.dumps(line, separators=(", ", ": ")) + "\n")


class Progress:
    """A progress line on a terminal; nothing elsewhere."""

    def __init__(self, out: TextIO = sys.stderr, *, now: Callable[[], float], total: int | None):
        """Count up to `total` frames, where that is known; `now` is real time in seconds."""
        self._out = out if out.isatty() else None
        self._now = now
        self._total = total
        self._began = now()
        self._shown = self._began
        self._count = 0

    def frame(self, frame: Frame, _estimates: Sequence[Estimate], /) -> None:
        """Count one frame; redraw four times a second."""
        self._count += 1
        now = self._now()
        if self._out is None or now - self._shown < 0.25:
            return
        self._shown = now
        rate = self._count / max(now - self._began, 1e-6)
        text = f"{self._count} frames, {frame.t:.1f} s of video, {rate:.0f} frames/s"
        if self._total:
            done = min(self._count / self._total, 1.0)
            bar = "█" * round(done * 24)
            text = f"{bar:░<24} {done:4.0%}  {text}"
        tell(self._out, f"\r\x1b[K{text}")

    def close(self) -> None:
        """Remove the line."""
        if self._out is not None:
            tell(self._out, "\r\x1b[K")
