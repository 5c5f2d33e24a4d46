"""What many tests need: where data is, and a quiet environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import edge.redact
from tests.broker import broker  # noqa: F401  # a fixture for all

# How long an example takes says how busy the machine is.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

ROOT = Path(__file__).resolve().parent.parent
DEMO_CLIP = ROOT / "edge" / "demo" / "astronaut.mp4"


def data_folder() -> Path:
    """The folder of faces, clips and models that is not part of the project.

    `EMOTION_EDGE_DATA` names it; without, a folder that is not there, so that tests are skipped.
    """
    return Path(os.environ.get("EMOTION_EDGE_DATA") or "/nonexistent/EMOTION_EDGE_DATA-is-not-set")


@pytest.fixture
def data() -> Path:
    folder = data_folder()
    if not folder.is_dir():
        pytest.skip(f"no data at {folder}; set EMOTION_EDGE_DATA")
    return folder


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests() -> Iterator[None]:
    """A password of one test would be hidden in the messages of the next."""
    yield
    edge.redact._known.clear()


@pytest.fixture(autouse=True)
def no_configuration_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("EMOTION_EDGE_") and name != "EMOTION_EDGE_DATA":
            monkeypatch.delenv(name)
