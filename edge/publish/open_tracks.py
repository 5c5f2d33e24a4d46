"""Which faces subscribers believe to be in view: kept on the disk, so that no visit lasts for ever.

A process that is killed says no `face_left`. What it leaves here, the next start makes good. The
file is written when a visit, an alert or what a face is in begins or ends, and at no other time.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from edge.contract import Event, EventData
from edge.geometry import Box
from edge.messages import (
    CONDITIONS,
    UNKNOWN,
    Estimate,
    EventType,
    PipelineEvent,
    Reason,
    Track,
)

log = logging.getLogger(__name__)

SUFFIX = ".tracks.json"  # after the outbox's name
MAX_BYTES = 1024 * 1024  # a bound against nonsense; a face takes about 100
ENDS: dict[str, EventType] = dict(CONDITIONS.values())  # what ends, by what begins it
BEGINS: dict[str, EventType] = {ended: began for began, ended in CONDITIONS.values()}


class OpenTrack(Struct, frozen=True):
    """A face that appeared and has not left."""

    box: list[float]  # x, y, width, height when it appeared; fractions of the frame
    alert: bool = False  # one has begun and not ended
    alerts: list[str] = []  # the names of those, "" for one without; older files say `alert` only
    conditions: list[str] = []  # types of the events that began what it is in

    @property
    def on(self) -> list[str]:
        """Names of the alerts that are on."""
        return self.alerts or [""] * self.alert


class OpenTracks:
    """The open visits of this run. For one thread; never raises for a disk."""

    def __init__(self, outbox: Path | None) -> None:
        """Keep them beside the file `outbox`; None: nowhere, until `attach`."""
        self._path: Path | None = None
        self._tracks: dict[str, OpenTrack] = {}
        self._written: dict[str, OpenTrack] | None = None
        self._left: dict[str, OpenTrack] = {}  # of these, an earlier run's; not ended yet
        self._failed = False
        if outbox is not None:
            self.attach(outbox)

    def attach(self, outbox: Path) -> None:
        """Keep them beside the file `outbox` from now on, with what an earlier run left there."""
        self._path = outbox.with_name(outbox.name + SUFFIX)
        left = self._written = self._read()
        self._tracks = left | self._tracks
        self._write()
        self._left = left  # last: `left_behind` may be another thread's

    def left_behind(self, t: float, in_view: int = 0) -> list[PipelineEvent]:
        """Return the events that end what an earlier run left open, at the time `t` (s); once.

        How long those visits lasted, and what the faces showed at the end, nobody knows. `in_view`
        counts the faces of this run. May be called in another thread than the rest.
        """
        if not self._left:
            return []
        tracks, self._left = self._left, {}
        events = []
        for gone, (name, track) in enumerate(tracks.items(), 1):
            faces, nothing = len(tracks) - gone + in_view, _unknown(name, track, t)
            events += [
                PipelineEvent(ENDS[began], t, nothing, None, faces)
                for began in track.conditions
                if began in ENDS  # a later version has more of them
            ]
            events += [
                PipelineEvent(EventType.ALERT_ENDED, t, nothing, None, faces, alert=alert or None)
                for alert in track.on
            ]
            events.append(PipelineEvent(EventType.FACE_LEFT, t, nothing, None, faces))
        return events

    def before(self, events: Iterable[Event]) -> None:
        """Note visits that begin; call it before `events` are kept.

        A crash between the two then ends a visit that nobody heard of, rather than losing the end
        of one.
        """
        for event in events:
            d, kind = event.data, event.data.event_type
            if kind == EventType.FACE_APPEARED:
                self._tracks[d.track] = OpenTrack(d.box)
            elif kind == EventType.ALERT_BEGAN and d.track in self._tracks:
                self._alerts(d, [*self._others(d), d.alert or ""])
            elif kind in ENDS and d.track in self._tracks:
                self._in(d, [*self._in_but(d, kind), kind])
        self._write()

    def after(self, events: Iterable[Event]) -> None:
        """Note visits that end; call it once `events` are kept."""
        for event in events:
            d, kind = event.data, event.data.event_type
            if kind == EventType.FACE_LEFT:
                self._tracks.pop(d.track, None)
            elif kind == EventType.ALERT_ENDED and d.track in self._tracks:
                self._alerts(d, self._others(d))
            elif kind in BEGINS and d.track in self._tracks:
                self._in(d, self._in_but(d, BEGINS[kind]))
        self._write()

    def _others(self, d: EventData) -> list[str]:
        return [name for name in self._tracks[d.track].on if name != (d.alert or "")]

    def _alerts(self, d: EventData, names: list[str]) -> None:
        track = self._tracks[d.track]
        self._tracks[d.track] = replace(track, alert=bool(names), alerts=names)

    def _in_but(self, d: EventData, began: str) -> list[str]:
        return [kind for kind in self._tracks[d.track].conditions if kind != began]

    def _in(self, d: EventData, began: list[str]) -> None:
        self._tracks[d.track] = replace(self._tracks[d.track], conditions=began)

    def _read(self) -> dict[str, OpenTrack]:
        if self._path is None:
            return {}
        try:
            with self._path.open("rb") as f:
                return msgspec.json.decode(f.read(MAX_BYTES), type=dict[str, OpenTrack])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as e:
            log.warning("%s: %s; visits of the last run stay open", self._path, e)
            return {}

    def _write(self) -> None:
        if self._path is None or self._tracks == self._written:
            return
        new = self._path.with_name(self._path.name + ".new")
        try:
            # Not synced: this is for processes that are killed. After a power cut the file is the
            # old or the new one, as the kernel had written it by then.
            new.write_bytes(msgspec.json.encode(self._tracks))
            new.replace(self._path)
            self._written = dict(self._tracks)
            self._failed = False
        except OSError as e:
            if not self._failed:
                log.warning("%s: %s; a crash would leave visits open", self._path, e.strerror)
            self._failed = True
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)


def _unknown(name: str, track: OpenTrack, t: float) -> Estimate:
    box = Box(*track.box) if len(track.box) == 4 else Box(0.0, 0.0, 0.0, 0.0)
    return Estimate(
        track=Track(name, box, 0.0, t, t, (1, 1)),
        emotion=UNKNOWN,
        confidence=0.0,
        scores={},
        intensity=0.0,
        since=t,
        reason=Reason.LOST,
        window_s=0.0,
    )
