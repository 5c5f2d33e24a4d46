"""What a device installs is locked, with hashes, and the lock holds what the project asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

LOCKS = sorted((ROOT / "packaging/lock").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def locked(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+) \\$", path.read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize("path", LOCKS, ids=lambda p: p.stem)
def test_every_package_has_hashes_and_no_address(path: Path) -> None:
    text = path.read_text()
    entries = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(locked(path)) > 3
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_lock_has_what_the_project_asks_for(version: str) -> None:
    versions = locked(ROOT / f"packaging/lock/python{version}.txt")
    extras = PROJECT["optional-dependencies"]
    for line in [
        *PROJECT["dependencies"],
        *extras["metrics"],
        *extras["web"],
        *extras["history"],
    ]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(versions[wanted.name]), f"{line}: packaging/lock/update"
