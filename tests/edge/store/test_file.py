"""The file of a history in SQLite, and a reader of another user who may only read."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.errors import ConfigError, UnavailableError
from edge.store import file, open_store, parse_address
from tests.edge.store.sender import Device
from tests.edge.store.tables import keep

GROUP, READER = 54_321, 54_322  # of nobody here

# Loads all it needs, then becomes somebody else.
READ = f"""
import os, sys
from sqlalchemy import func, select
from edge.errors import ConfigError
from edge.store import file, open_store, parse_address
from edge.store.models import Event

def events(address):
    with open_store(address, migrate=False) as store, store.connect() as c:
        return c.scalar(select(func.count()).select_from(Event))

open_store(sys.argv[2]).close()
events(sys.argv[2])
os.setgroups([])
os.setgid({GROUP})
os.setuid({READER})
print(events(sys.argv[1]))
"""


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for a group, as the recorder's unit has it."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    made = Path(tempfile.mkdtemp(prefix="emotion-edge-history-"))  # pytest's own are closed to all
    try:
        os.chown(made, 0, GROUP)
        made.chmod(0o2750)
        yield made
    finally:
        shutil.rmtree(made)


def read_by_another(path: Path) -> str:
    command = [sys.executable, "-c", READ, str(path), str(path.with_name("other.db"))]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() or done.stderr


def test_a_reader_who_may_not_write_reads_while_it_is_open_and_after(folder: Path) -> None:
    path = folder / "history.db"
    device = Device()
    device.visit(10, "a", [("neutral", 5), ("happy", 7.5)])
    with open_store(str(path)) as store:
        keep(store, device)
        assert read_by_another(path) == "3"
        device.visit(100, "b", [("sad", 5)])
        keep(store, device)
        assert read_by_another(path) == "5"
    assert read_by_another(path) == "5"
    with open_store(str(path), migrate=False):  # root looks, and is the last to close it
        pass
    assert read_by_another(path) == "5"
    found = [path.with_name(path.name + end).stat() for end in ("", "-wal", "-shm")]
    assert {(stat.S_IMODE(s.st_mode), s.st_gid) for s in found} == {(0o640, GROUP)}


@pytest.mark.parametrize(
    ("folder_mode", "mode"), [(0o750, 0o640), (0o700, 0o600), (0o755, 0o600), (0o757, 0o600)]
)
def test_only_a_folder_for_a_group_makes_the_history_the_groups(
    tmp_path: Path, folder_mode: int, mode: int
) -> None:
    tmp_path.chmod(folder_mode)
    path = tmp_path / "history.db"
    open_store(str(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == mode
    beside = sorted(p.name for p in tmp_path.iterdir())
    assert beside == sorted(
        ["history.db", *(["history.db-shm", "history.db-wal"] * (mode == 0o640))]
    )


def test_a_look_at_the_file_ends_no_lock_that_this_process_has(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("BEGIN EXCLUSIVE")
        file.refuse_foreign(parse_address(str(path)))
        script = "import sqlite3, sys; sqlite3.connect(sys.argv[1], 0).execute('BEGIN IMMEDIATE')"
        other = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
        assert "database is locked" in other.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["history.db"]


@pytest.mark.parametrize("content", [b"x", b"SQLite format 2\0" * 100, bytes(4096)])
def test_a_file_of_something_else_is_refused_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"history\.db: is no SQLite database"):
        open_store(str(path))
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["history.db"]


def test_an_empty_file_is_no_history_to_read_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.touch()
    with pytest.raises(
        UnavailableError, match=r"history\.db: there are no tables yet; `emotion-edge rec"
    ):
        open_store(str(path), migrate=False)
    assert path.read_bytes() == b""
    assert [p.name for p in tmp_path.iterdir()] == ["history.db"]
    open_store(str(path)).close()  # the recorder makes it one
    open_store(str(path), migrate=False).close()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "history.db")
    file.refuse_foreign(parse_address(str(tmp_path / "history.db")))
