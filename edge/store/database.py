"""Opens a history and brings its tables up to date."""

from __future__ import annotations

import logging
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from alembic.command import upgrade
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from edge.errors import ConfigError, UnavailableError
from edge.redact import redact
from edge.store import file
from edge.store.address import parse_address, shown

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_S = 30.0  # a writer of SQLite waits so long for another
# A statement that takes longer has lost its server; the recorder tries again.
STATEMENT_TIMEOUT_MS = 120_000
LOCK = 0x656D6F74696F6E  # "emotion": PostgreSQL's advisory lock while tables are made
NO_TABLES = "there are no tables yet"
RECORD_MAKES = "`emotion-edge record` brings them up to date"


class Store:
    """An open history. Thread-safe: each `begin` or `connect` has a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def name(self) -> str:
        """The address for messages, without its password."""
        return shown(self.engine.url)

    @property
    def postgresql(self) -> bool:
        """Whether it is PostgreSQL; else SQLite."""
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Run one transaction that may write: committed at the end, undone by an exception."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Read, all from one state of the database."""
        with self.engine.connect() as connection:
            connection = connection.execution_options(
                **({"isolation_level": "REPEATABLE READ"} if self.postgresql else {"reads": True})
            )
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        file.leave_for_readers(self.engine.url)


def open_store(address: str | URL, *, migrate: bool = True) -> Store:
    """Open a history.

    Args:
        address: a file, or a URL, see `parse_address`.
        migrate: make the tables, or bring older ones up to date; without, they must be there.

    Raises:
        ConfigError: the address is wrong, the history is that of a newer version, or there is no
            such file and `migrate` is off.
        UnavailableError: the database cannot be reached or refuses, or `migrate` is off and its
            tables are those of an older version, or not made yet: a recorder is about to do that.
    """
    url = parse_address(address) if isinstance(address, str) else address
    if url.drivername == "sqlite" and not migrate and not Path(url.database or "").exists():
        raise ConfigError(f"{shown(url)}: no such file; `emotion-edge record` makes it")
    file.refuse_foreign(url)
    if migrate:
        file.make(url)
    elif file.is_empty(url):  # SQLite would write into it, and put its own files beside it
        raise UnavailableError(f"{shown(url)}: {NO_TABLES}; {RECORD_MAKES}")
    store = Store(_engine(url))
    try:
        with unavailable(store.name):
            _prepare(store, migrate)
    except BaseException:
        store.close()
        raise
    return store


def why(error: DBAPIError) -> str:
    """Return the driver's own words, on one line, without secrets."""
    lines = [line.strip() for line in str(error.orig or error).splitlines() if line.strip()]
    return redact(": ".join(lines[:2])) or type(error).__name__


@contextmanager
def unavailable(name: str) -> Iterator[None]:
    """Turn errors of the database into one clear message.

    Raises:
        UnavailableError: it cannot be reached, or does not do what it was asked.
    """
    try:
        yield
    except DBAPIError as e:
        raise UnavailableError(f"history {name}: {why(e)}") from e


def _engine(url: URL) -> Engine:
    if url.drivername == "sqlite":
        engine = create_engine(url, connect_args={"timeout": BUSY_S, "check_same_thread": False})
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    # pool_pre_ping: a connection that the server closed meanwhile is noticed before it is used.
    engine = create_engine(url, pool_pre_ping=True, pool_size=2, max_overflow=2)
    event.listen(engine, "connect", _postgresql_connected)
    return engine


def _sqlite_connected(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are ours: sqlite3 would not begin one for DDL
    cursor = connection.cursor()
    _write_ahead(cursor)
    cursor.execute("PRAGMA synchronous = FULL")  # what is acknowledged has to outlive a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Let readers and the writer not wait for each other.

    Where others open a new file at the same time, SQLite does not wait for them here as it does
    elsewhere (`timeout`): each would wait for the other.
    """
    end = time.monotonic() + BUSY_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as e:
            if e.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(random.uniform(0.01, 0.05))


def _sqlite_begin(connection: Connection) -> None:
    # A transaction that reads first and then writes could not wait for another writer's end.
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _postgresql_connected(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}")
    cursor.execute("SET timezone = 'UTC'")
    cursor.close()
    connection.commit()


def _prepare(store: Store, migrate: bool) -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    head = scripts.get_current_head()
    with store.begin() if migrate else store.connect() as connection:
        if migrate and store.postgresql:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        now = MigrationContext.configure(connection).get_current_revision()
        if now == head:
            return
        if now is not None and now not in {s.revision for s in scripts.walk_revisions()}:
            raise ConfigError(
                f"{store.name}: its tables ({now}) are of a newer version of emotion-edge; "
                "upgrade this one"
            )
        if not migrate:
            what = NO_TABLES if now is None else f"its tables are old ({now})"
            raise UnavailableError(f"{store.name}: {what}; {RECORD_MAKES}")
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        upgrade(config, "head")
        log.info("history %s: tables brought to %s", store.name, head)
