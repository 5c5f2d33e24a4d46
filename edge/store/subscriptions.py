"""What a recorder has subscribed to before: its session at the broker goes on with that."""

from __future__ import annotations

import json

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from edge.store.database import Store, unavailable
from edge.store.models import Setting


def earlier(store: Store, recorder: str, topic: str) -> list[str]:
    """Return the filters but `topic` that a recorder has ever used; `topic` is one of them now.

    All are kept, not the last one only: a recorder that is killed before it could unsubscribe does
    it at its next start.

    Raises:
        UnavailableError: the database is away.
    """
    name = f"subscribed {recorder}"
    kind = postgresql if store.postgresql else sqlite
    with unavailable(store.name), store.begin() as c:
        kept = c.scalar(select(Setting.value).where(Setting.name == name))
        known: list[str] = json.loads(kept) if kept else []
        if topic not in known:
            put = kind.insert(Setting).values(name=name, value=json.dumps([*known, topic]))
            c.execute(
                put.on_conflict_do_update(
                    index_elements=["name"], set_={"value": put.excluded.value}
                )
            )
    return [one for one in known if one != topic]
