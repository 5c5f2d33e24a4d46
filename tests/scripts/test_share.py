"""The manual page and the completions: up to date, and of use to man and bash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
SHARE = REPO / "share"
COMPLETIONS = SHARE / "bash-completion" / "completions"


def _files(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_they_say_what_the_command_lines_say(tmp_path: Path) -> None:
    pytest.importorskip("shtab")
    subprocess.run([sys.executable, REPO / "scripts" / "make-share", tmp_path], check=True)
    assert _files(tmp_path) == _files(SHARE), "run scripts/make-share"


@pytest.mark.skipif(shutil.which("man") is None, reason="needs man")
def test_man_formats_the_page_without_a_warning() -> None:
    done = subprocess.run(
        ["man", "--warnings=w", "--local-file", SHARE / "man" / "man1" / "emotion-edge.1"],
        capture_output=True,
        text=True,
        env=os.environ | {"LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    # MANWIDTH may break a word at its hyphen, so look for words without.
    assert all(word in done.stdout for word in ("NAME", "watch", "SEE ALSO", "/etc/emotion"))


@pytest.mark.parametrize(
    ("command", "line", "expected"),
    [
        ("emotion-edge", ["pre"], ["preview"]),
        ("emotion-edge", ["run", "--con"], ["--config"]),
        ("emotion-edge", ["check", "--config", "REA"], ["README.md"]),
        ("emotion-convert", ["train", "--backend", "to"], ["torch"]),
    ],
)
def test_bash_completes(command: str, line: list[str], expected: list[str]) -> None:
    script = """
        source "$1"
        COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2)) COMPREPLY=()
        _shtab_${2//-/_} "$2" "${@: -1}" "${@: -2:1}"
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", COMPLETIONS / command, command, *line],
        capture_output=True,
        text=True,
        cwd=REPO,
    )
    assert (done.stdout.split(), done.stderr) == (expected, "")
