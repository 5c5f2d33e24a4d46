"""The learning rate over a training, and how far averaged weights lag."""

from __future__ import annotations

import math


def learning_rate(
    step: int,
    *,
    steps: int,
    warmup: int,
    peak: float,
    final: float = 0.01,
    schedule: str = "cosine",
) -> float:
    """Return the rate at `step`: linear warm-up, then half a cosine (Loshchilov, Hutter 2017).

    Args:
        step: 0 to `steps` - 1.
        steps: of the whole training.
        warmup: steps until the peak.
        peak: largest rate.
        final: what is left at the end, of the peak.
        schedule: `cosine`, or `constant`: the peak to the end.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    if schedule == "constant":
        return peak
    done = (step - warmup) / max(1, steps - warmup)
    return peak * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def averaging(step: int, *, decay: float, every: int) -> float:
    """Return how much of the averaged weights stays in one update made every `every` steps.

    It grows from nothing, so that the average forgets the random weights it began with.
    """
    return float(min(decay, (1 + step) / (10 + step)) ** every)
