"""The page of many devices: found, ordered, accessible and quick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract import encode
from tests.broker import Broker, running, subscribed
from tests.edge.publish.rig import WHO
from tests.edge.web.conftest import Command, too_wide, violations
from tests.edge.web.dashboard.rig import card, serve, visit
from tests.edge.web.test_devices import event, state
from tests.edge.web.test_preview_page import expect

pytestmark = pytest.mark.slow


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
    visit(page, dashboard, "room-")
    with subscribed(site) as s:
        for i, emotion in enumerate(("happy", "sad", "unknown", "disgust", "fear")):
            s.publish(f"emotion/room-{i}/availability", "online" if i else "offline")
            s.publish(f"emotion/room-{i}/state", state(emotion, "angry"))
        s.publish("emotion/room-1/event", event("alert_began"))
        expect(card(page, "room-1").locator(".word")).to_have_text("sad")
        expect(page.locator(".alert", has_text="room-1")).to_be_visible()
        for view in ("cards", "table"):
            page.get_by_label("View").select_option(view)
            expect(card(page, "room-1")).to_contain_text("sad")
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
        running(tmp_path / "broker", queued=None) as broker,
        serve(folder, broker) as c,
        subscribed(broker, "nothing") as s,
    ):
        page.goto(c.url())
        for i in range(500):
            s.publish(f"emotion/car-{i:03}/availability", "online", retain=True)
            s.publish(f"emotion/car-{i:03}/state", state("happy"), retain=True)
        all_there = "500 online, 0 offline, 0 with trouble, 500 faces"
        expect(page.locator("#counts")).to_have_text(all_there)
        page.reload()
        expect(page.locator("#counts")).to_have_text(all_there)  # or rows would still move below
        # Trouble comes first, though it has the last name.
        s.publish("emotion/car-499/state", state(status="camera_lost"), retain=True)
        expect(page.locator("tr.device").first).to_contain_text("car-499")
        expect(page.locator("tr.device").first).to_contain_text("camera lost")
        page.get_by_role("button", name="car-499").click()
        expect(page.locator("dialog .status")).to_have_text("⚠ camera lost")
        page.get_by_role("button", name="Close").click()
        # Back where it came from: only this one moves, though 499 stand before it now.
        page.evaluate(
            """() => {
              window.moved = [];
              new MutationObserver((records) => {
                for (const r of records) for (const e of r.addedNodes) moved.push(e.dataset.device);
              }).observe(document.getElementById("rows"), { childList: true });
            }"""
        )
        s.publish("emotion/car-499/state", state("happy"), retain=True)
        expect(page.locator("tr.device").last).to_have_attribute("data-device", "car-499")
        assert page.evaluate("moved") == ["car-499"]
        # What cannot be seen is not there, and does no work.
        for view, last in (("table", "fear"), ("cards", "disgust")):
            page.get_by_label("View").select_option(view)
            expect(card(page, "car-000")).to_be_visible()
            page.wait_for_function("document.querySelectorAll('*').length < 5000")
            expect(card(page, "car-400")).to_have_text("")
            page.evaluate(
                """() => {
                  window.touched = new Set();
                  new MutationObserver((records) => {
                    for (const { target } of records) {
                      const e = target.parentElement?.closest("[data-device]");
                      if (e) touched.add(e.dataset.device);
                    }
                  }).observe(document.querySelector("main"), {
                    subtree: true, childList: true, characterData: true, attributes: true,
                  });
                }"""
            )
            for _ in range(2):
                for i in range(400, 480):
                    s.publish(f"emotion/car-{i:03}/state", state("sad"), retain=True)
                s.publish("emotion/car-001/state", state("sad"), retain=True)
                s.publish("emotion/car-001/state", state(last), retain=True)
            expect(card(page, "car-001")).to_contain_text(last)
            touched = set(page.evaluate("[...touched]"))
            assert "car-001" in touched
            assert not touched & {f"car-{i}" for i in range(400, 480)}
            s.publish("emotion/car-001/state", state("happy"), retain=True)
        page.get_by_label("Find a device").fill("car-299")
        expect(card(page, "car-299").locator(".word")).to_have_text("happy")


def test_devices_are_found_and_ordered_by_their_tags(
    dashboard: Command, site: Broker, page: Any
) -> None:
    page.goto(dashboard.url())
    with subscribed(site) as s:
        for name, tags in (("first", ["paris"]), ("second", ["berlin", "floor-2"])):
            info = WHO.info("2026-11-20T10:00:00.000Z")
            info = msgspec.structs.replace(info, config={"device": {"tags": tags}})
            s.publish(f"emotion/{name}/info", encode(info))
            s.publish(f"emotion/{name}/availability", "online")
        page.get_by_label("Find a device").fill("#")
        expect(page.locator(".device:visible")).to_have_count(2)
        page.get_by_label("Order").select_option("tag")
        expect(page.locator(".device:visible").first).to_contain_text("second")
        page.get_by_label("Find a device").fill("#floor-2")
        expect(card(page, "second")).to_contain_text("#berlin #floor-2")
        expect(card(page, "first")).to_be_hidden()
