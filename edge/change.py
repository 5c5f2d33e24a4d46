"""Has a face changed? Evidence adds up until it is enough: quickly where it is strong."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# nats: most that one sample says for one class against another, e^3 is 20 to 1. The scores of
# neighbouring frames err together, so that no product of them is as sure as it looks.
STRONG = 3.0
LEAST_SCORE = 1e-3  # scores below are noise of the quantised model, and their logarithms too
MOST_OF_ONE = 0.5  # fraction of what is needed that one sample gives, however long ago the last was
ROUNDING = 1e-6  # nats s


def _zeros() -> NDArray[np.float64]:
    return np.zeros(0)


@dataclass(slots=True, eq=False)
class ChangeDetector:
    """Cumulative sums of log-likelihood ratios, one a class (Page 1954, Biometrika 41).

    The sums are over time, in nats times seconds, so that the rate of samples does not matter.
    """

    evidence: NDArray[np.float64] = field(default_factory=_zeros)  # (classes,) nats s, >= 0
    began: NDArray[np.float64] = field(default_factory=_zeros)  # (classes,) s: left zero
    last: float | None = None  # s: the last sample

    def reset(self) -> None:
        """Forget all evidence, not when the last sample was."""
        self.evidence, self.began = _zeros(), _zeros()

    def update(
        self, t: float, scores: NDArray[np.float32], current: int, react_s: float
    ) -> float | None:
        """Take a sample; return when the face began to change, if it has.

        Args:
            t: seconds, never decreasing.
            scores: (classes,) of this sample, adding up to 1.
            current: the class that the face is taken to show.
            react_s: seconds of strong evidence that are enough, > 0; weaker takes longer.

        Returns:
            Seconds: from then on another class was more probable than `current`; None: it is not
            sure. All evidence is forgotten with a change.
        """
        dt_s = 0.0 if self.last is None else min(t - self.last, MOST_OF_ONE * react_s)
        self.last = t
        if len(self.evidence) != len(scores):
            self.evidence, self.began = np.zeros(len(scores)), np.full(len(scores), t)
        logs = np.log(np.maximum(scores.astype(np.float64), LEAST_SCORE))
        ratio = np.clip(logs - logs[current], -STRONG, STRONG)
        before = self.evidence
        self.evidence = np.maximum(before + ratio * dt_s, 0.0)
        self.began = np.where((before <= 0) & (self.evidence > 0), t, self.began)
        most = int(self.evidence.argmax())
        if self.evidence[most] < STRONG * react_s - ROUNDING:
            return None
        since = float(self.began[most])
        self.reset()
        return since
