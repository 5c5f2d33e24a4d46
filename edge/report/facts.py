"""What a store knows of a period, before anything is withheld; see `query`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(slots=True)
class Sums:
    """What adds up over hours and devices."""

    visitors: int = 0  # visits that began
    looked: int = 0  # of them, those who looked at the screen
    dwell_ms: int = 0  # length of those that have ended, together
    attention_ms: int = 0
    # The same of the devices that tell of attention: the others' visitors say nothing of it.
    watched: int = 0
    watched_left: int = 0  # of them, those whose visit has ended
    watched_ms: int = 0
    stays: dict[int, int] = field(default_factory=dict)  # visits by `edge.store.buckets`
    emotions: dict[str, int] = field(default_factory=dict)  # ms of each

    def add(self, other: Sums) -> None:
        """Add another's."""
        self.visitors += other.visitors
        self.looked += other.looked
        self.dwell_ms += other.dwell_ms
        self.attention_ms += other.attention_ms
        self.watched += other.watched
        self.watched_left += other.watched_left
        self.watched_ms += other.watched_ms
        for bucket, visits in other.stays.items():
            self.stays[bucket] = self.stays.get(bucket, 0) + visits
        for label, ms in other.emotions.items():
            self.emotions[label] = self.emotions.get(label, 0) + ms

    @property
    def left(self) -> int:
        """Visits whose length is known."""
        return sum(self.stays.values())


@dataclass(slots=True)
class DeviceFacts:
    """How far one device can be believed."""

    device: str
    events: int = 0  # that came
    gaps: int = 0  # places where `seq` jumps
    missing: int = 0  # events that never came
    dropped: int = 0  # events that the device says it had to drop
    known_s: float = 0.0  # s of the period in which it is known whether it was online
    online_s: float = 0.0  # s of these in which it was
    working_s: float = 0.0  # s of these in which its camera ran and it was not paused


@dataclass(slots=True)
class Facts:
    """A period."""

    hours: list[Sums]  # 24, hours of the day, all devices together
    days: dict[date, Sums]  # the same by days; those on which nothing happened may be missing
    devices: dict[str, Sums]  # by name; every device that is known, its visitors only
    rows: list[DeviceFacts]  # one a device, by name
    kept: tuple[float, float] | None = None  # s since 1970: first and last word of any of them
