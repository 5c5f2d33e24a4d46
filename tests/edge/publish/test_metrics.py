"""The Prometheus endpoint, of a real daemon and by itself."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from edge.backoff import Waits
from edge.clock import SystemClock
from edge.config_publish import Metrics
from edge.contract import Health
from edge.messages import Estimate, Eyes, FaceState, PipelineEvent
from edge.publish.metrics import MeteredPublisher
from edge.publish.metrics_server import MetricsServer
from edge.stages import OutboxStats
from tests.broker import Broker, subscribed
from tests.conftest import ROOT
from tests.daemon import daemon
from tests.edge.publish.rig import WHO, change, estimate
from tests.waiting import PATIENCE_S, free_port, wait_until

EXAMPLES = Path(__file__).parents[3] / "examples"
HEALTH = Health(
    time="2026-11-20T12:00:00.000Z",
    uptime_s=60.0,
    status="running",
    reasons=["low_light", "broker_away"],
    fps=25.0,
    busy=0.4,
    latency_ms=12.5,
    frames=1500,
    dropped=3,
    camera_reopened=1,
    faces=1,
    outbox_depth=0,
    outbox_lost=0,
    outbox_oldest_s=0.0,
    refused=0,
    memory_mb=75.0,
    temperature_c=51.5,
    throttled=False,
)


class Silent:
    """A publisher that publishes nothing."""

    closed = False

    def publish(self, event: PipelineEvent, /) -> None: ...

    def state(self, t: float, estimates: Sequence[Estimate], status: str, /) -> None: ...

    def health(self, health: Health, /) -> None: ...

    def stats(self) -> OutboxStats:
        return OutboxStats(depth=4, lost=2, oldest_s=9.5, refused=1)

    def close(self, timeout_s: float, /) -> None:
        self.closed = True


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
        return str(answer.read().decode())


def values(text: str) -> dict[str, float]:
    """Return samples by `name{label=value,...}`."""
    found = {}
    for family in text_string_to_metric_families(text):
        for s in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in s.labels.items())
            found[f"{s.name}{{{labels}}}" if labels else s.name] = s.value
    return found


def test_health_in_base_units() -> None:
    port = free_port()
    metered = MeteredPublisher(Silent(), WHO, Metrics(enabled=True, port=port))
    try:
        metered.health(HEALTH)
        metered.publish(change(SystemClock().now()))
        metered.state(0.0, [estimate()], "running")
        v = values(scrape(port))
    finally:
        metered.close(0.1)
    assert v["emotion_edge_frame_latency_seconds"] == 0.0125
    assert v["emotion_edge_temperature_celsius"] == 51.5
    assert v["emotion_edge_frames_total"] == 1500
    assert v["emotion_edge_frames_dropped_total"] == 3
    assert v["emotion_edge_events_total{event_type=emotion_changed}"] == 1
    assert v["emotion_edge_events_total{event_type=face_left}"] == 0
    assert v["emotion_edge_faces"] == 1
    assert v["emotion_edge_outbox_events"] == 4
    assert v["emotion_edge_outbox_oldest_age_seconds"] == 9.5
    assert v["emotion_edge_events_lost_total"] == 2
    assert v["emotion_edge_problem{reason=broker_away}"] == 1
    assert v["emotion_edge_health_timestamp_seconds"] == 1795176000
    assert v["emotion_edge_status{status=running}"] == 1
    assert v["emotion_edge_status{status=camera_lost}"] == 0
    assert v["emotion_edge_broker_connected"] == 1


def test_what_the_largest_face_is_doing_and_no_sample_where_it_cannot_be_told() -> None:
    port = free_port()
    who = replace(WHO, state_model=WHO.model)
    metered = MeteredPublisher(Silent(), who, Metrics(enabled=True, port=port))
    try:
        before = values(scrape(port))
        doing = FaceState(yaw=-20.0, eyes=Eyes(left=0.25), smile=0.0)
        metered.state(0.0, [replace(estimate(), state=doing), estimate(track="b2")], "running")
        during = values(scrape(port))
        metered.state(1.0, [], "running")
        after = values(scrape(port))
    finally:
        metered.close(0.1)
    told = {k.removeprefix("emotion_edge_"): v for k, v in during.items() if "edge_face_" in k}
    assert told == {
        "face_angle_degrees{angle=yaw}": -20,
        "face_eye_open_ratio{eye=left}": 0.25,
        "face_smile_ratio": 0,
    }
    assert not [k for k in (*before, *after) if "edge_face_" in k]
    assert "state_model=test" in next(k for k in during if k.startswith("emotion_edge_info"))


class Away(Silent):
    """The same, but its broker is away."""

    def stats(self) -> OutboxStats:
        return OutboxStats(problems=("broker_away",))


def test_a_broker_that_is_away_is_a_gauge() -> None:
    port = free_port()
    metered = MeteredPublisher(Away(), WHO, Metrics(enabled=True, port=port))
    try:
        assert values(scrape(port))["emotion_edge_broker_connected"] == 0
    finally:
        metered.close(0.1)


# A process that may have few descriptors, as the attacked one had 1,024.
FEW = """
import resource, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
from edge.config_publish import Metrics
from edge.publish.metrics import MeteredPublisher
from edge.publish.metrics_server import MetricsServer
from tests.edge.publish.rig import WHO
from tests.edge.publish.test_metrics import Silent
MeteredPublisher(Silent(), WHO, Metrics(enabled=True, port=int(sys.argv[1])))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("sent", [b"", b"GET /metrics HTTP/1.1\r\nHost: x\r\n"])
def test_half_requests_leave_descriptors_and_scrapes_alone(sent: bytes) -> None:
    port = free_port()
    with (
        subprocess.Popen(
            [sys.executable, "-c", FEW, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as server,
        contextlib.ExitStack() as clients,
    ):
        assert server.stdout is not None and server.stdout.readline() == b"ready\n"
        for _ in range(300):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port)))
            with contextlib.suppress(ConnectionError):  # it may have hung up already
                client.sendall(sent)
        for _ in range(3):
            assert values(scrape(port))["emotion_edge_outbox_events"] == 4
        assert len(list(Path(f"/proc/{server.pid}/fd").iterdir())) < 64
        assert server.stdin is not None
        server.stdin.close()


