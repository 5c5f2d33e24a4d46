"""Writes sums into a history as the recorder does, one hour after the other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from edge.store import Store
from edge.store.buckets import bucket
from edge.store.models import (
    Availability,
    Device,
    Gap,
    Hour,
    HourDwell,
    HourEmotion,
    HourKind,
    Loss,
    Recorder,
)

EMOTIONS = {"happy": 1, "neutral": 3}  # s a visitor


def at(text: str) -> datetime:
    """Return a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def device(store: Store, name: str) -> int:
    """Return a device's number; it is made where there is none."""
    with store.begin() as c:
        known = c.scalar(select(Device.id).where(Device.name == name))
        if known is not None:
            return int(known)
        row = {"name": name, "first_seen": at("2026-01-01"), "last_seen": at("2026-01-01")}
        made = c.execute(insert(Device).values(**row, tags=[]).returning(Device.id))
        return int(made.scalar_one())


def hour(
    store: Store,
    when: str,
    visitors: int,
    name: str = "kiosk",
    *,
    dwell_s: float = 4.0,
    looked: int = 0,
    emotions: Mapping[str, float] = EMOTIONS,
) -> None:
    """Write an hour (UTC) in which so many came and stayed equally long.

    Those who looked did so all the time; `emotions` are seconds a visitor.
    """
    key: dict[str, Any] = {"device_id": device(store, name), "hour": at(when)}
    dwell = round(1000 * dwell_s)
    with store.begin() as c:
        c.execute(
            insert(Hour).values(
                **key,
                visitors=visitors,
                left=visitors,
                dwell_ms=visitors * dwell,
                looked=looked,
                attention_ms=looked * dwell,
            )
        )
        if visitors:
            c.execute(insert(HourDwell).values(**key, bucket=bucket(dwell), visits=visitors))
        for emotion, s in emotions.items():
            ms = round(1000 * s * visitors)
            c.execute(insert(HourEmotion).values(**key, emotion=emotion, ms=ms))
        for kind in ("face_appeared", "face_left"):
            c.execute(insert(HourKind).values(**key, kind=kind, events=visitors))


def gap(store: Store, when: str, first: int, last: int, name: str = "kiosk") -> None:
    """Note numbers that never came, and that the device says it dropped one of them."""
    number = device(store, name)
    with store.begin() as c:
        c.execute(
            insert(Gap).values(
                device_id=number,
                era=0,
                first_seq=first,
                last_seq=last,
                time=at(when),
                noticed=at(when),
            )
        )
        c.execute(
            insert(Loss).values(
                device_id=number, event_id=f"e{last}", seq=last + 1, time=at(when), events=1
            )
        )


def listened(store: Store, began: str, seen: str) -> None:
    """Note that a recorder ran."""
    with store.begin() as c:
        c.execute(insert(Recorder).values(name="one", began=at(began), seen=at(seen)))


def heard(
    store: Store, when: str, online: bool, status: str = "running", name: str = "kiosk"
) -> None:
    """Note that a device came or went."""
    number = device(store, name)
    with store.begin() as c:
        c.execute(
            insert(Availability).values(
                device_id=number, time=at(when), online=online, status=status, reasons=[]
            )
        )


def week(store: Store, monday: str, visitors: int, name: str = "kiosk", looked: int = 0) -> None:
    """Write a week that is open from 9 to 12 (UTC), Monday to Saturday."""
    for day in range(6):
        for h in (9, 10, 11):
            when = at(monday) + timedelta(days=day, hours=h)
            hour(store, when.replace(tzinfo=None).isoformat(), visitors, name, looked=looked)
