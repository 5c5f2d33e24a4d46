"""Killed at any instant, an analysis goes on: nothing twice, nothing missing."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from edge.errors import NoInputError, StorageError, UsageError
from edge.model.manifest import find_model
from edge.tools.analyze.job import Tally
from edge.tools.analyze.journal import Journal, Record
from tests.conftest import DEMO_CLIP
from tests.edge.tools.analyze.rig import analyze, empty, face, save
from tests.waiting import wait_until

HEAD = b"file,face\n"
NAMES = ["a.jpg", "b\udce9.jpg", "c.jpg", "d.jpg"]


def lines_of(name: str) -> bytes:
    return os.fsencode(name) * (NAMES.index(name) + 1) + b"\n"


def go_on(path: Path) -> list[str]:
    """Do what a run does; return the files that it did anew."""
    journal = Journal(path, HEAD, "these settings", itertools.count().__next__)
    done = {r.name for r in journal.records}
    todo = [n for n in NAMES if n not in done]
    for name in todo:
        journal.write(Record(name, 0, None, Tally(pictures=1)), zlib.compress(lines_of(name)))
    journal.close()
    return todo


def test_every_instant_of_a_kill_ends_in_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "whole"
    assert go_on(path) == NAMES
    whole, log = path.read_bytes(), path.with_name("whole.journal").read_bytes()
    assert whole == HEAD + b"".join(map(lines_of, NAMES))
    ends = [0, len(HEAD), *itertools.accumulate(map(len, map(lines_of, NAMES)), initial=len(HEAD))]
    again = tmp_path / "again"
    beside = tmp_path / "again.journal"
    boundaries = [i for i in range(len(log) + 1) if b"\n" in log[max(i - 2, 0) : i + 1]]
    for cut in sorted({0, len(log), *boundaries, *range(0, len(log), 97)}):
        known = log[:cut].count(b"\n")
        for extra in (0, 1, 3, len(whole)):  # the output is ahead of the journal by any amount
            end = ends[known + 1] if known else 0
            again.write_bytes(whole[: end + extra])
            beside.write_bytes(log[:cut])
            anew = go_on(again)
            assert again.read_bytes() == whole, (cut, extra)
            assert len(anew) == len(NAMES) - max(known - 1, 0)


def test_a_run_that_is_done_does_nothing_again(tmp_path: Path) -> None:
    path = tmp_path / "out"
    assert go_on(path) == NAMES
    assert go_on(path) == []


def test_what_is_not_ours_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "thesis.csv"
    path.write_text("years of work")
    with pytest.raises(UsageError, match="allowed: a new file"):
        go_on(path)
    assert path.read_text() == "years of work"


def test_a_pipe_is_refused_before_there_is_a_journal(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="pipe: no regular file"):
        go_on(tmp_path / "pipe")
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


def test_other_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "out"
    go_on(path)
    with pytest.raises(UsageError, match="other settings"):
        Journal(path, HEAD, "those settings", itertools.count().__next__)


def test_a_damaged_journal_and_a_shortened_output_are_told(tmp_path: Path) -> None:
    path, beside = tmp_path / "out", tmp_path / "out.journal"
    go_on(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UsageError, match="is shorter than"):
        go_on(path)
    beside.write_bytes(b"nonsense\n" + beside.read_bytes())
    with pytest.raises(UsageError, match="line 1 is damaged"):
        go_on(path)


@pytest.mark.parametrize("line", ["[]", "1", '"x"', "{}", '{"journal": 1}', "[" * 99_999])
def test_a_journal_that_is_none_is_told(line: str, tmp_path: Path) -> None:
    (tmp_path / "out.journal").write_text(f"{line}\n")
    with pytest.raises(UsageError, match=r"line 1 is damaged|other settings"):
        go_on(tmp_path / "out")
    assert (tmp_path / "out.journal").read_text() == f"{line}\n"


OTHERS = (
    ["--set", "baseline.enabled=false"],
    ["--set", "baseline.bound=2"],
    ["--crop", "crops"],
    ["--annotate", "drawn"],
)


@pytest.mark.parametrize("other", OTHERS, ids=lambda o: o[-1])
def test_what_results_depend_on_is_no_longer_changed_halfway(
    other: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "in" / "1.jpg", empty())
    assert analyze("in", "-o", "out")[0] == 0
    save(tmp_path / "in" / "2.jpg", empty())
    code, _, err = analyze("in", "-o", "out", *other)
    assert code == 64
    assert "other settings" in err
    assert analyze("in", "-o", "out")[0] == 0


def test_a_detector_in_the_place_of_another_is_another_model(tmp_path: Path) -> None:
    photo, out = save(tmp_path / "1.jpg", empty()), tmp_path / "out"
    model = shutil.copytree(find_model("face"), tmp_path / "mine")
    command = [photo, "-o", out, "--set", f"detect.model={model}"]
    assert analyze(*command)[0] == 0
    other = find_model("refine")  # any other: it is compared before it is loaded
    for name in ("manifest.json", "model.tflite"):
        (model / name).unlink()
        shutil.copyfile(other / name, model / name)
    code, _, err = analyze(*command)
    assert code == 64
    assert "another model" in err


def test_the_same_name_in_another_folder_is_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        save(tmp_path / name / "a.jpg", empty())
    out = tmp_path / "out"
    monkeypatch.chdir(tmp_path / "one")
    assert analyze("a.jpg", "--json", "-o", out)[0] == 0
    assert analyze("a.jpg", "--json", "-o", out)[0] == 0
    monkeypatch.chdir(tmp_path / "two")
    code, _, err = analyze("a.jpg", "--json", "-o", out)
    assert code == 64 and "in another folder" in err
    whole = tmp_path / "whole"
    for folder in ("one", "two"):  # nothing depends on it where no name is relative
        monkeypatch.chdir(tmp_path / folder)
        assert analyze(tmp_path / "one" / "a.jpg", "--json", "-o", whole)[0] == 0


def test_pictures_go_where_they_went_or_the_run_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "in" / "a.jpg", empty())
    command = [tmp_path / "in", "--annotate", "drawn", "-o", tmp_path / "out"]
    for folder, code in (("one", 0), ("two", 64)):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        assert analyze(*command)[0] == code


def test_two_runs_never_write_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "out"
    journal = Journal(path, HEAD, "these settings", itertools.count().__next__)
    with pytest.raises(StorageError, match="another run"):
        go_on(path)
    journal.close()


def test_of_two_that_begin_at_once_the_second_leaves_the_journal_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    journal = Journal(path, HEAD, "these settings", itertools.count().__next__)
    begun = (tmp_path / "out.journal").read_bytes()
    with monkeypatch.context() as m, pytest.raises(StorageError, match="another run"):
        m.setattr(Path, "exists", lambda _path: False)  # what the second saw just before
        go_on(path)
    assert begun
    assert (tmp_path / "out.journal").read_bytes() == begun
    journal.close()


def test_a_folder_that_is_not_there_and_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="no such folder"):
        go_on(tmp_path / "gone" / "out")


def kill_after_another_file(process: subprocess.Popen[bytes], journal: Path) -> bool:
    """Kill it; False where it was sooner done with the last file than this looked."""

    def done() -> int:
        return journal.read_bytes().count(b"\n") if journal.exists() else 0

    before = done()
    wait_until(lambda: done() > before or process.poll() is not None, "another file", 300)
    process.kill()  # its workers end by themselves
    return process.wait() == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.faults
def test_kill_9_of_the_command_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for n in range(12):
        save(folder / f"{n}.jpg", face() if n % 2 else empty())
    (folder / "5.mp4").write_bytes(DEMO_CLIP.read_bytes())
    (folder / "7x.jpg").write_bytes(b"broken")
    command = [sys.executable, "-m", "edge", "analyze", str(folder), "--json"]

    def started(out: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*command, "-o", str(out), "--workers", "2"],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    whole = tmp_path / "whole.jsonl"
    assert started(whole).wait(600) == 65
    written = whole.read_bytes()
    assert started(whole).wait(600) == 65, "the same again, with all done before"
    assert whole.read_bytes() == written
    out = tmp_path / "out.jsonl"
    journal = tmp_path / "out.jsonl.journal"
    kills = 0
    while kills < 3 and kill_after_another_file(started(out), journal):
        kills += 1
    assert kills
    assert started(out).wait(600) == 65
    assert out.read_bytes() == written
    assert written.count(b'"summary"') == 1
