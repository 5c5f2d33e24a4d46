"""`emotion-edge dashboard` as a subscriber uses it: real devices, Mosquitto and Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.commands.demo import CLIP
from tests.broker import Broker, running, subscribed
from tests.edge.web.conftest import Command, command, too_wide, violations
from tests.edge.web.test_devices import event, state
from tests.edge.web.test_preview_page import expect
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dashboard")


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Broker]:
    """A broker of this file's own: what one test leaves there must not matter to another."""
    with running(folder / "broker") as broker:
        yield broker


@pytest.fixture(scope="module")
def dashboard(folder: Path, site: Broker) -> Iterator[Command]:
    with serve(folder, site) as c:
        yield c


def serve(folder: Path, broker: Broker, *more: str) -> Any:
    return command(
        folder, "dashboard", "--host", "127.0.0.1", "--port", str(broker.port),
        "--listen", "127.0.0.1:0", *more,
    )  # fmt: skip


def device(folder: Path, broker: Broker, name: str, *sets: str) -> Any:
    """Start the real daemon on the demo clip, over and over."""
    keys = [
        f"device.name={name}", f"camera.source={CLIP}", "camera.loop=true", "outbox.path=memory",
        "mqtt.host=127.0.0.1", f"mqtt.port={broker.port}", "detect.rate=4", *sets,
    ]  # fmt: skip
    return command(folder, "run", *[a for key in keys for a in ("--set", key)])


def card(page: Any, name: str) -> Any:
    return page.locator(f".device[data-device='{name}']")


def test_a_device_comes_shows_its_emotion_and_goes(
    dashboard: Command, site: Broker, folder: Path, page: Any
) -> None:
    page.goto(dashboard.url())
    with device(folder, site, "kiosk") as kiosk:
        pi = card(page, "kiosk")
        expect(pi.locator(".status")).to_have_text("● online")
        expect(pi.locator(".word")).to_have_text("happy")
        expect(pi.locator(".bar.chosen .name")).to_have_text("happy")
        expect(pi.locator(".health")).to_contain_text(re.compile(r"frames/s.*of a core"))
        expect(pi.locator("canvas")).to_have_attribute("aria-label", re.compile("happy"))
        expect(page.locator("#counts")).to_contain_text(re.compile(r"[1-9]\d* online"))
        pi.get_by_text("last events").click()
        expect(pi.locator(".log")).to_contain_text("a face appeared")
        kiosk.process.kill()  # kill -9: only the will speaks
        expect(pi.locator(".status")).to_have_text("○ offline")
        expect(pi.locator(".word")).to_have_text("offline")
        expect(pi.locator(".bar.chosen")).to_have_count(0)
        assert pi.locator(".bar .number").first.inner_text() == "–"


def test_an_alert_is_shown_while_it_lasts(
    dashboard: Command, site: Broker, folder: Path, page: Any
) -> None:
    page.goto(dashboard.url())
    alert = ["alert.enabled=true", 'alert.emotions=["happy"]', "alert.after_s=0.5"]
    with device(folder, site, "car-17", *alert) as car:
        row = page.locator(".alert", has_text="car-17")
        expect(row).to_contain_text("happy alert, grade more")
        expect(card(page, "car-17")).to_have_class(re.compile("alarmed"))
        car.process.terminate()
        expect(row).to_have_count(0)


def test_a_page_that_comes_later_knows_what_was_before(
    dashboard: Command, site: Broker, page: Any
) -> None:
    with subscribed(site) as s:
        s.publish("emotion/hall/availability", "online", retain=True)
        s.publish("emotion/hall/state", state("sad", "happy"), retain=True)
        page.goto(dashboard.url())
        hall = card(page, "hall")
        expect(hall.locator(".word")).to_have_text("sad")
        expect(hall.locator(".others")).to_contain_text("happy 90 %")
        s.publish("emotion/hall/state", state(), retain=True)
        expect(hall.locator(".word")).to_have_text("nobody")
        expect(hall.locator("canvas")).to_have_attribute("aria-label", re.compile("sad"))
        page.reload()
        expect(hall.locator("canvas")).to_have_attribute("aria-label", re.compile("sad"))
        s.publish("emotion/hall/availability", "", retain=True)
        expect(hall).to_have_count(0)


