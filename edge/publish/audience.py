"""Counts an audience by the hour: how many came, how many looked, for how long.

It lives of what is published anyway. No identity, no embedding: who comes twice is counted twice.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from edge.clock import rfc3339
from edge.config_face import Audience
from edge.contract import AudienceHour, AudienceNow
from edge.messages import ConditionKind, Estimate
from edge.publish.hours import Hours

log = logging.getLogger(__name__)

SUFFIX = ".audience.json"  # after the outbox's name
MAX_BYTES = 64 * 1024  # a bound against nonsense; a count takes about 120, an hour 190
HOUR_S = 3600  # s
LONGEST_STEP_S = 2.0  # s: no more is credited to a face for the time before it was told
DIGITS = 1  # of seconds


LAST = 253_402_300_799  # s since 1970: the end of the year 9999, and of what RFC 3339 can say
_People = Annotated[int, Meta(ge=0)]
_Seconds = Annotated[float, Meta(ge=0)]
_Instant = Annotated[float, Meta(ge=0, le=LAST)]  # s since 1970


class Count(Struct):
    """What was counted in one hour; a file may hold no more than can be told of it."""

    hour: int  # s since 1970: when the hour began
    begin: _Instant  # since when it was counted
    end: _Instant  # until when
    seen: _People = 0
    looked: _People = 0
    dwell_s: _Seconds = 0.0
    attention_s: _Seconds = 0.0
    # In the file: hours before, see `Hours`. Earlier versions had none.
    over: list[AudienceHour] = []


class AudienceCounter:
    """Counts in the loop's thread; what is kept is written by another."""

    def __init__(
        self,
        config: Audience,
        outbox: Path | None,
        retain: Callable[[bytes], None],
        lost_s: float = LONGEST_STEP_S,
    ) -> None:
        """Go on with the hours that the file beside `outbox` holds; None: kept nowhere as yet.

        `retain` is given an hour that is over, and the next one when `hours` was told that the
        broker has it.
        """
        self._path = _beside(outbox) if outbox is not None else None
        self._late: tuple[Path, Count | None] | None = None  # see `attach`
        self._count = count = _read(self._path) if config.enabled and self._path else None
        self.hours = Hours(retain, count.over if count is not None else ())
        self._tracks: dict[str, bool] = {}  # in view: whether it was counted as one who looked
        self._until: dict[str, float] = {}  # in view: s, up to when its dwell was counted
        self._watched: tuple[int, int] = (0, 0)  # people, lookers
        self._kept: tuple[bytes, list[AudienceHour]] = b"", []  # ready to be written; of it, hours
        self._written = self._kept
        self._failed = False
        self.configure(config, lost_s)

    def configure(self, config: Audience, lost_s: float = LONGEST_STEP_S) -> None:
        """Go on by other settings; `lost_s`: at most so long between two detections of a face."""
        self._config = config
        self._longest_s = max(lost_s, LONGEST_STEP_S)
        if not config.enabled:
            self._count = None
            self._tracks.clear()
            self._until.clear()

    def attach(self, outbox: Path) -> None:
        """Keep the counts beside `outbox` from the next `update` on, and go on with what is there.

        In the thread that writes.
        """
        path = _beside(outbox)
        self._late = path, _read(path) if self._config.enabled else None

    def update(self, wall: float, estimates: Sequence[Estimate], *, synced: bool) -> None:
        """Take who is in view now.

        Args:
            wall: seconds since 1970; where it jumps to another hour, the hour ends.
            estimates: of faces that subscribers were told of.
            synced: whether `wall` can be believed.
        """
        if not self._config.enabled:
            return
        if self._late is not None:
            (self._path, found), self._late = self._late, None
            if found is not None:
                self._go_on(found, synced=synced)
        count = self._hour(wall, synced=synced)
        living = [e for e in estimates if not e.track.still]
        for e in living:
            # To its last detection, as in `face_left`: it is carried on for a while after that.
            until = self._until.get(e.track.id)
            longest = LONGEST_STEP_S if until is None else self._longest_s
            since = e.track.began if until is None else until
            step = min(max(e.track.seen - since, 0.0), longest)
            count.dwell_s += step
            count.attention_s += step * _looks(e)
            if e.track.id not in self._tracks:
                self._tracks[e.track.id] = False
                count.seen += 1
            looked = e.sums is not None and e.sums.looked_s >= self._config.look_s
            if looked and not self._tracks[e.track.id]:
                self._tracks[e.track.id] = True
                count.looked += 1
        self._tracks = {e.track.id: self._tracks[e.track.id] for e in living}
        self._until = {e.track.id: e.track.seen for e in living}
        self._watched = len(living), sum(map(_looks, living))
        count.over = self.hours.kept
        self._kept = msgspec.json.encode(count), count.over

    @property
    def hour(self) -> int | None:
        """When the hour began that is counted, s since 1970; None: nothing is counted."""
        return self._count.hour if self._count is not None else None

    def now(self) -> AudienceNow | None:
        """Return the counts of the hour so far; None: they are not asked for."""
        count = self._count
        if count is None:
            return None
        return AudienceNow(
            since=rfc3339(count.begin),
            now=self._watched[0],
            looking=self._watched[1],
            seen=count.seen,
            looked=count.looked,
            dwell_s=round(count.dwell_s, DIGITS),
            attention_s=round(count.attention_s, DIGITS),
        )

    def _go_on(self, found: Count, *, synced: bool) -> None:
        """Take what an earlier run had counted."""
        count, earlier = self._count, found.over
        if count is None:
            self._count = found
        elif count.hour == found.hour:
            count.begin = min(count.begin, found.begin)
            count.seen += found.seen
            count.looked += found.looked
            count.dwell_s += found.dwell_s
            count.attention_s += found.attention_s
        else:
            earlier = [*earlier, _told(found, synced=synced)]
        self.hours.before(earlier)

    def _hour(self, wall: float, *, synced: bool) -> Count:
        """Return the count of the present hour; hand on the one that is over."""
        hour = int(wall // HOUR_S) * HOUR_S
        count = self._count
        if count is not None and count.hour != hour:
            # Not beyond the hour: after a restart or a jump of the clock, `wall` is another day's.
            self.hours.add(_told(count, synced=synced))
            count = None
        if count is None:
            count = Count(hour, wall, wall)
        count.end = wall
        self._count = count
        return count

    def write(self, *, over: bool = False) -> None:
        """Keep what was counted on the disk, if it is news; never raises for one.

        With `over` only hours that are over are news.
        """
        kept = self._kept
        same = kept[1] == self._written[1] if over else kept == self._written
        if self._path is None or same:
            return
        new = self._path.with_name(self._path.name + ".new")
        try:
            new.write_bytes(kept[0])
            new.replace(self._path)
            self._written, self._failed = kept, False
        except OSError as e:
            if not self._failed:
                log.warning("%s: %s; a restart would begin to count anew", self._path, e.strerror)
            self._failed = True
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)


def _beside(outbox: Path) -> Path:
    return outbox.with_name(outbox.name + SUFFIX)


def _read(path: Path) -> Count | None:
    try:
        with path.open("rb") as f:
            return msgspec.json.decode(f.read(MAX_BYTES), type=Count)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as e:
        log.warning("%s: %s; this hour is counted anew", path, e)
        return None


def _looks(estimate: Estimate) -> bool:
    return any(c.kind is ConditionKind.ATTENTION and c.ended is None for c in estimate.conditions)


def _told(count: Count, *, synced: bool) -> AudienceHour:
    return AudienceHour(
        time=rfc3339(count.end),
        begin=rfc3339(count.begin),
        end=rfc3339(count.end),
        time_synced=synced,
        seen=count.seen,
        looked=count.looked,
        dwell_s=round(count.dwell_s, DIGITS),
        attention_s=round(count.attention_s, DIGITS),
    )
