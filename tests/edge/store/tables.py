"""What a history has, so that two of them can be compared."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, text

from edge.store import Store
from edge.store.digest import digest
from edge.store.models import Hour, HourDwell, HourEmotion, HourKind
from edge.store.write import Writer
from tests.edge.store.sender import Device, read

SUMS = (Hour, HourDwell, HourEmotion, HourKind)


# How the tables are made as an earlier version left them, from each to the one before.
BACK = {
    "0003": (
        "DROP TABLE alone",
        "DROP INDEX ix_visits_open",
        "ALTER TABLE events DROP COLUMN faces",
    ),
    "0002": (
        "ALTER TABLE batches DROP COLUMN part",
        "ALTER TABLE batches DROP COLUMN events",
    ),
}


def go_back(store: Store, to: str) -> None:
    """Make the tables as the version `to` left them."""
    with store.begin() as c:
        for statement in (s for n, all_of_it in BACK.items() if n > to for s in all_of_it):
            c.execute(text(statement))
        c.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": to})


def keep(store: Store, device: Device, payloads: list[bytes] | None = None) -> int:
    new = Writer(store).write([read(device.name, p) for p in payloads or device.sent])
    while digest(store):
        pass
    return new


def rows(store: Store, *models: Any) -> list[Any]:
    """All rows of tables, those of sums without what is nothing."""
    found = []
    with store.connect() as c:
        for model in models:
            for row in c.execute(select(model.__table__)).all():
                values = row._asdict()
                values.pop("noticed", None)
                if model not in SUMS or any(
                    v for k, v in values.items() if k not in ("device_id", "hour", model_key(model))
                ):
                    found.append((model.__tablename__, *sorted(values.items(), key=str)))
    return sorted(found, key=str)


def chunks(items: list[Any], size: int) -> list[list[Any]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def model_key(model: Any) -> str:
    return str(list(model.__table__.primary_key)[-1].name)
