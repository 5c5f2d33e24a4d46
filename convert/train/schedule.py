"""The learning rate over a training, and how far averaged weights lag."""

from __future__ import annotations

import math
from collections.abc import Sequence

# Keras' ReduceLROnPlateau as oarriaga/face_classification uses it: a quarter of its 50 epochs of
# patience, a tenth of the rate; the least that counts as better is the callback's own.
PATIENCE, DROP, BETTER = 12, 0.1, 1e-4


def learning_rate(
    step: int,
    *,
    steps: int,
    warmup: int,
    peak: float,
    final: float = 0.01,
    schedule: str = "cosine",
    losses: Sequence[float] = (),
) -> float:
    """Return the rate at `step`: linear warm-up, then half a cosine (Loshchilov, Hutter 2017).

    Args:
        step: 0 to `steps` - 1.
        steps: of the whole training.
        warmup: steps until the peak.
        peak: largest rate.
        final: what is left at the end, of the peak.
        schedule: `cosine`; `constant`: the peak to the end; `plateau`: a tenth of it, and a tenth
            of that, each time that `losses` do not sink for long.
        losses: of the validation faces after each epoch until now.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    if schedule != "cosine":
        return peak * (DROP ** plateaus(losses) if schedule == "plateau" else 1)
    done = (step - warmup) / max(1, steps - warmup)
    return peak * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def plateaus(losses: Sequence[float]) -> int:
    """Return how often losses did not sink for `PATIENCE` epochs, as Keras counts it."""
    best, waited, count = math.inf, 0, 0
    for loss in losses:
        if loss < best - BETTER:
            best, waited = loss, 0
        else:
            waited += 1
        if waited == PATIENCE:
            count, waited = count + 1, 0
    return count


def averaging(step: int, *, decay: float, every: int) -> float:
    """Return how much of the averaged weights stays in one update made every `every` steps.

    It grows from nothing, so that the average forgets the random weights it began with.
    """
    return float(min(decay, (1 + step) / (10 + step)) ** every)
