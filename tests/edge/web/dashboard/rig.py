"""`emotion-edge dashboard` and its page, with real devices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.commands.demo import CLIP
from tests.broker import Broker
from tests.edge.web.conftest import Command, command
from tests.edge.web.test_preview_page import expect


def serve(folder: Path, broker: Broker, *more: str) -> Any:
    return command(
        folder, "dashboard", "--host", "127.0.0.1", "--port", str(broker.port),
        "--listen", "127.0.0.1:0", *more,
    )  # fmt: skip


def device(folder: Path, broker: Broker, name: str, *sets: str) -> Any:
    """Start the real daemon on the demo clip, over and over."""
    keys = [
        f"device.name={name}", f"camera.source={CLIP}", "camera.loop=true", "outbox.path=memory",
        "mqtt.host=127.0.0.1", f"mqtt.port={broker.port}", "detect.rate=4",
        "output.health_s=2", *sets,
    ]  # fmt: skip
    return command(folder, "run", *[a for key in keys for a in ("--set", key)])


def visit(page: Any, dashboard: Command, find: str = "") -> None:
    """Open the page, with only the devices in it whose names have `find`: what is off the screen is
    an empty box."""
    opened(page, dashboard)
    page.get_by_label("Find a device").fill(find)


def opened(page: Any, dashboard: Command) -> None:
    """Open the page; from now on the dashboard hears what is not retained too."""
    page.goto(dashboard.url())
    expect(page.locator("#counts")).to_contain_text("online")  # it was told how things are
    expect(page.locator("#trouble")).to_be_hidden()


def card(page: Any, name: str) -> Any:
    return page.locator(f".device[data-device='{name}']")
