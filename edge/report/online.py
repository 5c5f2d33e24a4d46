"""How long a device was online, as far as anybody listened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.report.facts import DeviceFacts


@dataclass(frozen=True, slots=True)
class Span:
    """From one time to another; seconds since 1970."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Change:
    """What a device is from `t` (seconds since 1970) on; None: it has not said."""

    t: float
    online: bool | None
    working: bool


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return the same times as spans that neither touch nor overlap, in order."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda s: s.start):
        if span.end <= span.start:
            continue
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def add_up(
    facts: DeviceFacts, changes: Sequence[Change], heard: Sequence[Span], start: float, end: float
) -> None:
    """Fill in the times of a device from `start` to `end`.

    Args:
        facts: gets them.
        changes: in order; the last one before `start` too, if there is one.
        heard: when a recorder listened; in order, not overlapping.
        start: s since 1970.
        end: the same.
    """
    ends = [c.t for c in changes[1:]] + [end]
    at = 0
    for change, until in zip(changes, ends, strict=True):
        if change.online is None:
            continue
        first, last = max(change.t, start), min(until, end)
        while at < len(heard) and heard[at].end <= first:
            at += 1
        for span in heard[at:]:
            if span.start >= last:
                break
            seconds = min(span.end, last) - max(span.start, first)
            if seconds > 0:
                facts.known_s += seconds
                facts.online_s += seconds * change.online
                facts.working_s += seconds * (change.online and change.working)