def test_a_camera_that_is_away_and_a_late_event_are_told_as_what_they_are(
    dashboard: Command, site: Broker, page: Any
) -> None:
    page.goto(dashboard.url())
    with subscribed(site) as s:
        s.publish("emotion/lab/availability", "online")
        s.publish("emotion/lab/state", state(status="camera_lost"))
        s.publish("emotion/lab/event", event("alert_began", replayed=True))
        lab = card(page, "lab")
        expect(lab.locator(".status")).to_have_text("⚠ camera lost")
        lab.get_by_text("last events").click()
        expect(lab.locator(".log")).to_contain_text("(sent late)")
        expect(page.locator(".alert", has_text="lab")).to_have_count(0)
        page.get_by_label("Show").select_option("trouble")
        expect(lab).to_be_visible()
        page.get_by_label("Find a device").fill("nowhere")
        expect(lab).to_be_hidden()


def test_hostile_text_stays_text(dashboard: Command, site: Broker, page: Any) -> None:
    page.goto(dashboard.url())
    name = "<img src=x onerror=alert(1)>"
    hostile = json.loads(state("happy"))
    hostile["faces"][0]["emotion"] = hostile["emotion"] = "<b>x</b>"
    with subscribed(site) as s:
        s.publish(f"emotion/{name}/availability", "online")
        s.publish(f"emotion/{name}/state", json.dumps(hostile))
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        expect(page.locator(".word", has_text="<b>x</b>")).to_be_visible()
        s.publish(f"emotion/{name}/state", b"{" * 100)
        expect(page.get_by_text("1 messages not understood")).to_be_visible()
    assert page.locator("#devices img, #devices b").count() == 0


def test_a_broker_that_goes_away_is_said_and_comes_back(
    folder: Path, tmp_path: Path, page: Any
) -> None:
    with running(tmp_path / "broker") as broker, serve(folder, broker) as c:
        page.goto(c.url())
        expect(page.get_by_text("No device has spoken yet.")).to_be_visible()
        broker.kill()
        expect(page.locator("#trouble")).to_contain_text("The broker is not there")
        broker.start()
        expect(page.locator("#trouble")).to_be_hidden()
        with subscribed(broker) as s:
            s.publish("emotion/new/availability", "online")
            expect(card(page, "new").locator(".status")).to_have_text("● online")


def test_a_broker_that_is_away_at_the_start_is_waited_for(
    folder: Path, tmp_path: Path, page: Any
) -> None:
    broker = Broker(tmp_path)
    with serve(folder, broker) as c:
        page.goto(c.url())
        expect(page.locator("#trouble")).to_contain_text("connection refused")
        broker.start()
        expect(page.locator("#trouble")).to_be_hidden()
        broker.kill()
        c.process.terminate()
        wait_until(lambda: c.process.poll() is not None, "it ends")
        assert c.process.returncode == 0, c.text


@pytest.mark.parametrize(
    "page",
    [
        {"color_scheme": "light"},
        {"color_scheme": "dark"},
        {"viewport": {"width": 360, "height": 740}},
    ],
    indirect=True,
)
def test_it_is_accessible_and_fits(dashboard: Command, site: Broker, page: Any) -> None:
    page.goto(dashboard.url())
    with subscribed(site) as s:
        for i, emotion in enumerate(("happy", "sad", "unknown", "disgust", "fear")):
            s.publish(f"emotion/room-{i}/availability", "online" if i else "offline")
            s.publish(f"emotion/room-{i}/state", state(emotion, "angry"))
        s.publish("emotion/room-1/event", event("alert_began"))
        expect(card(page, "room-4").locator(".word")).to_have_text("fear")
        expect(page.locator(".alert", has_text="room-1")).to_be_visible()
        assert violations(page) == []
        assert too_wide(page) <= 0
        s.publish("emotion/room-1/availability", "offline")


def test_the_colours_can_be_chosen_and_are_remembered(dashboard: Command, page: Any) -> None:
    page.goto(dashboard.url())
    button = page.get_by_role("button", name="Colours")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    button.click()
    button.click()
    expect(button).to_have_text("☾ dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != before
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_hundreds_of_devices_are_no_trouble(folder: Path, tmp_path: Path, page: Any) -> None:
    with (
        running(tmp_path / "broker") as broker,
        serve(folder, broker) as c,
        subscribed(broker) as s,
    ):
        page.goto(c.url())
        for i in range(300):
            s.publish(f"emotion/car-{i:03}/availability", "online", retain=True)
            s.publish(f"emotion/car-{i:03}/state", state("happy"), retain=True)
        expect(page.locator("#counts")).to_have_text("300 online, 0 offline, 300 faces")
        page.reload()
        expect(page.locator("#counts")).to_have_text("300 online, 0 offline, 300 faces")
        page.get_by_label("Find a device").fill("car-299")
        expect(card(page, "car-299").locator(".word")).to_have_text("happy")
