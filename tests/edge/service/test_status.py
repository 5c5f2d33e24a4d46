"""The line of `systemctl status`: what the daemon does, and what is wrong with it."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from edge.service.status import StatusLine
from tests.broker import Broker, passwords, running
from tests.systemd.test_watchdog import Manager, managed
from tests.waiting import free_port, wait_until


def test_each_change_is_shown_once() -> None:
    shown: list[str] = []
    status = StatusLine(shown.append)
    status.problems(["broker_away"])  # before there is anything to say
    status.doing("running")
    status.problems(["broker_away"])
    status.problems(["login_refused", "disk_full", "new_reason"])
    status.restart_for(["camera.source"])
    status.doing("camera lost: gone")
    status.problems([])
    status.restart_for([])
    assert shown == [
        "running; no connection to the broker; events wait in the outbox",
        "running; the broker refuses the login; the disk is full; new_reason",
        "running; the broker refuses the login; the disk is full; new_reason; "
        "takes a restart: camera.source",
        "camera lost: gone; the broker refuses the login; the disk is full; new_reason; "
        "takes a restart: camera.source",
        "camera lost: gone; takes a restart: camera.source",
        "camera lost: gone",
    ]


def last(manager: Manager) -> str:
    lines = [line for line in manager.listen() if line.startswith("STATUS=")]
    return lines[-1] if lines else ""


def says(manager: Manager, text: str) -> None:
    wait_until(lambda: text in last(manager), f"{text!r} in the status line")


def test_a_broker_that_is_away_refuses_the_login_or_a_publish_is_said(tmp_path: Path) -> None:
    port = free_port()
    allowed = ("availability", "state", "health", "info")  # but not `event`
    acl = "user kiosk\n" + "".join(f"topic write emotion/kiosk/{name}\n" for name in allowed)
    settings = passwords(tmp_path / "broker", {"kiosk": "right"}, acl)
    secret = tmp_path / "secret"
    secret.write_text("wrong")
    secret.chmod(0o600)
    keys = (
        *("mqtt.host=127.0.0.1", f"mqtt.port={port}", "mqtt.username=kiosk"),
        *(f"mqtt.password_file={secret}", "camera.loop=true", "device.name=kiosk"),
    )
    with managed(tmp_path, *keys) as (_, manager):
        says(manager, "running; no connection to the broker; events wait in the outbox")
        broker = Broker(tmp_path / "broker", settings)
        broker.port = port
        broker.start()
        try:
            says(manager, "the broker refuses the")
        finally:
            broker.kill()
    secret.write_text("right")
    (tmp_path / "notify").unlink()
    broker.start()
    try:
        with managed(tmp_path, *keys) as (_, manager):
            says(manager, "the broker refuses to publish")
    finally:
        broker.kill()


def test_a_reload_says_what_takes_a_restart(tmp_path: Path) -> None:
    with running(tmp_path / "broker") as broker:
        path = tmp_path / "config.toml"
        text = f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n[camera]\nloop = true\n'
        path.write_text(text)
        with managed(tmp_path, options=("--config", str(path))) as (process, manager):
            says(manager, "STATUS=running")
            path.write_text(text + "width = 320\n")
            reload(process)
            says(manager, "running; takes a restart: camera.width")
            path.write_text("camera = 7")
            reload(process)
            says(manager, "running; a reload was refused")
            assert last(manager).endswith("; takes a restart: camera.width")
            path.write_text(text)
            reload(process)
            wait_until(lambda: last(manager) == "STATUS=running", "nothing takes a restart")


def reload(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGHUP)
