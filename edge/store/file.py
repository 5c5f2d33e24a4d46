"""The file of a history in SQLite: who may read it, and how somebody can who may not write."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from pathlib import Path

from sqlalchemy import URL

from edge.errors import ConfigError, UnavailableError

# A page, https://sqlite.org/fileformat.html#pages. A shorter file is an empty one to SQLite, which
# would write over it.
LEAST_BYTES = 512
BESIDE = ("-wal", "-shm")  # SQLite's own, next to the file


def make(url: URL) -> None:
    """Make the file of a new history; it tells who was where, and when.

    It is for its owner alone, or for a group that its folder is kept for: one that the group may
    read and others may not.

    Raises:
        ConfigError: there can be no file.
        UnavailableError: it cannot be made.
    """
    path = _path(url)
    if path is None:
        return
    try:
        folder = stat.S_IMODE(path.parent.stat().st_mode)
        shared = folder & 0o057 == 0o050
        mode = 0o640 if shared else 0o600
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    except FileExistsError:
        pass
    except (FileNotFoundError, NotADirectoryError) as e:
        raise ConfigError(f"history {path}: {e.strerror}; allowed: a file in a folder") from None
    except OSError as e:
        raise UnavailableError(f"history {path}: {e.strerror}") from None


def refuse_foreign(url: URL) -> None:
    """Refuse a file that is none of SQLite's before SQLite puts its own beside it.

    Raises:
        ConfigError: it is something else, or a folder.
    """
    path = _path(url)
    if path is None:
        return
    if path.is_dir():
        raise ConfigError(f"history {path}: is a folder; allowed: a file in it")
    if not path.is_file():  # it is made, or it is a pipe, on which a look would wait
        return
    # Not by reading it ourselves: to close a file ends all locks that this process has on it, see
    # https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
    # Immutable: nothing is put beside it.
    address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    foreign = False
    with contextlib.suppress(OSError):
        foreign = 0 < path.stat().st_size < LEAST_BYTES
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.Error as e:  # any other is said, or waited for, when the history is opened
        foreign |= e.sqlite_errorcode == sqlite3.SQLITE_NOTADB
    if foreign:
        raise ConfigError(
            f"history {path}: is no SQLite database; allowed: one made by `emotion-edge "
            "record`, or the name of a new file"
        )


def is_empty(url: URL) -> bool:
    """Return whether it is an empty file, whose beginning nobody has written elsewhere either."""
    path = _path(url)
    if path is None or not path.is_file():
        return False
    log = Path(f"{path}{BESIDE[0]}")
    return not path.stat().st_size and not (log.is_file() and log.stat().st_size)


def leave_for_readers(url: URL) -> None:
    """Put back, empty, the files that SQLite removes when the last one closes a history.

    A reader who may not write in the folder needs them: https://sqlite.org/wal.html#readonly.
    """
    path = _path(url)
    if path is None:
        return
    with contextlib.suppress(OSError):  # we are such a reader ourselves, or all of it is gone
        status = path.stat()
        if not status.st_mode & stat.S_IRGRP:
            return
        for end in BESIDE:
            with contextlib.suppress(FileExistsError):
                file = os.open(f"{path}{end}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                try:
                    if os.geteuid() == 0:  # the recorder goes on with them
                        os.fchown(file, status.st_uid, status.st_gid)
                    os.fchmod(file, stat.S_IMODE(status.st_mode))
                finally:
                    os.close(file)


def _path(url: URL) -> Path | None:
    return Path(url.database) if url.drivername == "sqlite" and url.database else None
