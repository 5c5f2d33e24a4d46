"""Each example, run as its reader would, against a real broker and the real publisher."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.clock import SystemClock
from edge.publish.mqtt import MqttPublisher
from tests import node
from tests.broker import OPEN, Broker, running, subscribed
from tests.edge.publish.rig import change, estimate, publishing
from tests.waiting import PATIENCE_S, free_port, wait_until

EXAMPLES = Path(__file__).parents[2] / "examples"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def feel(publisher: MqttPublisher, emotion: str) -> None:
    t = SystemClock().now()
    publisher.state(t, [estimate(emotion, t=t)], "running")
    publisher.publish(change(t, emotion))


@contextmanager
def child(command: list[str], log: Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **env}
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()


def test_python(broker: Broker, tmp_path: Path) -> None:
    log = tmp_path / "out"
    script = EXAMPLES / "python" / "changes.py"
    with (
        child([sys.executable, str(script), f"127.0.0.1:{broker.port}"], log),
        publishing(broker.port) as publisher,
    ):
        wait_until(lambda: "connected" in log.read_text(), "it is connected")
        feel(publisher, "sad")
        wait_until(lambda: "missing" in log.read_text(), "it tells the change")
    assert "kiosk: neutral -> sad 70%\n  there: kiosk; events missing: 0" in log.read_text()


@pytest.mark.slow
def test_browser(tmp_path: Path) -> None:
    # In a thread of its own: Playwright takes one event loop a thread, and other tests have theirs.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(in_browser, tmp_path).result()


def in_browser(tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    site = tmp_path / "site"
    shutil.copytree(EXAMPLES / "browser", site)
    shutil.copy(node.node_modules() / "mqtt/dist/mqtt.min.js", site)
    ws = free_port()
    settings = [*OPEN, f"listener {ws} 127.0.0.1", "protocol websockets"]
    with (
        running(tmp_path / "broker", settings, queued=None) as broker,
        subscribed(broker, "nothing") as crowd,
        served(site) as url,
        publishing(broker.port) as publisher,
        playwright.sync_playwright() as p,
    ):
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda r: asked.append(r.url))
        # More than a default Mosquitto gives a single subscription at QoS 1.
        for i in range(600):
            crowd.publish(f"emotion/car-{i}/availability", "online", retain=True)
            crowd.publish(f"emotion/car-{i}/state", '{"emotion": "sad"}', retain=True)
        page.goto(f"{url}/?broker=ws://127.0.0.1:{ws}")
        expect = playwright.expect
        expect.set_options(timeout=1000 * PATIENCE_S)
        expect(page.locator("#link")).to_have_text("connected")
        # Connected is not yet subscribed, and events are not retained: say it until it is heard.
        for _ in range(round(2 * PATIENCE_S)):
            feel(publisher, "surprise")
            page.wait_for_timeout(500)
            if page.locator("#events li").count():
                break
        expect(page.locator("#device-kiosk .emotion")).to_have_text("surprise")
        expect(page.locator("#events li").first).to_contain_text("kiosk: emotion_changed surprise")
        assert page.locator("#device-kiosk").get_attribute("data-online") == "true"
        expect(page.locator(".device[data-online=true] .emotion", has_text="sad")).to_have_count(
            600
        )
        # What is no message costs nothing but itself, and who is forgotten goes.
        for odd in ("{", "null", "[]"):
            crowd.publish("emotion/odd/state", odd)
            crowd.publish("emotion/odd/event", odd)
        crowd.publish("emotion/odd/event", "")
        for kind in ("availability", "state"):
            crowd.publish(f"emotion/car-7/{kind}", "", retain=True)
        crowd.publish("emotion/car-8/state", '{"emotion": "fear"}', retain=True)
        expect(page.locator("#device-car-8 .emotion")).to_have_text("fear")
        expect(page.locator("#device-car-7")).to_have_count(0)
        many = "for (let i = 0; i < 3000; i++) event('x', {id: 'e' + i, time: '', data: {}})"
        page.evaluate(many)
        assert page.evaluate("[seen.size, seen.has('e2999')]") == [1000, True]
        publisher.close(PATIENCE_S)
        expect(page.locator("#device-kiosk")).to_have_attribute("data-online", "false")
        elsewhere = [a for a in asked if not a.startswith((url, "data:", "blob:"))]
        assert elsewhere == [], "nothing is fetched from elsewhere"
        browser.close()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.slow
def test_node_red(broker: Broker, tmp_path: Path) -> None:
    program = node.node_modules() / "node-red/red.js"
    if not program.exists():
        pytest.skip(f"Node-RED is not installed: {node.INSTALL}")
    home, log = tmp_path / "home", tmp_path / "out"
    home.mkdir()
    shutil.copy(EXAMPLES / "node-red/flows.json", home)
    (home / "settings.js").write_text(
        f"module.exports = {{flowFile: 'flows.json', uiHost: '127.0.0.1', uiPort: {free_port()},"
        " httpAdminRoot: false, telemetry: {enabled: false}}"
    )
    command = ["node", str(program), "--userDir", str(home)]
    env = {"EMOTION_BROKER": "127.0.0.1", "EMOTION_PORT": str(broker.port)}
    with child(command, log, **env), publishing(broker.port) as publisher:
        wait_until(lambda: "Connected to broker" in log.read_text(), "it is connected")

        def told() -> bool:  # connected is not yet subscribed: say it until it is heard
            feel(publisher, "sad")
            time.sleep(0.5)
            return "/emotion/kiosk: neutral -> sad" in log.read_text()

        wait_until(told, "the flow tells the change")
