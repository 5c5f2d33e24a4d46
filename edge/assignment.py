"""Pairs rows with columns at the least cost: which face of this frame is which of the last."""

from __future__ import annotations

import math
from collections.abc import Sequence


def assign(cost: Sequence[Sequence[float]]) -> dict[int, int]:
    """Return the pairing with the most pairs, and among those the one with the least sum.

    The Hungarian algorithm with shortest augmenting paths and potentials (Jonker and Volgenant
    1987, Computing 38), rows^2 x (rows + columns) steps at worst. What `scipy.optimize
    .linear_sum_assignment` does, without SciPy on the device, and for costs that forbid pairs.

    Args:
        cost: rows x columns, 0 and more; infinite where a pair is not allowed.

    Returns:
        Column of each paired row.
    """
    rows, columns = len(cost), len(cost[0]) if cost else 0
    # A row may stay alone at a price that no pairing saves: so there are as many pairs as can be.
    alone = 1.0 + sum(c for row in cost for c in row if math.isfinite(c))
    padded = [[c if math.isfinite(c) else 2 * alone for c in row] + [alone] * rows for row in cost]
    width = columns + rows
    row_price, price = [0.0] * rows, [0.0] * width
    owner: list[int | None] = [None] * width  # row of each column
    for start in range(rows):
        nearest = [math.inf] * width  # reduced cost of the shortest path to each column
        before: list[int | None] = [None] * width  # column before it on that path
        done = [False] * width
        row, column, last = start, -1, None
        while True:
            reach, column = math.inf, -1
            for j in range(width):
                if done[j]:
                    continue
                reduced = padded[row][j] - row_price[row] - price[j]
                if reduced < nearest[j]:
                    nearest[j], before[j] = reduced, last
                if nearest[j] < reach:
                    reach, column = nearest[j], j
            row_price[start] += reach
            for j in range(width):
                holder = owner[j]
                if done[j] and holder is not None:
                    row_price[holder] += reach
                    price[j] -= reach
                elif not done[j]:
                    nearest[j] -= reach
            done[column] = True
            holder = owner[column]
            if holder is None:
                break
            row, last = holder, column
        while True:  # each column on the path goes to the row before it
            previous = before[column]
            owner[column] = start if previous is None else owner[previous]
            if previous is None:
                break
            column = previous
    pairs = {i: j for j, i in enumerate(owner[:columns]) if i is not None}
    return {i: j for i, j in sorted(pairs.items()) if math.isfinite(cost[i][j])}
