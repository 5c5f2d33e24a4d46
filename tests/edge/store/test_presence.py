"""What devices say of themselves: one that says nonsense holds up no other."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql.base import PGDialect

from edge.contract import Info, ModelInfo, encode
from edge.store import Store
from edge.store.models import Availability
from edge.store.models import Device as DeviceRow
from edge.store.presence import Presence
from edge.store.write import Writer

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def info(version: str, tags: list[str]) -> bytes:
    return encode(
        Info(
            time="2026-03-02T09:00:00Z",
            version=version,
            device="bad",
            boot_id="b",
            model=ModelInfo(name="emotion", sha256="0" * 64, labels=["happy"], runtime="none"),
            attributes=[],
            detector="face",
            config={"device": {"tags": tags}},
        )
    )


def test_text_that_no_column_takes_is_taken_without_it(store: Store) -> None:
    presence = Presence(store, "emotion")
    presence.take("emotion/bad/availability", b"online", NOW)
    presence.take("emotion/bad/info", info("1.0\0", ["a\0b", "x" * 1000]), NOW)
    presence.take("emotion/good/availability", b"online", NOW)
    presence.write(Writer(store), NOW, seen=True)
    with store.connect() as c:
        found = {r.name: r for r in c.execute(select(DeviceRow.__table__))}
    assert found["good"].online is True
    assert (found["bad"].version, found["bad"].tags) == ("1.0", ["ab", "x" * 200])


def test_who_was_removed_from_the_broker_is_not_known_any_more(store: Store) -> None:
    presence, writer = Presence(store, "emotion"), Writer(store)

    def told() -> list[bool | None]:
        with store.connect() as c:
            rows = select(Availability.online).order_by(Availability.id)
            return list(c.scalars(rows))

    for payload in (b"online", b"offline", b"", b""):
        presence.take("emotion/old/availability", payload, NOW)
        presence.write(writer, NOW, seen=True)
    assert told() == [True, False, None]
    presence.take("emotion/old/availability", b"online", NOW)
    presence.write(writer, NOW, seen=True)
    assert told() == [True, False, None, True]


def test_a_device_that_the_database_refuses_is_left_out_alone(store: Store) -> None:
    with store.begin() as c:  # as a database may that somebody else looks after
        name = "bad' BEGIN SELECT RAISE(ABORT, 'no'); END"
        if isinstance(c.dialect, PGDialect):
            c.exec_driver_sql("ALTER TABLE devices ADD CHECK (name <> 'bad' OR online IS NULL)")
        else:
            c.exec_driver_sql(
                "CREATE TRIGGER refuse BEFORE UPDATE OF online ON devices WHEN NEW.name = '" + name
            )
    presence, writer = Presence(store, "emotion"), Writer(store)
    for device in ("bad", "good"):
        presence.take(f"emotion/{device}/availability", b"online", NOW)
    presence.write(writer, NOW, seen=True)
    presence.write(writer, NOW, seen=True)
    with store.connect() as c:
        rows = select(DeviceRow.name).join(Availability, Availability.device_id == DeviceRow.id)
        assert c.scalars(rows).all() == ["good"]
