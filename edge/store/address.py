"""Where a history is: a file for SQLite, or the URL of a PostgreSQL database."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from edge.errors import ConfigError
from edge.redact import redacted, remember, secrets_in

ALLOWED = "allowed: a file such as history.db, sqlite:///FILE, or postgresql://HOST/DATABASE"
# psycopg would wait for ever for a host that does not answer; seconds.
CONNECT_TIMEOUT_S = 10
# A server that is cut off says nothing; Linux would wait for two hours. Seconds.
SILENT_S = 30
# libpq's other way to name a database, https://www.postgresql.org/docs/current/libpq-connect.html.
_LIBPQ = re.compile(r"(^|\s)(host|hostaddr|port|dbname|user|password|passfile|service)\s*=")
_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


def parse_address(text: str) -> URL:
    """Return the URL of a store; its password is hidden in logs from now on.

    Raises:
        ConfigError: it is none that we know.
    """
    text = text.strip()
    remember(secrets_in([text]))
    if not text:
        raise ConfigError(f"the history's address: got nothing; {ALLOWED}")
    if "://" not in text:
        if _LIBPQ.search(text):  # as a file it would show its password as a name
            raise ConfigError(f"the history's address: got keywords as of libpq; {ALLOWED}")
        if ":" in text.partition("/")[0]:
            raise ConfigError(f"the history's address: got {redacted(text)!r}; {ALLOWED}")
        return URL.create("sqlite", database=str(Path(text).absolute()))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # its message may hold the password
        raise ConfigError(f"the history's address: got {redacted(text)!r}; {ALLOWED}") from None
    driver = _DRIVERS.get(url.drivername)
    if driver is None or not url.database:
        raise ConfigError(f"the history's address: got {redacted(text)!r}; {ALLOWED}")
    if url.password:
        remember([url.password])
    url = url.set(drivername=driver)
    if driver == "sqlite":
        return url.set(database=str(Path(url.database or "").absolute()))
    return url.update_query_dict(
        {
            "connect_timeout": str(CONNECT_TIMEOUT_S),
            "keepalives_idle": str(SILENT_S),
            "tcp_user_timeout": str(1000 * SILENT_S),
            "application_name": "emotion-edge",
            **{k: v if isinstance(v, str) else v[-1] for k, v in url.query.items()},
        }
    )


def shown(url: URL) -> str:
    """Return the address for messages: without password and options."""
    if url.drivername == "sqlite":
        return str(url.database)
    place = url.host or "local socket"
    return f"postgresql://{place}{f':{url.port}' if url.port else ''}/{url.database}"
