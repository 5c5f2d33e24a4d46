"""From scores to an emotion that does not flicker: a window a track, hysteresis, change."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.attributes import WINDOW_S, AttributeWindow
from edge.change import ChangeDetector
from edge.config_emotion import Smooth
from edge.messages import UNKNOWN, AttributeEstimate, Estimate, Reason, Scores, Track

# s: a first emotion is said after so much observation, so that it need not be taken back at once.
SETTLE_S = 0.4
NEAR_WINDOWS = 3.0  # windows between two samples: further apart, the second may be after a hole
# s: a face without an emotion for so long is told as unknown, with the reason.
ANSWER_S = 1.0

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
    weight = np.float32(1 - math.exp(-dt_s / tau_s))
    return previous + weight * (sample - previous)


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
    """Fraction of the samples that each class won: its largest is the classic mode of labels."""
    counts = np.bincount([int(s.argmax()) for _, s in window], minlength=len(window[0][1]))
    return (counts / len(window)).astype(np.float32)


METHODS: dict[str, Callable[[Window, float], NDArray[np.float32]]] = {
    "mean": window_mean,
    "ema": window_ema,
    "mode": window_mode,
}


@dataclass(slots=True, eq=False)
class _History:
    """What is known of one track."""

    since: float
    window: Window = field(default_factory=deque)
    emotion: str = UNKNOWN
    scores: NDArray[np.float32] | None = None
    named: dict[str, float] = field(default_factory=dict)  # the same by label, shared by estimates
    reason: Reason | None = None
    windows: dict[str, AttributeWindow] = field(default_factory=dict)
    attributes: dict[str, AttributeEstimate] = field(default_factory=dict)
    baseline: Mapping[str, float] = field(default_factory=dict)
    alone: int = 0  # newest samples in a row that came when all others were older than the window
    far: int = 0  # the same, than `NEAR_WINDOWS`
    began: float | None = None  # s: first score, for settling
    counted: float = 0.0  # s: scores before then are forgotten: the face has changed since
    changed: float = -math.inf  # s: when `emotion` last changed
    change: ChangeDetector = field(default_factory=ChangeDetector)


class TemporalSmoother:
    """Smooths each track's scores over a window in seconds; two people never share one."""

    def __init__(
        self,
        labels: Sequence[str],
        config: Smooth,
        windows_s: Mapping[str, float] | None = None,
        *,
        tell_state: bool = True,
    ) -> None:
        """Smooth scores in the order of `labels` as the section `smooth` says.

        Args:
            labels: of the scores.
            config: the section.
            windows_s: windows of additional classifiers by name, seconds.
            tell_state: hand on what faces do; else it served only to know which can be scored.
        """
        self._tell_state = tell_state
        self._windows_s = dict(windows_s or {})
        self._labels = list(labels)
        self._histories: dict[str, _History] = {}
        self.configure(config)

    def configure(self, config: Smooth) -> None:
        """Go on by other settings; what is known of the faces in view stays."""
        self._config = config
        self._mean = METHODS[config.method]
        self._settle_s = min(SETTLE_S, config.window_s)

    def update(
        self, t: float, tracks: Sequence[Track], scores: Sequence[Scores]
    ) -> tuple[Estimate, ...]:
        """Return one estimate a track, in the order of `tracks`."""
        self._histories = {k.id: self._histories.get(k.id) or _History(since=t) for k in tracks}
        fresh = {s.track: s for s in scores}
        return tuple(self._estimate(t, k, self._histories[k.id], fresh.get(k.id)) for k in tracks)

    def _estimate(
        self, t: float, track: Track, history: _History, fresh: Scores | None
    ) -> Estimate:
        if track.still != (history.reason is Reason.PICTURE):  # what it was before says nothing
            history = _History(since=t, reason=Reason.PICTURE if track.still else None)
            self._histories[track.id] = history
        if fresh is not None:
            self._take(t, history, fresh)
        named = history.named
        if history.emotion == UNKNOWN and history.reason is None and t - history.since >= ANSWER_S:
            history.reason = Reason.LOW_CONFIDENCE if named else Reason.NOT_SCORED
        confidence = intensity = 0.0
        if named:
            best = max(named.values())
            confidence = named.get(history.emotion, best)
            intensity = min(max(1 - named.get("neutral", 1 - best), 0.0), 1.0)
        return Estimate(
            track=track,
            emotion=history.emotion,
            confidence=confidence,
            scores=named,
            intensity=intensity,
            since=history.since,
            reason=history.reason,
            window_s=min(t - max(history.began, history.counted), self._config.window_s)
            if history.began is not None
            else 0.0,
            attributes=dict(history.attributes) if history.attributes else {},
            state=track.state if self._tell_state else None,
            baseline=history.baseline,
        )

    def _take(self, t: float, history: _History, fresh: Scores) -> None:
        for name, shares in fresh.attributes.items():
            if name not in history.windows:
                history.windows[name] = AttributeWindow(self._windows_s.get(name, WINDOW_S))
            history.attributes[name] = history.windows[name].update(t, shares)
        if fresh.probabilities is None and fresh.reason is None:  # nobody asked for the emotion
            return
        self._drop_old(t, history, scored=fresh.probabilities is not None)
        if fresh.probabilities is None:
            if not history.window:  # nothing left to go by
                history.scores, history.named = None, {}
                self._become(t, history, UNKNOWN, fresh.reason)
            return
        history.window.append((t, fresh.probabilities))
        history.baseline = fresh.baseline
        history.began = t if history.began is None else history.began
        history.scores = self._mean(history.window, self._config.window_s)
        if self._forget(t, history, fresh.probabilities):
            history.scores = self._mean(history.window, self._config.window_s)
        history.named = dict(zip(self._labels, history.scores.tolist(), strict=True))
        if t - history.began < self._settle_s:
            return
        emotion = self._choose(history.emotion, history.scores)
        if emotion != history.emotion and t - history.changed < self._config.hold_s:
            return
        self._become(t, history, emotion, Reason.LOW_CONFIDENCE if emotion == UNKNOWN else None)

    def _drop_old(self, t: float, history: _History, *, scored: bool) -> None:
        """Drop what is older than the window; where samples are further apart, keep the last."""
        last = None
        while history.window and history.window[0][0] < t - self._config.window_s:
            last = history.window.popleft()
        emptied = not history.window
        if emptied and scored and last is not None and self._no_hole(t, last[0], history):
            history.window.append(last)
        elif emptied:  # what was seen before says nothing any more: settle anew
            history.began = None
            history.change.reset()
        history.alone = history.alone + 1 if emptied and scored else 0
        far = emptied and scored and last is not None and not self._near(t, last[0])
        history.far = history.far + 1 if far else 0

    def _no_hole(self, t: float, before: float, history: _History) -> bool:
        """Return whether samples come no oftener: twice in a row, thrice if they are far apart."""
        return history.alone > 0 if self._near(t, before) else history.far > 0

    def _near(self, t: float, before: float) -> bool:
        return t - before <= NEAR_WINDOWS * self._config.window_s

    def _forget(self, t: float, history: _History, scores: NDArray[np.float32]) -> bool:
        """Drop from the window what was before a change, as soon as that is sure."""
        if self._config.react_s <= 0 or history.scores is None:
            return False
        known = history.emotion in self._labels
        current = self._labels.index(history.emotion) if known else int(history.scores.argmax())
        since = history.change.update(t, scores, current, self._config.react_s)
        if since is None:
            return False
        history.counted = since
        while history.window[0][0] < since:
            history.window.popleft()
        return True

    def _choose(self, current: str, scores: NDArray[np.float32]) -> str:
        """A strong newcomer wins, else what is tenable stays, else the best there is."""
        best = int(scores.argmax())
        if scores[best] >= self._config.enter:
            return self._labels[best]
        if current in self._labels and scores[self._labels.index(current)] >= self._config.leave:
            return current
        return self._labels[best] if scores[best] >= self._config.floor else UNKNOWN

    def _become(self, t: float, history: _History, emotion: str, reason: Reason | None) -> None:
        history.reason = reason
        if emotion != history.emotion:
            history.emotion, history.since, history.changed = emotion, t, t
            history.change.reset()  # it was evidence against the one before
