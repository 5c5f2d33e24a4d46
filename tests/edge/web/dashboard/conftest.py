"""One dashboard and one broker for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import Broker, running
from tests.edge.web.conftest import Command
from tests.edge.web.dashboard.rig import serve


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dashboard")


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Broker]:
    """A broker of the file's own: what is left there must not matter to other files."""
    with running(folder / "broker") as broker:
        yield broker


@pytest.fixture(scope="module")
def dashboard(folder: Path, site: Broker) -> Iterator[Command]:
    with serve(folder, site) as c:
        yield c
