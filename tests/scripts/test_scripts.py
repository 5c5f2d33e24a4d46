"""The scripts that a newcomer and CI begin with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
SHELL = [REPO / name for name in (".ci/run", "scripts/lib.sh", "systemd/install")] + sorted(
    p for p in (REPO / "scripts").iterdir() if p.read_bytes().startswith(b"#!/bin/bash")
)


def _bash(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"source {REPO}/scripts/lib.sh\n{script}"],
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
def test_shellcheck_has_nothing_to_say() -> None:
    done = subprocess.run(
        ["shellcheck", "-x", "-S", "warning", *map(str, SHELL)],
        capture_output=True,
        text=True,
        cwd=REPO,
    )
    assert (done.stdout, done.returncode) == ("", 0)


def test_scripts_can_be_run_as_they_stand() -> None:
    assert [p.name for p in SHELL if p.suffix != ".sh" and not os.access(p, os.X_OK)] == []


def test_an_old_interpreter_is_passed_over(tmp_path: Path) -> None:
    for name, version in [("python3", "3, 9"), ("python3.11", "3, 11")]:
        fake = tmp_path / name
        body = f'import sys; sys.version_info = ({version}, 0); exec(open("/dev/stdin").read())'
        fake.write_text(f"#!/bin/sh\nprintf '%s' \"$2\" | {sys.executable} -c '{body}'\n")
        fake.chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    assert _bash(f"PATH={path}; find_python").stdout.strip() == str(tmp_path / "python3.11")
    assert _bash(f"PATH={path}; find_python 3.11").stdout.strip() == str(tmp_path / "python3.11")


def test_a_missing_program_is_named_with_the_command_that_installs_it() -> None:
    done = _bash("install_packages() { say packages: $*; }; need ls no:pkg")
    assert done.stderr.strip().endswith("packages: pkg")


@pytest.mark.slow
def test_an_environment_is_made_once_and_again_when_its_packages_change(tmp_path: Path) -> None:
    wheel = tmp_path / "stub-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as z:
        z.writestr("stub.py", "")
        tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        z.writestr("stub-1.0.dist-info/WHEEL", tag)
        z.writestr("stub-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: stub\nVersion: 1\n")
        z.writestr("stub-1.0.dist-info/RECORD", "")
    made = f"setting up {tmp_path}/.venv-x"

    def environment(*packages: str) -> str:
        words = " ".join(("environment x", sys.executable, "--no-index", *packages))
        done = _bash(
            f'{words}; "$venv/bin/python" -c "import stub"', EMOTION_EDGE_VENVS=f"{tmp_path}"
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert made in environment(str(wheel))
    assert environment(str(wheel)) == ""
    assert made in environment("--no-deps", str(wheel))
