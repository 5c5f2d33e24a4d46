"""Smooths the answers of additional classifiers: shares over a window, a label that holds."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from edge.messages import AttributeEstimate

# By how much another label's share must lead before it replaces the one that was said: near a tie
# the two would take turns.
LEAD = 0.1
WINDOW_S = 5.0  # default of `attribute.window_s`: ten answers at the default rate


class AttributeWindow:
    """What one classifier said of one face lately."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        """Keep answers for `window_s` seconds; the last one is kept until there is another."""
        self._window_s = window_s
        self._answers: deque[tuple[float, NDArray[np.float32]]] = deque()
        self._label: int | None = None

    def update(self, t: float, shares: dict[str, float]) -> AttributeEstimate:
        """Return the mean of the answers in the window, and the label that follows from it.

        Args:
            t: s, of the answer; not before the last one.
            shares: probability of each label, in the model's order.
        """
        while self._answers and self._answers[0][0] < t - self._window_s:
            self._answers.popleft()
        self._answers.append((t, np.array(list(shares.values()), np.float32)))
        mean = np.mean([a for _, a in self._answers], axis=0)
        best = int(mean.argmax())
        if self._label is None or mean[best] >= mean[self._label] + LEAD:
            self._label = best
        labels = list(shares)
        named = dict(zip(labels, mean.tolist(), strict=True))
        return AttributeEstimate(labels[self._label], named[labels[self._label]], named)
