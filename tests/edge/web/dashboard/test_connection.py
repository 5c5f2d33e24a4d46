"""The page while the broker comes and goes, and when browsers are many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.broker import Broker, running, subscribed
from tests.edge.web.dashboard.rig import card, serve
from tests.edge.web.test_preview_page import expect
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


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
