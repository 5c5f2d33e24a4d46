"""Which device is there and how it is, as far as it changes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import DataError, IntegrityError

from edge.client.device import FACE_REASONS, Device
from edge.client.inventory import Inventory
from edge.messages import Status
from edge.store.database import Store, why
from edge.store.incoming import text
from edge.store.models import Availability
from edge.store.models import Device as DeviceRow
from edge.store.write import Writer

log = logging.getLogger(__name__)

KINDS = ("availability", "info", "health")  # topics, in the order they are subscribed to


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database has of a device, or what it shall have."""

    online: bool | None = None
    status: str | None = None
    reasons: tuple[str, ...] = ()
    version: str | None = None
    contract: str | None = None
    model: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def condition(self) -> tuple[object, ...]:
        return self.online, self.status, self.reasons


class Presence:
    """Takes messages in one thread, writes changes in another."""

    def __init__(self, store: Store, base: str) -> None:
        self._store = store
        self._inventory = Inventory(base)
        self._written: dict[str, _Known] = {}
        self._heard: dict[str, datetime] = {}  # by device, not written yet

    def take(self, topic: str, payload: bytes, now: datetime) -> None:
        """Take a message of one of the `KINDS`; never raises for a payload."""
        _, device = self._inventory.take(topic, False, payload)
        if device is not None:
            self._heard[device.name] = now

    def heard(self, name: str, now: datetime) -> None:
        """Note that a device has sent an event."""
        self._heard[name] = now

    def write(self, writer: Writer, now: datetime, *, seen: bool) -> None:
        """Write what has changed.

        Args:
            writer: knows the devices' numbers.
            now: when changes count as having happened.
            seen: write when devices were last heard as well.

        Raises:
            DBAPIError: the database is away; all of it is written the next time. What it refuses
                of one device is left out, and does not hold up the others.
        """
        # Who was removed from the broker is not known any more; the last word would hold for ever.
        told = {name: _Known() for name in self._written}
        told |= {d.name: _known(d) for d in self._inventory.devices.values()}
        changed = {n: k for n, k in told.items() if self._written.get(n) != k}
        heard = {n: self._heard[n] for n in list(self._heard)} if seen else {}
        ids = writer.devices({*changed, *heard}, now)
        if not ids:
            return
        try:
            self._write(ids, changed, heard, now)
        except (DataError, IntegrityError):
            for name in sorted(ids):
                one = {name: changed[name]} if name in changed else {}
                try:
                    self._write(ids, one, {name: heard[name]} if name in heard else {}, now)
                except (DataError, IntegrityError) as e:
                    words = "%.80r: the history does not take what it says of itself: %s"
                    log.error(words, name, why(e))
        self._written |= changed
        for name, at in heard.items():
            if self._heard.get(name) == at:
                del self._heard[name]

    def _write(
        self,
        ids: Mapping[str, int],
        changed: Mapping[str, _Known],
        heard: Mapping[str, datetime],
        now: datetime,
    ) -> None:
        with self._store.begin() as c:
            for name in sorted(changed):
                _write(c, ids[name], changed[name], now)
            for name in sorted(heard):
                c.execute(
                    update(DeviceRow)
                    .where(DeviceRow.id == ids[name], DeviceRow.last_seen < heard[name])
                    .values(last_seen=heard[name])
                )


def _write(c: Connection, device: int, new: _Known, now: datetime) -> None:
    """Write one device; a row of its availability only where another recorder has not."""
    c.execute(select(DeviceRow.id).where(DeviceRow.id == device).with_for_update(key_share=True))
    before = c.execute(
        select(Availability.online, Availability.status, Availability.reasons)
        .where(Availability.device_id == device)
        .order_by(Availability.time.desc(), Availability.id.desc())
        .limit(1)
    ).first()
    known = (before.online, before.status, tuple(before.reasons)) if before else None
    condition = {"online": new.online, "status": new.status}
    if known != new.condition and (known or new.condition != _Known().condition):
        c.execute(
            insert(Availability).values(
                device_id=device, time=now, reasons=list(new.reasons), **condition
            )
        )
    told = {n: getattr(new, n) for n in ("version", "contract", "model") if getattr(new, n)}
    if new.version:
        told["tags"] = list(new.tags)
    c.execute(update(DeviceRow).where(DeviceRow.id == device).values(**condition, **told))


def _known(d: Device) -> _Known:
    health, info = d.health, d.info
    status = str(health.status) if health is not None else None
    if d.online is False and status != Status.STOPPED:
        status = None  # what it said last is true no more
    return _Known(
        online=d.online,
        status=status,
        reasons=_texts(set(health.reasons) - FACE_REASONS) if health and d.online else (),
        version=text(info.version) if info is not None else None,
        contract=text(info.contract) if info is not None else None,
        model=text(info.model.name) if info is not None else None,
        tags=tuple(map(text, d.tags)),
    )


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(map(text, values)))
