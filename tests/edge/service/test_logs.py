"""The log as the journal and as a person get it, each from a real process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import logging, sys
from edge.service import logs
logs.setup(sys.argv[1])
log = logging.getLogger("edge.camera")
log.debug("looking"); log.info("open"); log.warning("lost\\nagain"); log.critical("gone")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
"""


def _run(tmp_path: Path, level: str, journal: bool) -> list[str]:
    path = tmp_path / "stderr"
    with path.open("wb") as stderr:
        found = os.fstat(stderr.fileno())
        # A stale variable, inherited from a parent whose stream was another one, must not count.
        stream = f"{found.st_dev}:{found.st_ino + (not journal)}"
        subprocess.run(
            [sys.executable, "-c", PROGRAM, level],
            stderr=stderr,
            env=os.environ | {"JOURNAL_STREAM": stream},
            check=True,
        )
    return path.read_text().splitlines()


def test_the_journal_gets_a_priority_on_every_line_and_no_time(tmp_path: Path) -> None:
    lines = _run(tmp_path, "debug", journal=True)
    assert lines[:5] == [
        "<7>edge.camera: looking",
        "<6>edge.camera: open",
        "<4>edge.camera: lost",
        "<4>again",
        "<2>edge.camera: gone",
    ]
    assert "<3>edge.camera: failed" in lines and "<3>ZeroDivisionError: division by zero" in lines
    assert all(re.match(r"<[2-7]>", line) for line in lines)


def test_a_person_gets_time_and_level(tmp_path: Path) -> None:
    lines = _run(tmp_path, "info", journal=False)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO edge\.camera: open", lines[0])
    assert not any(line.startswith("<") or "looking" in line for line in lines)


def test_a_closed_standard_error_ends_nothing() -> None:
    done = subprocess.run(
        ["bash", "-c", '"$0" -c "$1" info 2>&-; echo "rc=$?"', sys.executable, PROGRAM],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "rc=0"
