"""Tells pictures, statues and patterns from living faces: they never move and never change.

Whoever lives moves, asleep too: breathing shifts the head by fractions of a pixel, over and over.
Samples of a picture differ by the camera's noise alone, which is another one in each of them.
docs/seeing.md has what was measured, `python -m benchmarks.still` measures it again.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edge.config import TrackKeys
from edge.geometry import Box
from edge.messages import Frame, Track
from edge.subpixel import CameraShift, Floats, Reference, inside

SAMPLE_S = 0.25  # s between two samples of a face: breathing and blinking take longer
EARLY_S = 0.02  # s: a frame that comes this much early still counts
GAP_S = 3.0  # s without a sample: nobody watched, evidence begins anew
MIN_RATE = 1.0  # samples a second, on average, or nothing is said
SEEN_S = 0.6  # s since a detection: later, what changes may be somebody who walks past
REST_S = 1.0  # s after a sign of life before the next reference: the first is seldom the last
CLOSE = 0.5  # overlap with the box of the reference; under it the face has moved
MOVED = 0.015  # of the box's side, between a sample and the reference: a movement by itself
# Change of a cell that is a sign of life by itself: times what cells usually change in that sample,
# and levels of luma. Pictures have up to 8 times, under noise, flicker and JPEG (benchmarks.still).
CHANGED, CHANGED_LEVELS = 10.0, 6.0
NOISE_LEVELS = 4.0  # of change in a usual cell: more is no noise, it is another picture
STRIKES = 2  # samples in a row with a sign of life, and a picture is a face again
# RMS movement, of the box's side, that a picture stays below: 0.07 mm of a face 14 cm wide.
# Sleepers were noticed from 0.15 % of the side between breathing in and out (benchmarks.still).
BREATH = 5e-4
MAX_ERROR = 6e-4  # of the side, that a level of noise may move it: flat or dark, nothing is said
ENOUGH = 40  # samples: fewer say little of breathing
LAGS = 4  # samples: a movement as quick as these, or slower, is told from noise
RETURN_S = 10.0  # s that a track which has shown life must look exactly as a known picture
FORGET_S = 600.0  # s after which a picture that was not seen again is forgotten
MAX_KNOWN = 16
JUDGE_S = 1.0  # s between two judgements: they are dearer than a sample
WAKE = 2.0  # times BREATH that end a picture's being one, so that it does not flicker
MIN_INSIDE = 0.6  # of a box must lie within the frame


@dataclass(slots=True, eq=False)
class _Picture:
    """What was found to be a picture: known again when whoever stood before it is gone."""

    box: Box
    camera: tuple[float, float]
    reference: Reference
    seen: float


@dataclass(slots=True, eq=False)
class _Evidence:
    """What speaks for one track's being a picture."""

    still: bool = False
    sampled: float = -math.inf
    judged: float = -math.inf
    wait: float = -math.inf  # s: no reference before
    reference: Reference | None = None
    box: Box = field(default=Box(0, 0, 0, 0))  # that of the reference
    camera: tuple[float, float] = (0.0, 0.0)  # where the camera was then
    began: float = -math.inf  # s: since when it looks as the reference does
    known: bool = False  # the reference is of a known picture
    lived: bool = False  # this track has shown a sign of life
    strikes: int = 0
    times: deque[float] = field(default_factory=deque)
    # Movements from the reference, against the background and against the frame.
    moves: deque[tuple[Floats, Floats]] = field(default_factory=deque)

    def refer(self, t: float, box: Box, camera: tuple[float, float], reference: Reference) -> None:
        """Begin anew from this instant."""
        self.reference, self.box, self.camera, self.began = reference, box, camera, t
        self.known = False
        self.times.clear()
        self.moves.clear()

    def here(self, camera: tuple[float, float]) -> Box:
        """Return where the reference's box is by now, when only the camera has moved."""
        return self.box.moved(camera[0] - self.camera[0], camera[1] - self.camera[1])

    def take(self, t: float, move: Floats, camera: tuple[float, float], window_s: float) -> None:
        """Keep one sample, and none that is older than `window_s`."""
        raw = move.copy()
        raw[0] += (camera[0] - self.camera[0]) / self.box.width
        raw[1] += (camera[1] - self.camera[1]) / self.box.height
        self.times.append(t)
        self.moves.append((move, raw))
        while self.times[0] < t - window_s:
            self.times.popleft()
            self.moves.popleft()

    def lasting(self) -> float:
        """Return the RMS movement, of the side: against background or frame, whichever is less.

        A camera that shakes moves the one, flicker and passers-by disturb the other; a head
        moves both.
        """
        return min(lasting([m[i] for m in self.moves]) for i in (0, 1))


