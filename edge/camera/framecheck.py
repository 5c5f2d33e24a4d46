"""Checks that pictures can be what a working camera sees now: not frozen, not noise."""

from __future__ import annotations

import numpy as np

from edge.camera.opencv import Luma

# s; sensors have noise, so bit-identical pictures come from a stuck driver or server. A covered
# lens behind strong compression can repeat itself for some seconds, a static scene in H.264 until
# the next key frame (10 s and less).
FROZEN_S = 30.0

# Of a row with the next, under which a picture is noise: real ones are above 0.7.
NOISE_CORRELATION = 0.15
NOISE_DEVIATION = 30.0  # grey levels; below, noise is what a sensor sees in the dark
NOISE_EVERY_S = 1.0  # between two tests for noise while all is well
ROW_STEP = 8  # every eighth row is compared; fewer would leave small pictures to chance


class FrameCheck:
    """Watches a camera's pictures, over reopenings."""

    def __init__(self, frozen_s: float = FROZEN_S) -> None:
        self._frozen_s = frozen_s
        self._previous: Luma | None = None
        self._changed = 0.0  # s: when the picture last differed from the one before
        self._tested = -np.inf  # s: last test for noise
        self._noise = False

    def problem(self, t: float, luma: Luma) -> str | None:
        """Return what is wrong with the picture taken at `t` (s); None: nothing."""
        if self._previous is None or not _same(self._previous, luma):
            self._changed = t
        self._previous = luma
        if t - self._changed > self._frozen_s:
            return f"frozen: the same picture for {t - self._changed:.0f} s"
        if self._noise or t - self._tested >= NOISE_EVERY_S:
            self._tested = t
            self._noise = is_noise(luma)
        return "garbage: pictures are noise" if self._noise else None


def is_noise(luma: Luma) -> bool:
    """Return whether rows of a picture have nothing to do with their neighbours."""
    upper, lower = luma[:-1:ROW_STEP], luma[1::ROW_STEP]
    rows = min(len(upper), len(lower))
    a = upper[:rows].astype(np.float32).ravel()
    b = lower[:rows].astype(np.float32).ravel()
    if rows == 0 or min(a.std(), b.std()) < NOISE_DEVIATION:
        return False
    return float(np.corrcoef(a, b)[0, 1]) < NOISE_CORRELATION


def _same(a: Luma, b: Luma) -> bool:
    if a.shape != b.shape:
        return False
    middle = len(a) // 2
    # One row tells nearly all pictures apart.
    return np.array_equal(a[middle], b[middle]) and np.array_equal(a, b)
