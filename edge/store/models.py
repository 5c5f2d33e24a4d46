"""The tables of the history."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Double, ForeignKey, Index, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from edge.store.types import BigInt, Json, UtcDateTime


class Base(DeclarativeBase):
    """What all tables share: Python's types as columns."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        float: Double(),
        dict[str, int]: Json(),
        list[str]: Json(),
        str: Text(),
    }


class Device(Base):
    """A device that spoke, and what it said of itself last."""

    __tablename__ = "devices"

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]  # when the recorder last got a message; written now and then
    online: Mapped[bool | None]  # None: it has not said
    status: Mapped[str | None]  # running, paused, camera_lost, stopped
    version: Mapped[str | None]  # of emotion-edge
    contract: Mapped[str | None]
    model: Mapped[str | None]  # of emotions
    tags: Mapped[list[str]]  # `device.tags` of its configuration


class Batch(Base):
    """Events that were stored and are in no visit and no sum yet: what the digest has to do."""

    __tablename__ = "batches"

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    received: Mapped[datetime]
    part: Mapped[int | None]  # of the devices, see `edge.store.turns`; None: of any
    events: Mapped[int | None]  # at most; None: not told
    # A number is never used twice: an event of an earlier batch must not look like a new one.
    __table_args__ = ({"sqlite_autoincrement": True},)


class Event(Base):
    """One event as it came, once.

    An event has one track for ever, so the track in the key takes nothing from it and makes the
    key the index by which a visit's events are found. No foreign keys: they would be checked for
    each of thousands of rows a second.
    """

    __tablename__ = "events"

    device_id: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=False)
    track: Mapped[str] = mapped_column(primary_key=True)  # empty: of a kind that has none
    id: Mapped[str] = mapped_column(primary_key=True)  # of the CloudEvent
    batch: Mapped[int] = mapped_column(BigInt)
    seq: Mapped[int] = mapped_column(BigInt)
    kind: Mapped[str]  # event_type; those of later versions are kept too
    time: Mapped[datetime]  # when it happened; when it came, where the device's clock was not set
    received: Mapped[datetime]
    time_synced: Mapped[bool]
    replayed: Mapped[bool]
    boot_id: Mapped[str]
    uptime_s: Mapped[float]
    emotion: Mapped[str | None]
    previous: Mapped[str | None]
    reason: Mapped[str | None]
    duration_s: Mapped[float | None]
    attention_s: Mapped[float | None]  # seconds looked at the screen, of the events that tell it
    lost_before: Mapped[int] = mapped_column(BigInt)
    faces: Mapped[int | None] = mapped_column(BigInteger)  # in view after it
    raw: Mapped[str]  # the whole message, JSON

    __table_args__ = (
        Index("ix_events_batch", "batch"),
        Index("ix_events_time", "time", postgresql_using="brin"),
    )


class Stream(Base):
    """How far a device's counter `seq` got; a new era where the counter was lost."""

    __tablename__ = "streams"

    device_id: Mapped[int] = mapped_column(
        BigInt, ForeignKey("devices.id"), primary_key=True, autoincrement=False
    )
    era: Mapped[int] = mapped_column(primary_key=True)
    first_seq: Mapped[int] = mapped_column(BigInt)
    last_seq: Mapped[int] = mapped_column(BigInt)
    # Of the event with `last_seq`.
    boot_id: Mapped[str]
    uptime_s: Mapped[float]
    time: Mapped[datetime]


class Gap(Base):
    """Numbers `first_seq` to `last_seq` of a device's events that did not come (yet)."""

    __tablename__ = "gaps"

    device_id: Mapped[int] = mapped_column(
        BigInt, ForeignKey("devices.id"), primary_key=True, autoincrement=False
    )
    era: Mapped[int] = mapped_column(primary_key=True)
    first_seq: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=False)
    last_seq: Mapped[int] = mapped_column(BigInt)
    time: Mapped[datetime]  # of the event behind it
    noticed: Mapped[datetime]


class Loss(Base):
    """Events that a device dropped from its full outbox, as an event of its own tells."""

    __tablename__ = "losses"

    device_id: Mapped[int] = mapped_column(
        BigInt, ForeignKey("devices.id"), primary_key=True, autoincrement=False
    )
    event_id: Mapped[str] = mapped_column(primary_key=True)  # of the event that tells it
    seq: Mapped[int] = mapped_column(BigInt)  # of that event
    time: Mapped[datetime]
    events: Mapped[int] = mapped_column(BigInt)  # dropped


