"""From scores to an emotion that does not flicker: a window a track, and hysteresis."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.config import Smooth
from edge.messages import UNKNOWN, Mood, Reason, Scores, Track

# s: a first emotion is said after so much observation, so that it need not be taken back at once.
SETTLE_S = 0.4

Window = deque[tuple[float, NDArray[np.float32]]]


def ema_step(
    previous: NDArray[np.float32], sample: NDArray[np.float32], *, dt_s: float, tau_s: float
) -> NDArray[np.float32]:
    """Return class scores after one first-order low-pass step.

    Args:
        previous: smoothed scores so far, shape (classes,), each in [0, 1].
        sample: this frame's scores, same shape and range.
        dt_s: seconds since the previous sample, >= 0.
        tau_s: time constant in seconds, > 0; larger is slower.

    Raises:
        ValueError: the shapes differ, or a time is out of range.
    """
    if previous.shape != sample.shape or dt_s < 0 or tau_s <= 0:
        raise ValueError(f"got {previous.shape}, {sample.shape}, dt_s={dt_s}, tau_s={tau_s}")
    share = np.float32(1 - math.exp(-dt_s / tau_s))
    return previous + share * (sample - previous)


def window_mean(window: Window, _window_s: float) -> NDArray[np.float32]:
    """Mean of the scores, each sample weighing the same."""
    return np.asarray(np.mean([s for _, s in window], axis=0, dtype=np.float32))


def window_ema(window: Window, window_s: float) -> NDArray[np.float32]:
    """Exponential mean with a time constant of half the window, over the window."""
    (last, smoothed), *rest = window
    for t, sample in rest:
        smoothed = ema_step(smoothed, sample, dt_s=t - last, tau_s=window_s / 2)
        last = t
    return smoothed


def window_mode(window: Window, _window_s: float) -> NDArray[np.float32]:
    """Share of the samples that each class won: its largest is the classic mode of labels."""
    counts = np.bincount([int(s.argmax()) for _, s in window], minlength=len(window[0][1]))
    return (counts / len(window)).astype(np.float32)


METHODS: dict[str, Callable[[Window, float], NDArray[np.float32]]] = {
    "mean": window_mean,
    "ema": window_ema,
    "mode": window_mode,
}


@dataclass(slots=True, eq=False)
class _Mind:
    """What is known of one track."""

    since: float
    window: Window = field(default_factory=deque)
    emotion: str = UNKNOWN
    scores: NDArray[np.float32] | None = None
    named: dict[str, float] = field(default_factory=dict)  # the same by label, shared by moods
    reason: Reason | None = None
    attributes: dict[str, tuple[str, float]] = field(default_factory=dict)
    began: float | None = None  # s: first score, for settling
    changed: float = -math.inf  # s: when `emotion` last changed


class MoodSmoother:
    """Smooths each track's scores over a window in seconds; two people never share one."""

    def __init__(self, labels: Sequence[str], config: Smooth) -> None:
        """Smooth scores in the order of `labels` as the section `smooth` says."""
        self._labels = list(labels)
        self._minds: dict[str, _Mind] = {}
        self.configure(config)

    def configure(self, config: Smooth) -> None:
        """Go on by other settings; what is known of the faces in view stays."""
        self._config = config
        self._mean = METHODS[config.method]
        self._settle_s = min(SETTLE_S, config.window_s)

    def update(
        self, t: float, tracks: Sequence[Track], scores: Sequence[Scores]
    ) -> tuple[Mood, ...]:
        """Return one mood a track, in the order of `tracks`."""
        self._minds = {k.id: self._minds.get(k.id) or _Mind(since=t) for k in tracks}
        fresh = {s.track: s for s in scores}
        return tuple(self._mood(t, k, self._minds[k.id], fresh.get(k.id)) for k in tracks)

    def _mood(self, t: float, track: Track, mind: _Mind, fresh: Scores | None) -> Mood:
        if fresh is not None:
            self._take(t, mind, fresh)
        named = mind.named
        share = intensity = 0.0
        if named:
            best = max(named.values())
            share = named.get(mind.emotion, best)
            intensity = min(max(1 - named.get("neutral", 1 - best), 0.0), 1.0)
        return Mood(
            track=track,
            emotion=mind.emotion,
            confidence=share,
            scores=named,
            intensity=intensity,
            since=mind.since,
            reason=mind.reason,
            window_s=min(t - mind.began, self._config.window_s) if mind.began is not None else 0.0,
            attributes=dict(mind.attributes) if mind.attributes else {},
        )

    def _take(self, t: float, mind: _Mind, fresh: Scores) -> None:
        while mind.window and mind.window[0][0] < t - self._config.window_s:
            mind.window.popleft()
        if fresh.probabilities is None:
            if not mind.window:  # nothing left to go by
                mind.scores, mind.named = None, {}
                mind.began = None
                self._become(t, mind, UNKNOWN, fresh.reason)
            return
        mind.window.append((t, fresh.probabilities))
        mind.attributes.update(fresh.attributes)
        mind.began = t if mind.began is None else mind.began
        mind.scores = self._mean(mind.window, self._config.window_s)
        mind.named = dict(zip(self._labels, mind.scores.tolist(), strict=True))
        if t - mind.began < self._settle_s:
            return
        emotion = self._choose(mind.emotion, mind.scores)
        if emotion != mind.emotion and t - mind.changed < self._config.hold_s:
            return
        self._become(t, mind, emotion, Reason.LOW_CONFIDENCE if emotion == UNKNOWN else None)

    def _choose(self, current: str, scores: NDArray[np.float32]) -> str:
        """A strong newcomer wins, else what is tenable stays, else the best there is."""
        best = int(scores.argmax())
        if scores[best] >= self._config.enter:
            return self._labels[best]
        if current in self._labels and scores[self._labels.index(current)] >= self._config.leave:
            return current
        return self._labels[best] if scores[best] >= self._config.floor else UNKNOWN

    def _become(self, t: float, mind: _Mind, emotion: str, reason: Reason | None) -> None:
        mind.reason = reason
        if emotion != mind.emotion:
            mind.emotion, mind.since, mind.changed = emotion, t, t
