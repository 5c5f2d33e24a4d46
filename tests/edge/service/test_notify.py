"""The notifier against a real datagram socket, as systemd holds one."""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.service.notify import Notifier

Receive = Callable[[], list[str]]


def _receiver(address: str) -> tuple[socket.socket, Receive]:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind("\0" + address[1:] if address.startswith("@") else address)
    manager.setblocking(False)

    def receive() -> list[str]:
        got = []
        while True:
            try:
                got.append(manager.recv(4096).decode())
            except BlockingIOError:
                return got

    return manager, receive


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Receive]]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@test-{uuid.uuid4()}"
    bound, receive = _receiver(address)
    yield address, receive
    bound.close()


def test_every_message_reaches_the_manager(manager: tuple[str, Receive]) -> None:
    address, receive = manager
    notifier = Notifier.from_env({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "15000000"})
    assert notifier.watchdog_s == 15.0
    notifier.ready("running")
    notifier.status("camera lost")
    notifier.progress(100.0)
    notifier.reloading(12.5)
    notifier.stopping("asked to")
    assert receive() == [
        "READY=1\nSTATUS=running",
        "STATUS=camera lost",
        "WATCHDOG=1",
        "RELOADING=1\nMONOTONIC_USEC=12500000",
        "STOPPING=1\nSTATUS=asked to",
    ]
    notifier.close()
    notifier.ready()
    assert receive() == []


def test_thirty_frames_a_second_feed_four_times_a_timeout(manager: tuple[str, Receive]) -> None:
    address, receive = manager
    notifier = Notifier(address, watchdog_s=8.0)
    for frame in range(30 * 8):
        notifier.progress(1000.0 + frame / 30)
    assert receive() == ["WATCHDOG=1"] * 4


def test_no_progress_no_feed(manager: tuple[str, Receive]) -> None:
    address, receive = manager
    notifier = Notifier(address, watchdog_s=8.0)
    notifier.progress(0.0)
    notifier.status("stuck")
    assert receive() == ["WATCHDOG=1", "STATUS=stuck"]


def test_a_status_of_several_lines_cannot_smuggle_in_an_assignment(
    manager: tuple[str, Receive],
) -> None:
    address, receive = manager
    Notifier(address).status("lost\nREADY=1\n")
    assert receive() == ["STATUS=lost READY=1"]


def test_without_the_variable_nothing_happens(caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier.from_env({})
    assert notifier.watchdog_s == 0.0
    notifier.ready("running")
    notifier.progress(1.0)
    notifier.stopping()
    notifier.close()
    assert caplog.records == []


@pytest.mark.parametrize(
    "env",
    [
        {"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": str(os.getpid() + 1)},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "-3"},
    ],
    ids=["another process", "not a number", "negative"],
)
def test_a_watchdog_that_is_not_ours_is_not_fed(
    env: dict[str, str], manager: tuple[str, Receive]
) -> None:
    address, receive = manager
    notifier = Notifier.from_env({"NOTIFY_SOCKET": address, **env})
    notifier.progress(1.0)
    assert receive() == []


def test_a_manager_that_went_away_is_told_of_once_and_again_when_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "edge.service.notify")
    path = tmp_path / "notify"
    notifier = Notifier(str(path), watchdog_s=4.0)
    notifier.progress(0.0)
    notifier.progress(0.1)  # not sent: tried again with the next frame
    bound, receive = _receiver(str(path))
    notifier.progress(0.2)
    assert receive() == ["WATCHDOG=1"]
    bound.close()
    assert [r.levelname for r in caplog.records] == ["WARNING", "DEBUG", "INFO"]


def test_a_manager_that_does_not_read_never_holds_up_a_frame(tmp_path: Path) -> None:
    bound, _ = _receiver(str(tmp_path / "notify"))
    notifier = Notifier(str(tmp_path / "notify"))
    for _ in range(10_000):  # far more than a socket's queue holds: a blocking send would hang here
        notifier.status("running")
    bound.close()