class Visit(Base):
    """A face from its coming to its going; pictures that were taken for faces are none."""

    __tablename__ = "visits"

    device_id: Mapped[int] = mapped_column(
        BigInt, ForeignKey("devices.id"), primary_key=True, autoincrement=False
    )
    track: Mapped[str] = mapped_column(primary_key=True)
    # Track ids are random, of 32 bits: over a year one comes twice.
    number: Mapped[int] = mapped_column(primary_key=True)
    started: Mapped[datetime]
    ended: Mapped[datetime | None]  # None: still there
    last: Mapped[datetime]  # of its last event
    dwell_ms: Mapped[int | None] = mapped_column(BigInteger)  # None: still there, or not known
    attention_ms: Mapped[int] = mapped_column(BigInteger)
    emotions: Mapped[dict[str, int]]  # milliseconds of each
    reason: Mapped[str | None]  # of face_left; `missing`: that has not come
    events: Mapped[int]

    __table_args__ = (
        Index("ix_visits_started", "started"),
        Index("ix_visits_last", "last"),
        Index(
            "ix_visits_open",
            "device_id",
            sqlite_where=text("ended IS NULL"),
            postgresql_where=text("ended IS NULL"),
        ),
    )


class Alone(Base):
    """The last event of a device that says who is in view: nobody, or one face alone."""

    __tablename__ = "alone"

    device_id: Mapped[int] = mapped_column(
        BigInt, ForeignKey("devices.id"), primary_key=True, autoincrement=False
    )
    time: Mapped[datetime]
    track: Mapped[str]  # of that event


class Hour(Base):
    """Sums of an hour. They stay when the visits behind them are deleted."""

    __tablename__ = "hours"

    device_id: Mapped[int] = mapped_column(
        BigInt, ForeignKey("devices.id"), primary_key=True, autoincrement=False
    )
    hour: Mapped[datetime] = mapped_column(primary_key=True)  # its beginning
    visitors: Mapped[int]  # visits that began in it
    left: Mapped[int]  # of these, those that ended and whose length is known
    dwell_ms: Mapped[int] = mapped_column(BigInteger)  # of `left`, whole visits
    looked: Mapped[int]  # of the visitors, those who looked at the screen
    attention_ms: Mapped[int] = mapped_column(BigInteger)  # of `left`, whole visits

    __table_args__ = (Index("ix_hours_hour", "hour"),)


class HourDwell(Base):
    """How many of an hour's `left` stayed how long: a histogram, see `edge.store.buckets`."""

    __tablename__ = "hour_dwells"

    device_id: Mapped[int] = mapped_column(
        BigInt, ForeignKey("devices.id"), primary_key=True, autoincrement=False
    )
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    bucket: Mapped[int] = mapped_column(primary_key=True)
    visits: Mapped[int]


class HourEmotion(Base):
    """Time within an hour that faces showed an emotion, added up over faces."""

    __tablename__ = "hour_emotions"

    device_id: Mapped[int] = mapped_column(
        BigInt, ForeignKey("devices.id"), primary_key=True, autoincrement=False
    )
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    emotion: Mapped[str] = mapped_column(primary_key=True)
    ms: Mapped[int] = mapped_column(BigInteger)


class HourKind(Base):
    """How many events of a kind happened in an hour."""

    __tablename__ = "hour_kinds"

    device_id: Mapped[int] = mapped_column(
        BigInt, ForeignKey("devices.id"), primary_key=True, autoincrement=False
    )
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    events: Mapped[int]


class Availability(Base):
    """A device's condition from `time` on; a row when it changes.

    With several recorders a change may stand twice: read it as "from then on", not as a count.
    """

    __tablename__ = "availability"

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    device_id: Mapped[int] = mapped_column(BigInt, ForeignKey("devices.id"))
    time: Mapped[datetime]  # when the recorder heard of it
    online: Mapped[bool | None]
    status: Mapped[str | None]
    reasons: Mapped[list[str]]  # what is wrong, as in `health`; without those of faces

    __table_args__ = (Index("ix_availability_device_time", "device_id", "time"),)


class Recorder(Base):
    """One run of a recorder: outside these times nobody listened."""

    __tablename__ = "recorders"

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    name: Mapped[str]
    began: Mapped[datetime]
    seen: Mapped[datetime]  # when it was last connected to broker and database


class Setting(Base):
    """What the store knows of itself, such as `purged`: events before were deleted."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
