"""Resting faces that do not look neutral: what they show at rest is learned and taken off.

Some people look sad or cross at rest, and from above everybody does. For each track, and for each
camera over its visitors, the median of log(score / score of neutral) says what the resting face
shows: a median, so that an expression that is held for less than half of the time observed does not
count. Scores of the configured emotions are then weakened, by a bounded factor, so far that the
resting face is neutral. Nothing is kept longer than the daemon runs.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from edge.config_emotion import Baseline
from edge.messages import Scores, Track

EVERY_S = 2.0  # s between two samples of a track
SPAN = 300  # samples: of the last ten minutes
# s of observation before a track's own rest counts: an expression held for a minute is a third.
LEARN_S = 180.0
VISITS = 200  # visitors whose resting faces say what the camera's are
ENOUGH_VISITS = 20  # before they do
VISIT_S = 6.0  # s: shorter visits say nothing
CALM = 0.5  # score that a resting face may have of an emotion, as a fraction of neutral's
TINY = 1e-4  # scores below are this: their logarithms say nothing
SHOWN = 0.99  # a factor from which nothing is told


def factors(
    logs: NDArray[np.floating], chosen: NDArray[np.bool_], bound: float
) -> NDArray[np.float32]:
    """Return by what to multiply scores, (C,), so that a resting face is neutral.

    Args:
        logs: (C,): log(score / score of neutral) at rest.
        chosen: (C,): which scores may be weakened.
        bound: by which a score is divided at most.
    """
    wanted = np.clip(CALM * np.exp(-logs), 1 / bound, 1.0)
    return np.where(chosen, wanted, 1.0).astype(np.float32)


@dataclass(slots=True, eq=False)
class _Rest:
    """What a track has shown."""

    samples: deque[NDArray[np.float32]] = field(default_factory=lambda: deque(maxlen=SPAN))
    sampled: float = -math.inf  # s: time of the last sample
    factors: NDArray[np.float32] | None = None  # of its own; None: not known yet


class BaselineCorrector:
    """Weakens what a face shows at rest."""

    def __init__(self, labels: Sequence[str], config: Baseline) -> None:
        """Correct scores in the order of `labels` as the section `baseline` says."""
        self._labels = list(labels)
        self._neutral = labels.index("neutral") if "neutral" in labels else None
        self._rests: dict[str, _Rest] = {}
        self._visits: deque[NDArray[np.float32]] = deque(maxlen=VISITS)
        self._camera: NDArray[np.float32] | None = None
        self.configure(config)

    def configure(self, config: Baseline) -> None:
        """Go on by other settings; what was learned stays, unless it is switched off."""
        self._config = config
        self._chosen = np.array([label in config.emotions for label in self._labels])
        if not config.enabled:
            self.forget()
            return
        self._camera = self._camera_factors()
        for rest in self._rests.values():
            rest.factors = self._own_factors(rest)

    def forget(self) -> None:
        """Begin anew: scores are no longer what they were, under another prior, say."""
        self._rests, self._camera = {}, None
        self._visits.clear()

    def update(
        self, t: float, tracks: Sequence[Track], scores: Sequence[Scores]
    ) -> tuple[Scores, ...]:
        """Learn from `scores` at time `t` (s), and return them corrected.

        Args:
            t: monotonic seconds.
            tracks: all that are followed; those that are gone end a visit.
            scores: of some of them.
        """
        if not self._config.enabled or self._neutral is None:
            return tuple(scores)
        here = {track.id for track in tracks}
        for gone in [name for name in self._rests if name not in here]:
            self._end(self._rests.pop(gone))
        return tuple(s if s.probabilities is None else self._one(t, s) for s in scores)

    def _one(self, t: float, scores: Scores) -> Scores:
        assert scores.probabilities is not None
        rest = self._rests.setdefault(scores.track, _Rest())
        if t - rest.sampled >= EVERY_S:
            rest.sampled = t
            logs = np.log(np.maximum(scores.probabilities, TINY))
            rest.samples.append(np.asarray(logs - logs[self._neutral], np.float32))
            rest.factors = self._own_factors(rest)
        applied = rest.factors if rest.factors is not None else self._camera
        if applied is None:
            return scores
        raw = scores.probabilities * applied
        return replace(
            scores,
            probabilities=np.asarray(raw / raw.sum(), np.float32),
            baseline=self._named(applied),
        )

    def _own_factors(self, rest: _Rest) -> NDArray[np.float32] | None:
        if len(rest.samples) * EVERY_S < LEARN_S:
            return None
        return factors(np.median(np.stack(rest.samples), axis=0), self._chosen, self._config.bound)

    def _camera_factors(self) -> NDArray[np.float32] | None:
        if len(self._visits) < ENOUGH_VISITS:
            return None
        return factors(np.median(np.stack(self._visits), axis=0), self._chosen, self._config.bound)

    def _end(self, rest: _Rest) -> None:
        if len(rest.samples) * EVERY_S < VISIT_S:
            return
        self._visits.append(np.asarray(np.median(np.stack(rest.samples), axis=0), np.float32))
        self._camera = self._camera_factors()

    def _named(self, applied: NDArray[np.float32]) -> Mapping[str, float]:
        named = zip(self._labels, applied.tolist(), strict=True)
        return {label: factor for label, factor in named if factor < SHOWN}
