"""A camera that stays: a thread owns the raw source and opens it again whenever it is lost."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Iterator

import edge.config
from edge.backoff import Backoff, Waits
from edge.camera.framecheck import FrameCheck
from edge.camera.opencv import Luma, turned
from edge.camera.slot import Slot
from edge.camera.source import LiveSource, SourceLostError
from edge.messages import CameraLost, CameraSilent, Frame, FromCamera
from edge.stages import CameraStats, Clock

log = logging.getLogger(__name__)

LOST_EVERY_S = 1.0  # s between two `CameraLost` or `CameraSilent`: a watchdog waits for progress
STEADY_S = 5.0  # s of frames after which a lost camera counts as back, for back-off and log
# s to the first frame after which the taker hears that there is none, whatever is configured: who
# started us waits for that frame or for a reason (TimeoutStartSec of the unit is 90).
SILENT_S = 10.0
JOIN_S = 0.8  # s that `close` waits for the thread; a driver may hold it longer
# s without a sign of life from the thread: longer than any time limit of a source, name look-ups
# included. Something in the kernel or a library hangs; only a new process helps.
HUNG_S = 180.0


class LiveCamera:
    """The newest frame of a live source, and `CameraLost` while there is none."""

    def __init__(
        self,
        source: LiveSource,
        config: edge.config.Camera,
        clock: Clock,
        rng: random.Random,
        *,
        check: FrameCheck | None = None,
        steady_s: float = STEADY_S,
        hung_s: float = HUNG_S,
    ) -> None:
        self._source = source
        self._config = config
        self._clock = clock
        self._backoff = Backoff(Waits(config.backoff_min_s, config.backoff_max_s), rng)
        self._check = check or FrameCheck()
        self._steady_s = steady_s
        self._hung_s = hung_s
        self._slot = Slot()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._description = source.name
        self._seq = 0
        self._last = clock.now()  # s: the last frame, or the start
        self._alive = self._last  # s: sign of life of the thread
        self._why: str | None = None  # why there is no frame; None: all is well
        self._failing: float | None = None  # s: since when, until frames are steady again
        self._reopened = 0

    def frames(self) -> Iterator[FromCamera]:
        """Yield the newest frame as it comes; ends after `close()` only.

        A camera that is silent for long, yet not for `stall_s`, is no loop that hangs: whoever
        takes frames hears of it each second, as of one that is lost.
        """
        if self._thread is None and not self._closing.is_set():
            self._last = self._alive = self._clock.now()
            thread = threading.Thread(target=self._capture, name="camera", daemon=True)
            thread.start()
            self._thread = thread  # once it can be joined
        while not self._closing.is_set():
            taken = self._slot.take(LOST_EVERY_S)
            if self._closing.is_set():
                return
            if isinstance(taken, Frame):
                yield taken
                continue
            now = self._clock.now()
            why = taken or self._why
            first = self._seq == 0
            patience_s = self._patience_s(first=first)
            patience_s = min(SILENT_S, patience_s) if first else patience_s
            if why is None and now - self._last > patience_s:
                # The thread is in a call that has not returned; its time limit will end that.
                why = f"no frame for {now - self._last:.1f} s"
            if now - self._alive > self._hung_s:
                # Going on would keep the watchdog fed, and nothing would ever change.
                self._wait_hung(now)
            elif why is not None:
                yield CameraLost(now, self._last, why)
            elif not first:
                yield CameraSilent(now, self._last)

    def stats(self) -> CameraStats:
        """Return the counts so far."""
        return CameraStats(
            self._slot.dropped, self._reopened, self._description, self._source.decoder_cpu_s
        )

    def close(self) -> None:
        """End `frames()` and release the source, at once or when the driver lets go of it."""
        self._closing.set()
        self._slot.close()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(JOIN_S)
            if thread.is_alive():
                log.debug("%s: still held by its driver", self._source.name)

    def _patience_s(self, *, first: bool) -> float:
        """Seconds without a frame that are borne; opening takes its own time."""
        return self._config.stall_s + (self._config.open_timeout_s if first else 0.0)

    def _wait_hung(self, since: float) -> None:
        alive = self._alive
        log.error(
            "%s: hangs in its driver for %.0f s; waiting for it, or to be restarted",
            self._source.name,
            since - alive,
        )
        while self._alive == alive and not self._closing.wait(LOST_EVERY_S):
            pass

    def _capture(self) -> None:
        """Open, read and lose the source until closed; the thread's whole life."""
        while not self._closing.is_set():
            try:
                try:
                    self._session()
                finally:
                    self._source.close()
            except SourceLostError as e:
                why = str(e)
            except Exception as e:  # nobody knows what drivers throw; the camera must come back
                why = f"{type(e).__name__}: {e}"
            else:
                return  # closed
            if self._closing.is_set():
                return
            self._lost(why)
            wait = self._backoff.next()
            self._alive = self._clock.now() + wait
            self._closing.wait(wait)

    def _session(self) -> None:
        """Read one opened source until it is lost or closed."""
        description = self._source.open()
        changed = description != self._description
        log.log(logging.INFO if changed else logging.DEBUG, "camera: %s", description)
        self._description = description
        good = self._clock.now()  # s: the last good picture, or the opening
        first: float | None = None  # s: first frame of this session
        shape: tuple[int, ...] = ()
        problem: str | None = None
        while not self._closing.is_set():
            luma = self._source.read()
            now = self._alive = self._clock.now()
            if luma is not None:
                if shape and luma.shape != shape:
                    raise SourceLostError(
                        f"the picture's size changed from {shape} to {luma.shape}"
                    )
                shape = luma.shape
                problem = self._check.problem(now, luma)
                if problem is None:
                    good = now
                    if first is None:
                        first = now
                        self._back(now)
                    self._put(now, luma)
                    if now - first >= self._steady_s:
                        self._steady(first)
            if now - good > self._patience_s(first=first is None):
                raise SourceLostError(problem or f"no frame for {now - good:.1f} s")

    def _put(self, t: float, luma: Luma) -> None:
        self._slot.put(Frame(self._seq, t, turned(luma, self._config.rotate)))
        self._seq += 1
        self._last = t

    def _back(self, t: float) -> None:
        if self._why is not None and self._seq > 0:
            self._reopened += 1
        self._why = None

    def _steady(self, first: float) -> None:
        """Frames came for a while: the outage, if there was one, is over."""
        self._backoff.reset()
        if self._failing is not None:
            log.info("%s: back after %.1f s", self._source.name, first - self._failing)
            self._failing = None

    def _lost(self, why: str) -> None:
        if self._failing is None:
            self._failing = self._last
            log.warning("%s: %s; trying again until it is back", self._source.name, why)
        else:
            log.debug("%s: %s", self._source.name, why)
        self._why = why
        self._slot.interrupt(why)
