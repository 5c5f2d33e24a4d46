"""Says which face is which: nearest match of place, size and appearance, carried on in between."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.assignment import assign
from edge.config import TrackKeys
from edge.follow import MIN_MATCH, follow, patch, similarity
from edge.geometry import Box, Points, blended
from edge.messages import Face, Frame, Track

REACH = 0.7  # face sizes: how far from where it was expected a face may turn up at once
REACH_PER_S = 1.5  # face sizes a second more, while it was not seen
MAX_REACH = 2.0  # face sizes
MAX_SIZE_RATIO = 2.0  # between two detections
APPEARANCE = 0.6  # weight of unlike appearance beside one face size of distance
SIZE = 0.5  # weight of a factor e in size
VELOCITY_TAU_S = 0.4  # s: time constant of a track's speed
LANDMARK_TAU_S = 0.2  # s: time constant of landmarks in their box: single ones are a little off
MAX_COAST_S = 0.7  # s: an unseen face keeps its speed so long, then stands
CROSSED = 0.2  # overlap with a nearer face from which a face counts as hidden behind it
# Fraction of the detector's rate while every face is confirmed and followed this surely. Newcomers
# are found a little later; a face doubtful in one frame has the full rate back with the next.
SETTLED, SURE_MATCH = 0.4, 0.8
TENTATIVE_MISSES = 1  # detections an unconfirmed face may miss
SLOW = 2.0  # times the interval before: a slow source's frames are no gap
MAX_GAP_S = 30.0  # s: of `track.lost_s` too; only two intervals in a row tell of a slower source


@dataclass(slots=True, eq=False)
class _Tracked:
    """Mutable side of a track."""

    id: str
    box: Box
    found: Box  # at the last detection
    score: float
    landmarks: Points | None
    began: float
    seen: float
    at: float  # s: what `box` is up to date with
    template: NDArray[np.uint8] | None  # picture at the last detection
    vx: float = 0.0  # pixels a second
    vy: float = 0.0
    hits: int = 1
    misses: int = 0
    confirmed: bool = False
    sure: bool = True  # detected or followed surely in the newest frame
    held: bool = True  # detected in the newest frame, or its picture was found there

    def gone(self) -> bool:
        """Return whether something else may be in the box by now."""
        # A face cut off by the border has no picture to be found: the last detection counts.
        return not self.held and (self.misses > 0 or self.template is not None)


class Pace:
    """How far apart a source's frames come, to tell its pace from a gap."""

    def __init__(self) -> None:
        """Begin without a frame."""
        self._before = self.interval = 0.0  # s between frames: the last but one, the last

    def longest(self, lost_s: float) -> float:
        """Return how long after the last frame (s) its faces may be in view without another one.

        Args:
            lost_s: `track.lost_s`.
        """
        one, two = self.interval, min(self.interval, self._before)
        return max(lost_s, SLOW * two, min(SLOW * one, MAX_GAP_S))

    def take(self, interval: float) -> None:
        """Note how long (s) the newest frame came after the one before."""
        self._before, self.interval = self.interval, interval