def test_who_dribbles_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.publish.metrics_server.MAX_S", 0.1)
    port = free_port()
    metered = MeteredPublisher(Silent(), WHO, Metrics(enabled=True, port=port))
    try:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.settimeout(PATIENCE_S)
            client.sendall(b"GET /metrics HTTP/1.1\r\n")
            assert client.recv(1) == b""
        monkeypatch.undo()  # a scrape may take longer on a busy machine
        assert values(scrape(port))
    finally:
        metered.close(0.1)


def test_it_listens_on_ipv6_too() -> None:
    server = MetricsServer(CollectorRegistry(), "::1", 0)
    try:
        with urllib.request.urlopen(server.url, timeout=PATIENCE_S) as answer:
            assert answer.status == 200
    finally:
        server.close()


def test_what_a_device_does_not_know_is_left_out() -> None:
    port = free_port()
    metered = MeteredPublisher(Silent(), WHO, Metrics(enabled=True, port=port))
    try:
        v = values(scrape(port))
    finally:
        metered.close(0.1)
    assert "emotion_edge_temperature_celsius" not in v
    assert "emotion_edge_frames_total" not in v, "no frame was counted yet"


def test_port_in_use_is_told_and_all_else_goes_on(
    tmp_path: Path, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        subscribed(broker) as subscriber,
    ):
        port = taken.getsockname()[1]
        log = tmp_path / "log"
        on = {"metrics__enabled": "true", "metrics__port": port}
        with daemon(broker.port, log, **on):
            wait_until(lambda: subscriber.events() and subscriber.on("health"), "events, health")
        assert f"no metrics, all else goes on: metrics: 127.0.0.1:{port}: Add" in log.read_text()
    assert "metrics_unavailable" in subscriber.on("health")[-1].json["reasons"]


