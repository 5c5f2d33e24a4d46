"""What failed beside other tests is run once more, alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
TESTS = """
import os
import pytest

def test_right():
    pass

@pytest.mark.slow
@pytest.mark.parametrize("name", ["with a blank", "other"])
def test_right_the_second_time(name):
    if not os.path.exists(name):
        open(name, "w").close()
        assert False

def test_wrong():
    assert "WRONG" not in os.environ
"""


def _suite(folder: Path, then: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    words = f"code=0; suite it {sys.executable} -m pytest -q >first || code=$?\n{then}"
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail\nrepo=$PWD\nsource {REPO}/scripts/suites.sh\n{words}"],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | environment,
    )


def test_what_passes_alone_is_named(tmp_path: Path) -> None:
    done = _suite(tmp_path, f"alone it {sys.executable} $code")
    assert done.returncode == 0, done.stdout
    assert "2 failed, 2 passed" in (tmp_path / "first").read_text()
    unsteady = [x for x in done.stdout.splitlines() if x.startswith("UNSTEADY")]
    assert [x.partition("[")[2].partition("]")[0] for x in unsteady] == ["with a blank", "other"]
    assert "2 passed" in done.stdout, "those and no others"


def test_what_fails_again_is_a_failure(tmp_path: Path) -> None:
    done = _suite(tmp_path, f"alone it {sys.executable} $code", WRONG="yes")
    assert done.returncode == 1
    assert "UNSTEADY" not in done.stdout
    assert "1 failed, 2 passed" in done.stdout


def test_many_failures_are_no_accident(tmp_path: Path) -> None:
    done = _suite(tmp_path, f"unsteady_most=1; alone it {sys.executable} $code")
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("code", [0, 2, 139])
def test_other_exit_codes_stand(tmp_path: Path, code: int) -> None:
    done = _suite(tmp_path, f"alone it {sys.executable} {code}", WRONG="yes")
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_suites_run_beside_each_other_and_say_how_they_ended(tmp_path: Path) -> None:
    done = _suite(
        tmp_path,
        "beside one sh -c 'while ! [ -e two ]; do sleep 0.01; done; echo ready; exit 3'\n"
        "beside two touch two\n"
        'finish one; finish two; echo "${codes[one]} ${codes[two]}"',
    )
    assert (done.stdout, done.returncode) == ("ready\n3 0\n", 0)
