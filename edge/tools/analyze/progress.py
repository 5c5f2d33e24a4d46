"""How far an analysis is, and how long it still takes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from edge.streams import tell
from edge.tools.analyze.files import Item, Kind
from edge.tools.analyze.job import Result, Task

REDRAW_S = 0.25  # between two states of the line on a terminal
SAY_S = 60.0  # between two lines elsewhere
# Seconds of one core until there is something to go by: a photograph of 2 megapixels, and a byte of
# a recording at 4 Mbit/s and ten times its own speed.
PICTURE_S = 0.05
BYTE_S = 2e-7


@dataclass(slots=True)
class _Rate:
    """What one unit of work takes, learned from what is done."""

    took_s: float
    amount: float  # the guess counts as this much

    def add(self, took_s: float, amount: float) -> None:
        self.took_s += took_s
        self.amount += amount

    @property
    def each(self) -> float:
        return self.took_s / self.amount


@dataclass(slots=True)
class Estimate:
    """Seconds left, from what pictures and bytes of recordings took so far."""

    workers: int
    pictures_left: int = 0
    bytes_left: float = 0.0
    _picture: _Rate = field(default_factory=lambda: _Rate(PICTURE_S, 1.0))
    _byte: _Rate = field(default_factory=lambda: _Rate(BYTE_S, 1.0))
    _part: dict[int, tuple[float, float, float]] = field(default_factory=dict)

    def expect(self, item: Item) -> None:
        """Count a file that is to be done."""
        if item.kind is Kind.RECORDING:
            self.bytes_left += item.size
        else:
            self.pictures_left += 1

    def part(self, task: Task, fraction: float, now: float) -> None:
        """Count a part of a recording; `now` in seconds."""
        began, first, _ = self._part.get(task.index, (now, fraction, 0.0))
        self._part[task.index] = (began, first, fraction)
        if fraction > first and self._byte.amount <= 1.0:  # nothing to go by yet
            self._byte.took_s = (now - began) / ((fraction - first) * max(task.item.size, 1))

    def done(self, item: Item, index: int, took_s: float) -> None:
        """Count a file that is done."""
        self._part.pop(index, None)
        if item.kind is Kind.RECORDING:
            self.bytes_left -= item.size
            self._byte.add(took_s, max(item.size, 1))
        else:
            self.pictures_left -= 1
            self._picture.add(took_s, 1.0)

    def left_s(self, sizes: Callable[[int], int]) -> float:
        """Return the seconds that are left; `sizes`: bytes of a file by its index."""
        under_way = sum(f * sizes(i) for i, (_, _, f) in self._part.items())
        work = self.pictures_left * self._picture.each
        work += max(self.bytes_left - under_way, 0.0) * self._byte.each
        return work / max(self.workers, 1)


class Progress:
    """A line on a terminal that is drawn anew; elsewhere a line a minute."""

    def __init__(
        self,
        tasks: Sequence[Task],
        before: int,
        workers: int,
        now: Callable[[], float],
        out: TextIO | None = None,
    ) -> None:
        """Expect `tasks`.

        Args:
            tasks: what is to be done.
            before: files that an earlier run did.
            workers: how many are done at once.
            now: real time in seconds.
            out: standard error, if not given.
        """
        self._items = {task.index: task.item for task in tasks}
        self._now, self._out = now, out or sys.stderr
        out = self._out
        self._terminal = out.isatty()
        self._began = self._shown = now()
        self._estimate = Estimate(workers)
        self._before, self._total = before, before + len(tasks)
        self._count = self._faces = 0
        for item in self._items.values():
            self._estimate.expect(item)

    def part(self, task: Task, fraction: float) -> None:
        """Count a part of a file."""
        self._estimate.part(task, fraction, self._now())
        self.tick()

    def done(self, result: Result) -> None:
        """Count a file."""
        self._count += 1
        self._faces += result.tally.faces
        self._estimate.done(self._items[result.index], result.index, result.took_s)
        self.tick()

    def tick(self) -> None:
        """Show how far it is, where that is due."""
        now = self._now()
        if now - self._shown < (REDRAW_S if self._terminal else SAY_S):
            return
        self._shown = now
        if self._terminal:
            tell(self._out, f"\r\x1b[K{self.text(now)}")
        else:
            tell(self._out, f"emotion-edge: {self.text(now)}\n")

    def text(self, now: float) -> str:
        """Return how far it is."""
        done = self._before + self._count
        rate = self._count / max(now - self._began, 1e-6)
        left = self._estimate.left_s(lambda i: self._items[i].size)
        part = done / max(self._total, 1)
        bar = f"{'█' * round(part * 24):░<24} {part:4.0%}  " if self._terminal else ""
        return (
            f"{bar}{done} of {self._total} files, {self._faces} faces, {rate:.1f} files/s, "
            f"{duration(left)} left"
        )

    def above(self, text: str) -> None:
        """Write a line to the same place without tearing this one."""
        tell(self._out, f"\r\x1b[K{text}\n" if self._terminal else f"{text}\n")

    def close(self) -> None:
        """Remove the line."""
        if self._terminal:
            tell(self._out, "\r\x1b[K")


def duration(seconds: float) -> str:
    """Return seconds as a person says them: `48 s`, `12:05 min`, `3:10 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"
