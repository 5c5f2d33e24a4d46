"""The page whatever devices say."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.broker import Broker, subscribed
from tests.edge.web.conftest import Command
from tests.edge.web.dashboard.rig import card, opened, visit
from tests.edge.web.test_devices import state
from tests.edge.web.test_preview_page import expect

pytestmark = pytest.mark.slow


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
