"""A device on the page of `emotion-edge dashboard`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.broker import Broker, subscribed
from tests.edge.web.conftest import Command
from tests.edge.web.dashboard.rig import card, device, visit
from tests.edge.web.test_devices import event, state
from tests.edge.web.test_preview_page import expect

pytestmark = pytest.mark.slow

AUDIENCE = {
    "since": "2026-11-20T13:00:00.000Z",
    "now": 1,
    "looking": 1,
    "seen": 41,
    "looked": 17,
    "dwell_s": 512.4,
    "attention_s": 133.9,
}


def test_a_device_comes_shows_its_emotion_and_goes(
    dashboard: Command, site: Broker, folder: Path, page: Any
) -> None:
    visit(page, dashboard, "kiosk")
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


def test_it_shows_what_a_face_is_doing_where_that_is_told(
    dashboard: Command, site: Broker, page: Any
) -> None:
    visit(page, dashboard, "doing")
    doing = {
        "yaw": -20.0,
        "pitch": 3.0,
        "roll": None,
        "eyes": {"left": 0.5, "right": None},
        "mouth": None,
        "smile": None,
        "looking": False,
    }
    with subscribed(site) as s:
        for name, told in (("doing-1", doing), ("doing-2", None)):
            known = json.loads(state("happy"))
            known["faces"][0]["state"] = told
            if told:
                known["faces"][0] |= {"conditions": ["drowsy"], "sums": {"blinks": 9, "yawns": 1}}
                known["audience"] = AUDIENCE
            s.publish(f"emotion/{name}/availability", "online")
            s.publish(f"emotion/{name}/state", json.dumps(known))
        expect(card(page, "doing-1").locator(".doing")).to_have_text(
            "head 20° left, 3° up, tilted ?; eyes 50 % left, ? right; mouth ?; smile ?; "
            "looking away"
        )
        expect(card(page, "doing-1").locator(".conditions")).to_have_text("drowsy9 blinks1 yawn")
        expect(card(page, "doing-1").locator(".conditions .bad")).to_have_text("drowsy")
        expect(card(page, "doing-1").locator(".audience")).to_have_text(
            "audience this hour: 41 seen, 17 looked, 8 min 32 s here, 2 min 13 s looking"
        )
        expect(card(page, "doing-2").locator(".word")).to_have_text("happy")
        expect(card(page, "doing-2").locator(".audience")).to_be_hidden()
        expect(card(page, "doing-2").locator(".doing")).to_be_hidden()


def test_of_a_device_that_judges_no_emotion_it_says_what_a_face_does(
    dashboard: Command, site: Broker, page: Any
) -> None:
    visit(page, dashboard, "truck")
    with subscribed(site) as s:
        for name, conditions, looking in (
            ("truck-1", ["attention", "eyes_closed"], True),
            ("truck-2", [], False),
        ):
            known = json.loads(state("unknown"))
            known["faces"][0] |= {
                "reason": "emotion_off",
                "scores": {},
                "conditions": conditions,
                "state": {"yaw": 1.0, "looking": looking},
            }
            s.publish(f"emotion/{name}/availability", "online")
            s.publish(f"emotion/{name}/state", json.dumps(known))
        first, second = card(page, "truck-1"), card(page, "truck-2")
        expect(first.locator(".word")).to_have_text("eyes closed")
        expect(second.locator(".word")).to_have_text("looks away")
        expect(first.locator("canvas")).to_be_hidden()  # its lanes are emotions
        expect(first.locator(".sub")).to_have_text(re.compile("^here for "))


def test_an_alert_is_shown_while_it_lasts(
    dashboard: Command, site: Broker, folder: Path, page: Any
) -> None:
    visit(page, dashboard, "car-17")
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
        visit(page, dashboard, "hall")
        hall = card(page, "hall")
        expect(hall.locator(".word")).to_have_text("sad")
        expect(hall.locator(".others")).to_contain_text("happy 90 %")
        s.publish("emotion/hall/state", state(), retain=True)
        expect(hall.locator(".word")).to_have_text("nobody")
        expect(hall.locator("canvas")).to_have_attribute("aria-label", re.compile("sad"))
        page.reload()
        page.get_by_label("Find a device").fill("hall")
        expect(hall.locator("canvas")).to_have_attribute("aria-label", re.compile("sad"))
        s.publish("emotion/hall/availability", "", retain=True)
        expect(hall).to_have_count(0)


WORDS = {
    "attention_began": "looks",
    "attention_ended": "no longer looks",
    "eyes_closed": "eyes closed",
    "eyes_closed_ended": "eyes closed: over",
    "of_a_later_version": "of_a_later_version",
}


def test_a_camera_that_is_away_and_a_late_event_are_told_as_what_they_are(
    dashboard: Command, site: Broker, page: Any
) -> None:
    visit(page, dashboard, "lab")
    with subscribed(site) as s:
        s.publish("emotion/lab/availability", "online")
        s.publish("emotion/lab/state", state(status="camera_lost"))
        s.publish("emotion/lab/event", event("alert_began", replayed=True))
        lab = card(page, "lab")
        expect(lab.locator(".status")).to_have_text("⚠ camera lost")
        lab.get_by_text("last events").click()
        expect(lab.locator(".log")).to_contain_text("(sent late)")
        for kind, words in WORDS.items():
            s.publish("emotion/lab/event", event(kind))
            expect(lab.locator(".log li").first).to_contain_text(words)
        expect(page.locator(".alert", has_text="lab")).to_have_count(0)
        page.get_by_label("Show").select_option("trouble")
        expect(lab).to_be_visible()
        page.get_by_label("Find a device").fill("nowhere")
        expect(lab).to_be_hidden()


def test_more_faces_than_are_shown_are_counted(dashboard: Command, site: Broker, page: Any) -> None:
    visit(page, dashboard, "square")
    with subscribed(site) as s:
        s.publish("emotion/square/availability", "online")
        s.publish("emotion/square/state", state("happy", *["sad"] * 19))
        square = card(page, "square")
        expect(square.locator(".more")).to_have_text("+19")
        page.get_by_label("View").select_option("table")
        expect(square).to_contain_text("20")


def test_a_device_that_is_gone_says_since_when(dashboard: Command, site: Broker, page: Any) -> None:
    visit(page, dashboard, "gone")
    with subscribed(site) as s:
        s.publish("emotion/gone/state", state("happy"))
        s.publish("emotion/gone/availability", "offline", retain=True)
        expect(card(page, "gone").locator(".sub")).to_contain_text(
            re.compile(r"since .* \(\d+ s\)")
        )
        s.publish("emotion/gone/availability", "", retain=True)