class StillnessDetector:
    """Marks tracks that have shown no sign of life for a time, until they show one."""

    def __init__(self, config: TrackKeys) -> None:
        """Decide after `still_s` of the section `track`; 0: never."""
        self._evidence: dict[str, _Evidence] = {}
        self._known: list[_Picture] = []
        self._camera = CameraShift()
        self.configure(config)

    def configure(self, config: TrackKeys) -> None:
        """Go on with another time; switched off, nothing seen is kept."""
        self._still_s = config.still_s
        if not self._still_s:
            self._evidence.clear()
            self._known.clear()

    def reset(self) -> None:
        """Forget the tracks: the camera was away. Pictures that look the same are known again."""
        self._evidence.clear()

    def update(self, frame: Frame, tracks: Sequence[Track]) -> tuple[Track, ...]:
        """Return `tracks`, those of pictures marked `still`."""
        if not self._still_s:
            return tuple(tracks)
        self._evidence = {k.id: self._evidence.get(k.id) or _Evidence() for k in tracks}
        self._known = [p for p in self._known if frame.t - p.seen <= FORGET_S]
        due = [k for k in tracks if frame.t - self._of(k).sampled >= SAMPLE_S - EARLY_S]
        if due:
            camera = self._camera.update(frame.t, frame.luma, [k.box for k in tracks])
            for track in due:
                self._sample(frame, track, camera)
        return tuple(replace(k, still=True) if self._of(k).still else k for k in tracks)

    def movement(self, track: str) -> float | None:
        """Return the RMS movement of a track, of its box's side; None: it was not watched long."""
        e = self._evidence.get(track)
        return None if e is None or len(e.moves) < ENOUGH else e.lasting()

    def _of(self, track: Track) -> _Evidence:
        return self._evidence[track.id]

    def _sample(self, frame: Frame, track: Track, camera: tuple[float, float]) -> None:
        e, t = self._of(track), frame.t
        if t - e.sampled > GAP_S:
            e.reference = None
        e.sampled = t
        if e.reference is None:
            if t >= e.wait:
                self._refer(frame, track, camera)
            return
        box = e.here(camera)
        move, alive = compared(e.reference, frame, box)
        if alive or box.iou(track.box) < CLOSE:
            if t - track.seen <= SEEN_S:
                self._show_life(e, t)
            return
        e.strikes = 0
        e.take(t, move, camera, self._still_s)
        self._judge(frame, e, camera)

    def _refer(self, frame: Frame, track: Track, camera: tuple[float, float]) -> None:
        """Begin anew: from a known picture if it is back, else from what is there now."""
        e = self._of(track)
        for p in self._known:
            box = p.box.moved(camera[0] - p.camera[0], camera[1] - p.camera[1])
            if box.iou(track.box) >= CLOSE and not compared(p.reference, frame, box)[1]:
                e.refer(frame.t, p.box, p.camera, p.reference)
                e.known, e.still = True, e.still or not e.lived
                return
        e.still = False
        rows, columns = frame.luma.shape
        box = clipped(track.box, columns, rows)
        if box.area >= MIN_INSIDE * track.box.area:
            e.refer(frame.t, box, camera, Reference(inside(frame.luma, box)))

    def _show_life(self, e: _Evidence, t: float) -> None:
        e.strikes, e.lived = e.strikes + 1, True
        if not e.still or e.strikes >= STRIKES:
            e.still, e.reference, e.wait = False, None, t + REST_S

    def _judge(self, frame: Frame, e: _Evidence, camera: tuple[float, float]) -> None:
        t = frame.t
        assert e.reference is not None
        if t - e.judged < JUDGE_S:
            return
        e.judged = t
        if e.known and t - e.began >= RETURN_S:
            e.still = True
        watched = t - e.began >= self._still_s and len(e.times) >= MIN_RATE * self._still_s
        if watched and e.reference.error <= MAX_ERROR:
            rms = e.lasting()
            if e.still and rms > WAKE * BREATH:
                self._known = [p for p in self._known if p.reference is not e.reference]
                e.still, e.reference = False, None
                return
            e.still = e.still or rms <= BREATH
        if e.still:
            if t - e.began > 2 * self._still_s:  # daylight moves on
                e.refer(t, e.here(camera), camera, Reference(inside(frame.luma, e.here(camera))))
            self._remember(e, t)

    def _remember(self, e: _Evidence, t: float) -> None:
        assert e.reference is not None
        others = [p for p in self._known if p.box.iou(e.box) < CLOSE]
        picture = _Picture(e.box, e.camera, e.reference, t)
        self._known = [*others, picture][-MAX_KNOWN:]


def compared(reference: Reference, frame: Frame, box: Box) -> tuple[Floats, bool]:
    """Return how `box` has moved from its reference, and whether that alone is a sign of life."""
    move, worst, usual = reference.compare(inside(frame.luma, box))
    other = usual > NOISE_LEVELS or worst > max(CHANGED * usual, CHANGED_LEVELS)
    return move, other or float(np.abs(move).max()) > MOVED


def lasting(moves: Sequence[Floats]) -> float:
    """Return the RMS of movements that outlast a sample, with a margin for not knowing better.

    Noise is another one in every sample, so its covariance over a few samples is zero, whatever
    its size; what breathes is alike from one sample to the next, or the opposite. The margin is a
    standard deviation of a covariance of white noise. A straight drift, as of a camera that warms
    up, is taken out first.

    Args:
        moves: one row a sample, LAGS + 2 or more, the directions one beside the other.
    """
    m = np.asarray(moves, np.float64)
    line = np.linspace(-1, 1, len(m))
    m -= m.mean(axis=0)
    m -= np.outer(line, (line @ m) / (line @ line))
    covariances = [np.abs((m[k:] * m[:-k]).mean(axis=0)) for k in range(1, LAGS + 1)]
    margin = (m * m).mean(axis=0) / math.sqrt(len(m))
    return math.sqrt(float((np.max(covariances, axis=0) + margin).max()))


def clipped(box: Box, width: float, height: float) -> Box:
    """Return the part of `box` inside a frame."""
    x0, y0 = min(max(box.x, 0.0), width), min(max(box.y, 0.0), height)
    x1, y1 = min(box.x + box.width, width), min(box.y + box.height, height)
    return Box(x0, y0, max(x1 - x0, 0.0), max(y1 - y0, 0.0))
