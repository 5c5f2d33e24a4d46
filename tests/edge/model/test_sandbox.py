"""A crash of native code costs a child, and the file is refused by name."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.model.manifest import MODEL
from edge.model.sandbox import load_in_subprocess
from edge.model.tflite import choose_runtime
from tests.conftest import ROOT
from tests.faults.mutate import mutated
from tests.faults.test_fuzz_models import copy, sealed

TINY = ROOT / "tests" / "models" / "tiny-int8"
# Seeds of `mutated` on which tflite-runtime 2.14.0 crashes, and last one for ai-edge-litert 2.3.0.
CRASHERS = (1, 2, 4376)


def test_what_does_not_crash_is_loaded_here() -> None:
    assert load_in_subprocess("x", os.getpid) == os.getpid()


@pytest.mark.parametrize("crash", [lambda: ctypes.string_at(0), os.abort])
def test_a_crash_is_refused_by_name(
    crash, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A child that a busy machine held up for longer would be killed, and then this process.
    monkeypatch.setattr("edge.model.sandbox.PATIENCE_S", 3600)
    with pytest.raises(ConfigError, match=r"^a/model\.tflite: .* crashed \(SIG"):
        load_in_subprocess("a/model.tflite", crash)
    assert capfd.readouterr().err == "", "no last words of the child"


def test_its_own_error_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        load_in_subprocess("x", lambda: 1 // 0)


def test_a_child_killed_from_outside_says_nothing_about_the_file() -> None:
    parent = os.getpid()

    def load() -> int:
        if os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)  # as for want of memory
        return 7

    assert load_in_subprocess("x", load) == 7


def test_without_a_child_it_is_loaded_untried() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # as some starters leave it behind
    try:
        assert load_in_subprocess("x", lambda: 7) == 7
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_check_refuses_hostile_models_by_name_whatever_the_runtime_does(tmp_path: Path) -> None:
    good = (TINY / MODEL).read_bytes()
    said = []
    for seed in CRASHERS:
        folder = copy(TINY, tmp_path / str(seed))
        sealed(folder, mutated(good, random.Random(seed)))
        keys = ["--set", f"classify.model={folder}", "--set", "camera.source=0"]
        command = [sys.executable, "-m", "edge", "check", *keys]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 78
        assert done.stderr == ""
        said += [line for line in done.stdout.splitlines() if line.startswith("FAIL model")]
    assert len(said) == len(CRASHERS)
    assert all(str(tmp_path) in line for line in said)
    if choose_runtime("auto") == "tflite-runtime":
        assert any("crashed (SIG" in line for line in said)