class FaceTracker:
    """Pairs faces with tracks at the least cost; see the constants for what is weighed."""

    def __init__(self, config: TrackKeys, rng: random.Random) -> None:
        """Make a tracker without tracks; ids come from `rng`."""
        self._rng = rng
        self._tracks: list[_Tracked] = []
        self._t: float | None = None  # s: of the frame before
        self._pace = Pace()
        self.configure(config)

    def configure(self, config: TrackKeys) -> None:
        """Go on by other settings; the tracks stay."""
        self._config = config

    def reset(self) -> None:
        """Forget all tracks."""
        self._tracks.clear()
        self._t = None

    def demand(self) -> float:
        """Return the fraction of the detector's rate that is needed now."""
        settled = self._tracks and all(t.confirmed and t.sure for t in self._tracks)
        return SETTLED if settled else 1.0

    def update(self, frame: Frame, faces: Sequence[Face] | None) -> tuple[Track, ...]:
        """Return the confirmed tracks, largest first; `faces` None: no detection in this frame."""
        self._mind_gap(frame.t)
        for track in self._tracks:
            self._carry(track, frame)
        if faces is not None:
            self._assign(frame, faces)
        height, width = frame.luma.shape
        self._tracks = [t for t in self._tracks if self._lives(t, frame.t, width, height)]
        confirmed = sorted((t for t in self._tracks if t.confirmed), key=lambda t: -t.box.area)
        return tuple(
            Track(
                t.id, t.box, t.score, t.began, t.seen, (width, height), t.landmarks, gone=t.gone()
            )
            for t in confirmed
        )

    def _mind_gap(self, t: float) -> None:
        """Lose all tracks over a gap between frames: anybody may be in their places by now."""
        interval = 0.0 if self._t is None else t - self._t
        if interval > self._pace.longest(self._config.lost_s):
            self._tracks.clear()
        self._pace.take(interval)
        self._t = t

    def _lives(self, track: _Tracked, t: float, width: int, height: int) -> bool:
        x, y = track.box.centre
        if t > track.seen and not (0 <= x < width and 0 <= y < height):
            return False  # walked out of the picture
        if not track.confirmed and track.misses > TENTATIVE_MISSES:
            return False
        # Whom no detection has looked for since is not lost, however seldom there is one.
        return track.misses == 0 or t - track.seen <= self._config.lost_s

    def _carry(self, track: _Tracked, frame: Frame) -> None:
        """Move a box on to this frame: by its picture where that is found, else by its speed."""
        dt = frame.t - track.at
        track.at = frame.t
        if dt <= 0:
            return
        track.sure = track.held = False
        coasting = frame.t - track.seen <= MAX_COAST_S
        guess = track.box.moved(track.vx * dt, track.vy * dt) if coasting else track.box
        if track.template is not None and not self._hidden(track):
            # Speed is already in the search area; start from where it was to avoid running away.
            found, match = follow(frame.luma, track.box, track.template)
            if match >= MIN_MATCH:
                guess = found
                track.sure = match >= SURE_MATCH and track.misses == 0
                track.held = True
        if track.landmarks is not None:
            dx, dy = guess.x - track.box.x, guess.y - track.box.y
            track.landmarks = tuple((x + dx, y + dy) for x, y in track.landmarks)
        track.box = guess

    def _hidden(self, track: _Tracked) -> bool:
        return any(
            o is not track and o.seen > track.seen and track.box.iou(o.box) > CROSSED
            for o in self._tracks
        )

    def _assign(self, frame: Frame, faces: Sequence[Face]) -> None:
        pictures = [patch(frame.luma, f.box) for f in faces]
        cost = [
            [self._cost(t, f, p, frame.t) for f, p in zip(faces, pictures, strict=True)]
            for t in self._tracks
        ]
        pairs = assign(cost)
        for i, track in enumerate(self._tracks):
            if i in pairs:
                j = pairs[i]
                self._hit(track, faces[j], pictures[j], frame.t)
            else:
                track.misses += 1
        for j, face in enumerate(faces):
            if j not in pairs.values():
                self._tracks.append(self._spawn(face, pictures[j], frame.t))

    def _cost(
        self, track: _Tracked, face: Face, picture: NDArray[np.uint8] | None, t: float
    ) -> float:
        """Return how unlike they are, in face sizes; infinite where they cannot be the same."""
        size = math.sqrt(track.box.area)
        (ax, ay), (bx, by) = track.box.centre, face.box.centre
        distance = math.hypot(ax - bx, ay - by) / max(size, 1.0)
        ratio = math.sqrt(face.box.area) / max(size, 1.0)
        reach = min(REACH + REACH_PER_S * (t - track.seen), MAX_REACH)
        if distance > reach or not 1 / MAX_SIZE_RATIO <= ratio <= MAX_SIZE_RATIO:
            return math.inf
        unlike = (1 - similarity(track.template, picture)) / 2
        return distance + SIZE * abs(math.log(ratio)) + APPEARANCE * unlike

    def _hit(
        self, track: _Tracked, face: Face, picture: NDArray[np.uint8] | None, t: float
    ) -> None:
        dt = t - track.seen
        if dt > 0:
            (ax, ay), (bx, by) = track.found.centre, face.box.centre
            weight = 1 - math.exp(-dt / VELOCITY_TAU_S)
            track.vx += weight * ((bx - ax) / dt - track.vx)
            track.vy += weight * ((by - ay) / dt - track.vy)
        if track.landmarks is None or face.landmarks is None:
            track.landmarks = face.landmarks
        else:
            weight = 1 - math.exp(-dt / LANDMARK_TAU_S)
            track.landmarks = blended(track.landmarks, track.box, face.landmarks, face.box, weight)
        track.box = track.found = face.box
        track.score = face.score
        track.seen = track.at = t
        track.template = picture if picture is not None else track.template
        track.hits += 1
        track.misses = 0
        track.sure = track.held = True
        track.confirmed = track.confirmed or track.hits >= self._config.confirm

    def _spawn(self, face: Face, picture: NDArray[np.uint8] | None, t: float) -> _Tracked:
        return _Tracked(
            id=f"{self._rng.getrandbits(32):08x}",
            box=face.box,
            found=face.box,
            score=face.score,
            landmarks=face.landmarks,
            began=t,
            seen=t,
            at=t,
            template=picture,
            confirmed=self._config.confirm == 1,
        )
