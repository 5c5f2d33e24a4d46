"""A pause is kept beside the outbox, and held to where it cannot be."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from edge.publish.pause import SUFFIX, Pause
from edge.stages import Control
from tests.waiting import wait_until


def next_start(outbox: Path) -> bool:
    """Return whether the next start is paused."""
    control = Control()
    Pause(control, outbox)
    return control.paused


def test_it_holds_until_resume(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outbox = tmp_path / "outbox.db"
    assert not next_start(outbox)
    Pause(Control(), outbox).set(True)
    assert next_start(outbox)
    assert "still paused" in caplog.text
    control = Control()
    Pause(control, outbox).set(False)
    assert not control.paused
    assert not next_start(outbox)
    assert list(tmp_path.iterdir()) == []


def test_in_memory_it_ends_with_the_run_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    control = Control()
    Pause(control, None).set(True)
    assert control.paused
    assert "ends with this run" in caplog.text


def test_what_the_disk_does_not_take_is_told_once_and_kept_when_it_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "late"
    outbox = folder / "outbox.db"
    control = Control()
    pause = Pause(control, outbox)
    pause.set(True)
    assert control.paused
    wait_until(lambda: "a restart would end the pause" in caplog.text, "it is told")
    folder.mkdir()

    def kept() -> bool:
        pause.keep()
        return next_start(outbox)

    wait_until(kept, "it is kept")
    assert len(caplog.records) == 1


def test_a_disk_that_is_there_late_pauses_unless_something_was_asked_meanwhile(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "late"
    outbox = folder / "outbox.db"
    control, resumed = Control(), Control()
    pause, other = Pause(control, outbox), Pause(resumed, outbox)
    other.set(False)
    folder.mkdir()
    (folder / f"outbox.db{SUFFIX}").touch()
    other.look()
    assert not resumed.paused
    pause.look()
    assert control.paused


def test_a_disk_that_hangs_does_not_hold_up_a_pause(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.db"
    control = Control()
    pause = Pause(control, outbox)
    fifo = tmp_path / f"outbox.db{SUFFIX}"
    os.mkfifo(fifo)  # opening it waits for somebody who reads
    pause.set(True)
    assert control.paused
    pause.set(False)
    assert not control.paused
    os.close(os.open(fifo, os.O_RDONLY))
    wait_until(lambda: not fifo.exists(), "the last word is kept")
