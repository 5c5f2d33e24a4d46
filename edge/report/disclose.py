"""Which counts of people may be given out, so that none of fewer than k can be worked out.

A table of counts whose total is known gives away a count that is left out: the total minus the
rest. So as many counts are withheld as it takes to leave every small one all the values from 1 to
k - 1: primary and complementary cell suppression (Hundepool et al., Statistical Disclosure Control,
2012, chapter 4). Zero is given out: it is about nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TypeVar

Key = TypeVar("Key")


class Shown(Enum):
    """Whether a count may be given out."""

    YES = "yes"
    FEW = "few"  # it is of 1 to k - 1 people
    HIDDEN = "hidden"  # it is of k or more, and would give such a one away


def alone(count: int, k: int) -> Shown:
    """Return whether a count that is part of no total may be given out."""
    return Shown.FEW if 0 < count < k else Shown.YES


def parts(counts: Mapping[Key, int], k: int, *, total_shown: bool = True) -> dict[Key, Shown]:
    """Return which parts of a total may be given out.

    Args:
        counts: people in each part, >= 0.
        k: sums of fewer people are not given out; >= 1.
        total_shown: whether the total itself is given out, or can be worked out.
    """
    found = {key: alone(count, k) for key, count in counts.items()}
    if not total_shown:
        # Nothing is known of the sum; but all parts together would be the total that is withheld.
        if counts and all(s is Shown.YES for s in found.values()) and sum(counts.values()):
            return dict.fromkeys(counts, Shown.HIDDEN)
        return found
    while not _vague(counts, found, k):
        more = [key for key, s in found.items() if s is Shown.YES and counts[key]]
        if not more:  # too few to be divided at all: not even where nobody was
            return dict.fromkeys(counts, Shown.HIDDEN)
        found[min(more, key=lambda key: counts[key])] = Shown.HIDDEN
    return found


def nested(
    groups: Mapping[Key, int], k: int, members: Sequence[tuple[Key, int]]
) -> tuple[dict[Key, Shown], list[Shown]]:
    """Return what may be given out of a total's groups and of the groups' members, in one go.

    Such as weekdays and the days that they consist of: of a weekday that is withheld, no day is
    given out.

    Args:
        groups: people in each group; its sum is known.
        k: sums of fewer people are not given out.
        members: of each its group and its people.
    """
    of_groups = parts(groups, k)
    of_members = [Shown.HIDDEN] * len(members)
    for group, shown in of_groups.items():
        at = [i for i, (g, _) in enumerate(members) if g == group]
        inside = parts({i: members[i][1] for i in at}, k) if shown is Shown.YES else {}
        for i in at:
            of_members[i] = shown if len(at) == 1 else inside.get(i, Shown.HIDDEN)
    return of_groups, of_members


def _vague(counts: Mapping[Key, int], shown: Mapping[Key, Shown], k: int) -> bool:
    """Return whether every small count could be anything from 1 to k - 1, for whoever subtracts.

    Known is the sum of what is withheld; that each FEW is 1 to k - 1; and that each HIDDEN is at
    least k.
    """
    few = [key for key, s in shown.items() if s is Shown.FEW]
    hidden = [key for key, s in shown.items() if s is Shown.HIDDEN]
    if not few and not hidden:
        return True
    if not few:
        return len(hidden) > 1
    rest = sum(counts[key] for key in (*few, *hidden))
    most_needed = (k - 1) + (len(few) - 1) + len(hidden) * k  # where one is as large as can be
    if rest < most_needed:
        return False
    return bool(hidden) or rest <= 1 + (len(few) - 1) * (k - 1)  # where one is as small as can be
