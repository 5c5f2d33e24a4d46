"""The histogram of lengths of visits: what median and quartiles of any span are made from.

Edges grow by the fourth root of two, so that a quantile is off by a ninth at most: close enough
for "half stayed longer than 12 s", and about twenty rows an hour.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

FIRST_MS = 250  # upper edge of bucket 0
STEP = 2**0.25
LAST = 88  # 250 ms x 2^(88/4) = 12 days: all that is longer


def bucket(ms: int) -> int:
    """Return the bucket of a visit that lasted `ms` milliseconds."""
    if ms <= FIRST_MS:
        return 0
    # The logarithm of an edge may come out on either side of the whole number.
    at = math.ceil(4 * math.log2(ms / FIRST_MS) - 1e-9)
    return min(at, LAST)


def edges_s(at: int) -> tuple[float, float]:
    """Return the lower and upper edge of a bucket, in seconds."""
    low = 0.0 if at == 0 else FIRST_MS * STEP ** (at - 1) / 1000
    return low, FIRST_MS * STEP**at / 1000


def quantile_s(counts: Mapping[int, int], q: float) -> float | None:
    """Return the length that the fraction `q` of visits did not exceed, in seconds.

    Args:
        counts: visits by bucket.
        q: in [0, 1]; 0.5 is the median.

    Returns:
        Interpolated within its bucket; None when there are no visits.
    """
    total = sum(counts.values())
    if total <= 0:
        return None
    wanted, below = q * total, 0
    for at in sorted(counts):
        if counts[at] > 0 and below + counts[at] >= wanted:
            low, high = edges_s(at)
            return low + (high - low) * max(wanted - below, 0.0) / counts[at]
        below += counts[at]
    return edges_s(max(counts))[1]
