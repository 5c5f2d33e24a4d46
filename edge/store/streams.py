"""Which numbers of a device's events came, and which are missing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from edge.era import jumped


class Step(NamedTuple):
    """What of an event counts here."""

    seq: int
    boot_id: str
    uptime_s: float
    time: datetime


@dataclass(slots=True)
class Era:
    """A device's counter until it was lost. All between `first` and `last.seq` came but `gaps`."""

    number: int
    first: int
    last: Step
    gaps: list[tuple[int, int, datetime]] = field(default_factory=list)  # first, last; sorted

    def missing(self, seq: int) -> bool:
        """Whether this number is known to be missing."""
        at = self._gap(seq)
        return at is not None

    def _gap(self, seq: int) -> int | None:
        at = bisect_right(self.gaps, seq, key=lambda g: g[0]) - 1
        return at if at >= 0 and self.gaps[at][0] <= seq <= self.gaps[at][1] else None

    def extend(self, step: Step) -> None:
        """Take one behind the last."""
        if step.seq > self.last.seq + 1:
            self.gaps.append((self.last.seq + 1, step.seq - 1, step.time))
        self.last = step

    def fill(self, step: Step) -> None:
        """Take one that came late."""
        seq = step.seq
        if seq < self.first:
            if seq < self.first - 1:
                self.gaps.insert(0, (seq + 1, self.first - 1, step.time))
            self.first = seq
            return
        at = self._gap(seq)
        if at is not None:
            first, last, time = self.gaps[at]
            rest = [(first, seq - 1, time), (seq + 1, last, time)]
            self.gaps[at : at + 1] = [g for g in rest if g[0] <= g[1]]


class Stream:
    """All eras of one device."""

    def __init__(self, eras: Iterable[Era] = ()) -> None:
        """Go on from what is known."""
        self.eras = sorted(eras, key=lambda e: e.number)

    def take(self, steps: Iterable[Step]) -> None:
        """Take events that are new, in any order."""
        for step in sorted(steps, key=lambda s: (s.time, s.seq)):
            self._take(step)

    def seen(self, seq: int) -> bool:
        """Whether an event with this number has come in the present era."""
        if not self.eras:
            return False
        era = self.eras[-1]
        return era.first <= seq <= era.last.seq and not era.missing(seq)

    def _take(self, step: Step) -> None:
        if not self.eras:
            self.eras.append(Era(0, step.seq, step))
            return
        era = self.eras[-1]
        if step.seq > era.last.seq and not _began_anew(era.last, step):
            era.extend(step)
        elif era.missing(step.seq):
            era.fill(step)
        elif _began_anew(era.last, step):
            self.eras.append(Era(era.number + 1, step.seq, step))
        elif (older := next((e for e in self.eras[:-1] if e.missing(step.seq)), None)) is not None:
            older.fill(step)
        elif len(self.eras) == 1:
            era.fill(step)


def _began_anew(last: Step, step: Step) -> bool:
    """Whether the device's counter was lost before a step with another number."""
    same = step.boot_id == last.boot_id
    elapsed_s = step.uptime_s - last.uptime_s if same else (step.time - last.time).total_seconds()
    if step.seq > last.seq:
        return jumped(last.seq, step.seq, elapsed_s)
    return elapsed_s > 0
