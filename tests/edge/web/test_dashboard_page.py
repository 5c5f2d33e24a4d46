"""`emotion-edge dashboard` as a subscriber uses it: real devices, Mosquitto and Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.commands.demo import CLIP
from edge.contract import encode
from tests.broker import Broker, running, subscribed
from tests.edge.publish.rig import WHO
from tests.edge.web.conftest import Command, command, too_wide, violations
from tests.edge.web.test_devices import event, state
from tests.edge.web.test_preview_page import expect
from tests.waiting import wait_until

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


def test_hostile_text_stays_text(dashboard: Command, site: Broker, page: Any) -> None:
    visit(page, dashboard, "img")
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


def test_labels_that_are_words_of_the_language_hurt_nobody(
    dashboard: Command, site: Broker, page: Any
) -> None:
    opened(page, dashboard)
    page.get_by_label("View").select_option("cards")
    page.get_by_label("Find a device").fill("o")
    words = ["constructor", "__proto__", "toString", "", "none", "off"]
    with subscribed(site) as s:
        s.publish("emotion/honest/availability", "online")
        for i, word in enumerate(words):
            hostile = json.loads(state(word))
            hostile["faces"][0]["scores"] = {word: 0.5, "happy": 0.5}
            hostile["faces"][0]["reason"] = word
            s.publish(f"emotion/hostile-{i}/availability", "online")
            s.publish(f"emotion/hostile-{i}/state", json.dumps(hostile))
        s.publish("emotion/constructor/availability", "online")
        s.publish("emotion/__proto__/availability", "online")
        s.publish("emotion/honest/state", state("happy"))
        expect(card(page, "honest").locator(".word")).to_have_text("happy")
        expect(card(page, "hostile-0").locator(".word")).to_have_text("constructor")
        for view in ("table", "cards"):
            page.get_by_label("View").select_option(view)
            expect(card(page, "honest")).to_be_visible()
            expect(card(page, "__proto__")).to_be_visible()
        page.reload()
        page.get_by_label("Find a device").fill("o")
        expect(card(page, "constructor")).to_be_visible()
        assert page.locator(".broken").count() == 0
        for name in ("constructor", "__proto__", "honest", *(f"hostile-{i}" for i in range(6))):
            s.publish(f"emotion/{name}/availability", "", retain=True)
        expect(card(page, "honest")).to_have_count(0)


def test_a_card_that_cannot_be_shown_leaves_the_others_alone(
    dashboard: Command, site: Broker, page: Any
) -> None:
    # Whatever else a message may break one day.
    page.route(
        "**/static/card.js",
        lambda route: route.fulfill(
            body=route.fetch()
            .text()
            .replace("update(now) {", 'update(now) { if (this.device.name === "ill") throw 1;', 1),
            content_type="text/javascript",
        ),
    )
    visit(page, dashboard, "ll")
    with subscribed(site) as s:
        for name in ("ill", "well"):
            s.publish(f"emotion/{name}/availability", "online")
            s.publish(f"emotion/{name}/state", state("sad"))
        expect(card(page, "well").locator(".word")).to_have_text("sad")
        expect(card(page, "ill")).to_have_class(re.compile("broken"))
        s.publish("emotion/well/state", state("happy"))
        expect(card(page, "well").locator(".word")).to_have_text("happy")


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


def test_one_browser_too_many_is_told_so(folder: Path, tmp_path: Path, page: Any) -> None:
    with running(tmp_path / "broker") as broker, serve(folder, broker) as c:
        page.goto(c.url())
        expect(page.get_by_text("No device has spoken yet.")).to_be_visible()
        page.evaluate(
            """async () => { for (let i = 0; i < 31; i++) await new Promise((done) => {
                const s = new WebSocket(`ws://${location.host}/live`); s.onmessage = done; }); }"""
        )
        late = page.context.new_page()
        late.goto(c.url())
        expect(late.locator("#trouble")).to_contain_text("too many browsers; tried again every")
        expect(page.locator("#trouble")).to_be_hidden()
        late.close()


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
