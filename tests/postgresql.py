"""A real PostgreSQL on a free loopback port, in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S, free_port, wait_until

USER = "emotion"
PASSWORD = "s3cret-of-the-history"


def programs() -> Path | None:
    """Return the folder of the server's programs; Debian keeps it off the path."""
    config = shutil.which("pg_config")
    if config is not None:
        found = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True)
        folders = [Path(found.stdout.strip())]
    else:
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((f for f in folders if (f / "initdb").exists()), None)


class PostgreSQL:
    """One server. Its folder is its own, outside pytest's, which only its owner may enter."""

    def __init__(self, *, fsync: bool = False) -> None:
        """Make its files; without `fsync` they outlive a kill -9, but no power cut."""
        self._fsync = "on" if fsync else "off"
        bin_folder = programs()
        if bin_folder is None:
            pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
        self._bin = bin_folder
        self.folder = folder = Path(tempfile.mkdtemp(prefix="emotion-edge-postgresql-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._as: list[str] = []
        if os.geteuid() == 0:  # it refuses to run as root
            user = next((n for n in ("postgres", "nobody") if _exists(n)), None)
            if user is None or shutil.which("setpriv") is None:
                pytest.skip("PostgreSQL does not run as root; setpriv and a user are needed")
            entry = pwd.getpwnam(user)
            self._as = [
                *("setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}"),
                "--clear-groups",
            ]
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run(
            *("initdb", "-D", str(folder / "data"), "-U", USER, "-A", "scram-sha-256"),
            *("--encoding=UTF8", "--locale=C", "--no-sync", f"--pwfile={password}"),
        )

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self._as, str(self._bin / program), *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=2 * PATIENCE_S,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Start (again), on the same port; returns when it answers."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "max_connections": 40,
            "shared_buffers": "32MB",
            "fsync": self._fsync,
        }
        options = [o for k, v in settings.items() for o in ("-c", f"{k}={v}")]
        command = [*self._as, str(self._bin / "postgres"), "-D", str(self.folder / "data")]

        def tried() -> bool:
            # Children of a server that was killed end a little later, and it waits for them.
            with (self.folder / "log").open("ab") as log:
                self._process = process = subprocess.Popen(
                    [*command, *options], stdout=log, stderr=log, cwd=self.folder
                )
            while process.poll() is None:
                if self._ready():
                    return True
                time.sleep(0.05)
            return False

        wait_until(tried, f"PostgreSQL answers; see {self.folder}/log")

    def _ready(self) -> bool:
        where = ["-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run([str(self._bin / "pg_isready"), "-q", *where]).returncode == 0

    def create(self, name: str) -> str:
        """Make a place of its own in the database, which is quick; return its URL."""
        import psycopg

        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=PASSWORD,
            dbname="postgres",
            autocommit=True,
        ) as c:
            c.execute(f'CREATE SCHEMA "{name}"'.encode())
        place = f"{USER}:{PASSWORD}@127.0.0.1:{self.port}/postgres"
        return f"postgresql://{place}?options=-csearch_path%3D{name}"

    def kill(self) -> None:
        """kill -9 of the server; its children notice and end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server's first process."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """Shut it down at once; nothing has to be on the disk."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # immediate shutdown
            self._process.wait(PATIENCE_S)
            self._process = None


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


@contextmanager
def running(*, fsync: bool = False) -> Iterator[PostgreSQL]:
    """Run a server for the length of a `with`."""
    server = PostgreSQL(fsync=fsync)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)
