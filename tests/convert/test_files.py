"""Written whole or not at all, and one run to a folder."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from convert.files import LOCK, alone_in, replacing, write_text
from convert.train import checkpoint
from edge.errors import UnavailableError
from tests.conftest import ROOT


def test_what_was_there_stays_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "first")
    with pytest.raises(OSError, match="full"), replacing(path) as partial:
        partial.write_text("half")
        raise OSError(errno.ENOSPC, "disk full")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_state_that_does_not_fit_on_the_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(f, **arrays: object) -> None:
        f.write(b"some of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(tmp_path, [], [], [], {})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_one_runs_own_until_it_ends_or_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from convert.files import alone_in\n"
        "with alone_in(Path(sys.argv[1])):\n  print('in', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert other.stdout is not None and other.stdout.readline() == "in\n"
    with pytest.raises(UnavailableError, match="another run writes to it"), alone_in(tmp_path):
        pass
    other.kill()
    other.communicate()
    with alone_in(tmp_path):
        assert (tmp_path / LOCK).exists()


def test_a_run_that_is_refused_leaves_no_folder_that_was_not_there(tmp_path: Path) -> None:
    out = tmp_path / "runs" / "own"
    with pytest.raises(UnavailableError), alone_in(out):
        raise UnavailableError("refused")
    assert list(tmp_path.iterdir()) == []
    out.mkdir(parents=True)
    with pytest.raises(UnavailableError), alone_in(out):
        raise UnavailableError("refused")
    assert list(out.iterdir()) == []
    with pytest.raises(UnavailableError), alone_in(out):
        write_text(out / "state", "half")
        raise UnavailableError("killed")
    assert (out / "state").read_text() == "half"


def test_whoever_waited_for_a_folder_that_was_removed_makes_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, locks = tmp_path / "own", []

    def flock(f: object, how: int) -> None:
        locks.append(f)
        if len(locks) == 1:  # a refused run goes between opening and locking
            (out / LOCK).unlink()
            out.rmdir()

    monkeypatch.setattr("convert.files.fcntl.flock", flock)
    with alone_in(out):
        write_text(out / "state", "whole")
    assert len(locks) == 2
    assert (out / "state").read_text() == "whole"