def test_an_address_that_becomes_free_is_served_and_the_reason_goes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = Metrics(enabled=True, port=port)
        metered = MeteredPublisher(Silent(), WHO, settings, Waits(first_s=0.02, most_s=0.1))
        metered.publish(change(SystemClock().now()))
        assert metered.stats().problems == ("metrics_unavailable",)
    try:
        wait_until(lambda: not metered.stats().problems, "it listens")
        v = values(scrape(port))
        assert v["emotion_edge_events_total{event_type=emotion_changed}"] == 1, "since the start"
    finally:
        metered.close(0.1)


def test_without_the_library_events_go_on_and_health_says_so(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prometheus_client.py").write_text("raise ImportError('not installed')\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    log = tmp_path / "log"
    with subscribed(broker) as subscriber, daemon(broker.port, log, metrics__enabled="true"):
        wait_until(lambda: subscriber.events() and subscriber.on("health"), "events and health")
    assert "metrics_unavailable" in subscriber.on("health")[-1].json["reasons"]
    assert "prometheus-client is missing" in log.read_text()


@pytest.mark.slow  # downloads it
def test_with_the_library_of_debian_12(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    wanted = [str(tmp_path / "old"), "prometheus-client==0.16.0"]
    if subprocess.run([*pip, *wanted], capture_output=True).returncode != 0:
        pytest.skip("prometheus-client 0.16.0 cannot be downloaded")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'old'}:{ROOT}")
    port = free_port()
    on = {"metrics__enabled": "true", "metrics__port": port}
    with subscribed(broker) as subscriber, daemon(broker.port, tmp_path / "log", **on):
        wait_until(lambda: subscriber.on("health"), "health")
        assert values(scrape(port))["emotion_edge_status{status=running}"] == 1


def test_port_is_free_again_after_close() -> None:
    port = free_port()
    for _ in range(2):
        MeteredPublisher(Silent(), WHO, Metrics(enabled=True, port=port)).close(0.1)


def test_nothing_listens_unless_configured() -> None:
    code = "import sys, edge.build; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert not Metrics().enabled and Metrics().address == "127.0.0.1"


@pytest.mark.slow
def test_daemon_serves_what_prometheus_and_the_dashboard_want(
    broker: Broker, tmp_path: Path
) -> None:
    port = free_port()
    keys = {"metrics__enabled": "true", "metrics__port": port}
    with daemon(broker.port, tmp_path / "log", **keys):

        def seen() -> dict[str, float]:
            try:
                return values(scrape(port))
            except OSError:
                return {}

        wait_until(lambda: seen().get("emotion_edge_frames_total", 0) > 10, "frames are counted")
        wait_until(
            lambda: seen()["emotion_edge_events_total{event_type=face_appeared}"] > 0, "events"
        )
        text = scrape(port)
    names = {name.partition("{")[0] for name in values(text)}
    assert names >= {"process_resident_memory_bytes", "process_cpu_seconds_total"}
    tool = shutil.which("promtool")
    if tool is not None:  # Debian: prometheus
        done = subprocess.run(
            [tool, "check", "metrics"], input=text, text=True, capture_output=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    # A virtual machine has no thermometer, and one broker is never full.
    names |= {"emotion_edge_temperature_celsius", "emotion_edge_throttled", "emotion_edge_problem"}
    dashboard = json.loads((EXAMPLES / "grafana/dashboard.json").read_text())
    asked = [t["expr"] for panel in dashboard["panels"] for t in panel.get("targets", [])]
    wanted = {
        name for expr in asked for name in re.findall(r"\b(?:emotion_edge|process)_\w+", expr)
    }
    assert wanted and wanted <= names, f"the dashboard asks for {wanted - names}"
