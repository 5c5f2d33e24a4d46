"""From the events of one track to visits, and from visits to sums: pure functions.

Given the same events in any order they give the same answer, so an event that comes late only
means: take away what its track gave before, add what it gives now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from edge.store.buckets import bucket

HOUR_MS = 3_600_000
MAX_VISIT_MS = 7 * 24 * HOUR_MS  # a bound against nonsense: nobody stands there for longer
APPEARED, CHANGED, LEFT = "face_appeared", "emotion_changed", "face_left"
# No visitor: `face_left` says so of a picture that was taken for a face.
PICTURE = "picture"
LOST = "lost"  # the device does not know when the visit ended
MISSING = "missing"  # so said by us: `face_left` has not come, see `edge.store.alone`


class TrackEvent(NamedTuple):
    """What of an event counts for its visit."""

    batch: int
    seq: int
    kind: str
    time: datetime
    time_synced: bool
    boot_id: str
    uptime_s: float
    emotion: str | None
    previous: str | None
    reason: str | None
    duration_s: float | None
    attention_s: float | None


@dataclass(slots=True)
class Figures:
    """One visit. Instants are milliseconds since 1970."""

    started: int
    last: int  # of its last event
    events: int
    ended: int | None = None
    dwell_ms: int | None = None
    attention_ms: int = 0
    reason: str | None = None
    spans: list[tuple[str, int, int]] = field(default_factory=list)  # emotion, from, to

    @property
    def emotions(self) -> dict[str, int]:
        """Milliseconds of each emotion."""
        total: Counter[str] = Counter()
        for emotion, began, ended in self.spans:
            total[emotion] += ended - began
        return dict(total)


def figures(events: Iterable[TrackEvent]) -> list[Figures]:
    """Return the visits in the events of one track; normally one.

    A track's id may be drawn again after months: who appears after having left is somebody else.
    What a device only ends, of visits that it lost, is none: they were counted when they began, and
    nobody knows when that was once these events are deleted.
    """
    runs: list[list[TrackEvent]] = []
    left = True
    for event in sorted(events, key=lambda e: (e.seq, e.time, e.kind)):
        if not runs or (left and event.kind == APPEARED):
            runs.append([])
        runs[-1].append(event)
        left = event.kind == LEFT
    found = [_visit(run) for run in runs if any(e.reason != LOST for e in run)]
    return [f for f in found if f.reason != PICTURE]


def _visit(events: Sequence[TrackEvent]) -> Figures:
    times = _instants(events)
    # The end that counts is the last that knows how long it was.
    ends = [(t, e) for t, e in zip(times, events, strict=True) if e.kind == LEFT]
    visit = Figures(times[0], times[-1], len(events))
    end = times[-1]
    if ends:
        at, by = ends[-1]
        visit.ended, visit.reason = at, by.reason
        if by.duration_s is not None:
            length = min(round(1000 * by.duration_s), MAX_VISIT_MS)
            if events[0].kind != APPEARED:  # its beginning is lost: count back from the end
                visit.started = min(times[0], at - length)
            visit.dwell_ms = length
            # `face_left` is told only when a face has been away for a while.
            end = visit.ended = min(at, visit.started + length)
        elif by.reason == LOST:
            end = visit.ended = max((t for t in times if t < at), default=at)
    visit.spans = _spans(visit.started, end, times, events)
    told = [e.attention_s for _, e in ends if e.attention_s is not None]
    parts = [e.attention_s for e in events if e.kind != LEFT and e.attention_s is not None]
    seconds = told[-1] if told else sum(parts)
    visit.attention_ms = min(round(1000 * seconds), MAX_VISIT_MS)
    return visit


def _instants(events: Sequence[TrackEvent]) -> list[int]:
    """Return when each happened, never falling: within a boot by its steady clock.

    As far as that clock can be believed: nobody is there for longer than `MAX_VISIT_MS`.
    """
    anchors: dict[str, TrackEvent] = {}
    for event in events:
        known = anchors.get(event.boot_id)
        if known is None or (event.time_synced and not known.time_synced):
            anchors[event.boot_id] = event
    out: list[int] = []
    for event in events:
        anchor = anchors[event.boot_id]
        since = round(1000 * (event.uptime_s - anchor.uptime_s))
        t = _ms(anchor.time) + min(max(since, -MAX_VISIT_MS), MAX_VISIT_MS)
        if out:
            t = min(max(t, out[-1]), out[0] + MAX_VISIT_MS)
        out.append(t)
    return out


def _spans(
    started: int, end: int, times: Sequence[int], events: Sequence[TrackEvent]
) -> list[tuple[str, int, int]]:
    spans: list[tuple[str, int, int]] = []
    emotion, since = None, started
    for t, event in zip(times, events, strict=True):
        if event.kind not in (APPEARED, CHANGED, LEFT):
            continue
        if emotion is None:  # what was before the first event that came
            emotion = event.emotion if event.kind == APPEARED else event.previous
        if event.kind == CHANGED:
            t = min(t, end)
            if emotion is not None and t > since:
                spans.append((emotion, since, t))
            emotion, since = event.emotion, max(t, since)
    if emotion is not None and end > since:
        spans.append((emotion, since, end))
    return spans


@dataclass(slots=True)
class Sums:
    """Sums by hour: what to add to the tables. Keys begin with device and hour (since 1970)."""

    hours: dict[tuple[int, int], list[int]] = field(default_factory=dict)  # see COLUMNS
    dwells: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    emotions: Counter[tuple[int, int, str]] = field(default_factory=Counter)
    kinds: Counter[tuple[int, int, str]] = field(default_factory=Counter)

    COLUMNS = ("visitors", "left", "dwell_ms", "looked", "attention_ms")

    def add(self, device: int, visits: Iterable[Figures], sign: int = 1) -> None:
        """Add visits, or take them away with `sign` -1."""
        for visit in visits:
            hour = visit.started // HOUR_MS
            row = self.hours.setdefault((device, hour), [0] * 5)
            row[0] += sign
            if visit.dwell_ms is not None:
                row[1] += sign
                row[2] += sign * visit.dwell_ms
                self.dwells[device, hour, bucket(visit.dwell_ms)] += sign
            if visit.attention_ms:
                row[3] += sign
            if visit.dwell_ms is not None:  # it is a share of that
                row[4] += sign * visit.attention_ms
            for emotion, began, ended in visit.spans:
                while began < ended:
                    hour = began // HOUR_MS
                    until = min(ended, (hour + 1) * HOUR_MS)
                    self.emotions[device, hour, emotion] += sign * (until - began)
                    began = until

    def add_event(self, device: int, time: datetime, kind: str) -> None:
        """Count an event."""
        self.kinds[device, _ms(time) // HOUR_MS, kind] += 1


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
