"""Addresses, tables and migrations, on SQLite and on PostgreSQL."""

from __future__ import annotations

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, inspect, select, text

from edge.errors import ConfigError, UnavailableError
from edge.redact import redact
from edge.store import Store, open_store, parse_address
from edge.store.address import shown
from edge.store.models import Base, Device
from tests.waiting import free_port

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_migrations_make_what_the_models_say(store: Store) -> None:
    with store.connect() as c:
        context = MigrationContext.configure(c, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == "0003"


def test_opening_again_changes_nothing(store: Store, address: str) -> None:
    with store.begin() as c:
        c.execute(insert(Device).values(device("front")))
    with open_store(address, migrate=False) as again, again.connect() as c:
        assert c.scalars(select(Device.name)).all() == ["front"]


def test_several_may_open_a_new_history_at_once(address: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(open_store, [address] * 4))
    tables = set(inspect(stores[0].engine).get_table_names())
    assert tables == {*Base.metadata.tables, "alembic_version"}
    for s in stores:
        s.close()


def test_tables_of_a_newer_version_are_refused(store: Store, address: str) -> None:
    with store.begin() as c:
        c.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match=r"9999.*newer version"):
        open_store(address)


def test_tables_that_are_not_there_are_not_made_for_a_reader(address: str) -> None:
    # No file is a mistake; a database without tables waits for a recorder that is starting.
    kind = UnavailableError if address.startswith("postgresql") else ConfigError
    with pytest.raises(kind, match="record"):
        open_store(address, migrate=False)


def test_tables_of_an_older_version_are_waited_for(store: Store, address: str) -> None:
    with store.begin() as c:
        c.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    with pytest.raises(UnavailableError, match=r"tables are old \(0001\); `emotion-edge record`"):
        open_store(address, migrate=False)


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.begin() as c:
        c.execute(insert(Device).values(device("front")))
        raise RuntimeError
    with store.connect() as c:
        assert c.scalars(select(Device.name)).all() == []


def test_times_come_back_in_utc_whatever_they_were_given_in(store: Store) -> None:
    tokyo = timezone(timedelta(hours=9))
    with store.begin() as c:
        c.execute(insert(Device).values(device("front", datetime(2026, 3, 1, 21, tzinfo=tokyo))))
    with store.connect() as c:
        seen = c.scalars(select(Device.last_seen)).one()
        assert seen == NOON
        assert seen.utcoffset() == timedelta(0)
        assert c.scalars(select(Device.id).where(Device.last_seen >= NOON)).all() == [1]


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match="no time zone"), store.begin() as c:
        c.execute(insert(Device).values(device("front", NOON.replace(tzinfo=None))))


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    open_store(str(tmp_path / "history.db")).close()
    assert stat.S_IMODE((tmp_path / "history.db").stat().st_mode) == 0o600


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere/history\.db: No such file"):
        open_store(str(tmp_path / "nowhere/history.db"))


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    diary = tmp_path / "history.db"
    diary.write_text("Dear diary, " * 100)
    with pytest.raises(ConfigError, match=r"history\.db: is no SQLite database; allowed"):
        open_store(str(diary))
    assert [p.name for p in tmp_path.iterdir()] == ["history.db"], "nothing beside it"
    assert diary.read_text() == "Dear diary, " * 100


def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    url = f"postgresql://emotion:hunter2secret@127.0.0.1:{free_port()}/history"
    with pytest.raises(UnavailableError, match="refused") as e:
        open_store(url)
    assert "hunter2secret" not in str(e.value)


@pytest.mark.parametrize(
    ("text", "drivername", "database"),
    [
        ("/var/lib/h.db", "sqlite", "/var/lib/h.db"),
        ("sqlite:////var/lib/h.db", "sqlite", "/var/lib/h.db"),
        ("postgresql://u:p@db/history", "postgresql+psycopg", "history"),
        ("postgres://db/history?sslmode=require", "postgresql+psycopg", "history"),
        ("h.db\n", "sqlite", str(Path("h.db").absolute())),
    ],
)
def test_addresses(text: str, drivername: str, database: str) -> None:
    url = parse_address(text)
    assert (url.drivername, url.database) == (drivername, database)


@pytest.mark.parametrize(
    "text", ["", "mysql://db/x", "postgresql://db", "sqlite://", "db:5432/x", "postgresql://h:x/d"]
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError, match="allowed: a file"):
        parse_address(text)


@pytest.mark.parametrize(
    "text",
    ["host=db dbname=history password='pa ss-word'", "password = pass-word", "user=a host=b"],
)
def test_keywords_of_libpq_are_no_file_and_their_password_is_not_shown(text: str) -> None:
    with pytest.raises(ConfigError, match="keywords as of libpq; allowed: a file") as e:
        parse_address(text)
    assert "ss-word" not in str(e.value)


def test_passwords_are_shown_nowhere() -> None:
    url = parse_address("postgresql://u:pa%2Fss-word@db:5433/history?sslpassword=otherword")
    assert shown(url) == "postgresql://db:5433/history"
    assert redact("pa/ss-word pa%2Fss-word otherword") == "*** *** ***"
    with pytest.raises(ConfigError) as e:
        parse_address("mysql://u:pa%2Fss-word@db/x")
    assert "word" not in str(e.value)


def test_the_daemon_never_loads_it() -> None:
    script = (
        "import edge.build, edge.service.serve, edge.cli as c, sys; c.parser(); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300
    )
    loaded = {m.split(".")[0] for m in done.stdout.split()}
    assert not loaded & {"sqlalchemy", "alembic", "psycopg"}
    assert not any(m.startswith("edge.store") for m in done.stdout.split())


def device(name: str, seen: datetime = NOON) -> dict[str, object]:
    return {"name": name, "first_seen": seen, "last_seen": seen, "tags": []}
