"""Histories to test with: each test on SQLite and on PostgreSQL, unless it names one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.store import Store, open_store
from tests import postgresql


@pytest.fixture(scope="session")
def server() -> Iterator[postgresql.PostgreSQL]:
    """One PostgreSQL for all tests; each makes a database of its own."""
    with postgresql.running() as s:
        yield s


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty history."""
    if request.param == "sqlite":
        return str(tmp_path / "history.db")
    made: postgresql.PostgreSQL = request.getfixturevalue("server")
    return made.create(f"h{uuid.uuid4().hex[:12]}")


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    """An open history with its tables."""
    with open_store(address) as opened:
        yield opened
