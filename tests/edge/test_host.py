"""What the machine says of itself, and nothing where it says nonsense."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge import host


def test_memory_grows_with_what_is_held() -> None:
    grown = """
import numpy as np
from edge import host
before = host.memory_mb()
held = np.ones(50_000_000, np.uint8)
print(host.memory_mb() - before, held.size)
"""  # in a process that has nothing to give back meanwhile
    done = subprocess.run([sys.executable, "-c", grown], capture_output=True, text=True, check=True)
    assert 40 < float(done.stdout.split()[0]) < 60


def test_cores_are_those_of_the_machine() -> None:
    assert host.cores() == os.cpu_count()


@pytest.mark.parametrize(
    ("text", "degrees"),
    [("48312\n", 48.3), ("-5000\n", -5.0), ("", None), ("hot", None), (None, None)],
)
def test_a_temperature_is_millidegrees_or_nothing(
    tmp_path: Path, text: str | None, degrees: float | None
) -> None:
    path = tmp_path / "temp"
    if text is not None:
        path.write_text(text)
    assert host.temperature_c(path) == degrees


@pytest.mark.parametrize(
    ("text", "held_back"),
    [
        ("0\n", False),
        ("50000\n", False),  # it happened since boot, and is over
        ("50005\n", True),  # under-voltage and throttled, now
        ("8\n", True),
        ("", None),
        ("yes", None),
        (None, None),
    ],
)
def test_throttled_is_about_now(tmp_path: Path, text: str | None, held_back: bool | None) -> None:
    path = tmp_path / "soc" / "soc:firmware" / "get_throttled"
    path.parent.mkdir(parents=True)
    if text is not None:
        path.write_text(text)
    assert host.throttled(tmp_path) is held_back


@pytest.mark.parametrize(
    "node",
    [
        "soc/soc:firmware",
        "soc@107c000000/soc@107c000000:firmware",  # Raspberry Pi 5
        "soc@107c000000:firmware",
        "axi/soc@107c000000/soc@107c000000:firmware",
    ],
)
def test_the_firmware_is_found_under_the_names_that_kernels_give_it(
    tmp_path: Path, node: str
) -> None:
    (tmp_path / "soc" / "soc:gpu").mkdir(parents=True)
    (tmp_path / node).mkdir(parents=True, exist_ok=True)
    (tmp_path / node / "get_throttled").write_text("5\n")
    assert host.throttled(tmp_path) is True
