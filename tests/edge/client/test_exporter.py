"""`emotion-edge exporter`: what the devices publish, as metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from edge.clock import SystemClock
from edge.messages import Condition, ConditionKind, EventType, Eyes, FaceState
from tests.broker import Broker, subscribed
from tests.conftest import ROOT
from tests.edge.publish.rig import WHO, change, estimate, publishing
from tests.edge.publish.test_metrics import HEALTH, scrape, values
from tests.waiting import PATIENCE_S, wait_until


def test_every_device_without_a_port_of_its_own(tmp_path: Path) -> None:
    """A broker that is away at the start is waited for; its return is seen."""
    broker = Broker(tmp_path)
    command = [sys.executable, "-m", "edge", "exporter", "--host", "127.0.0.1"]
    command += ["--port", str(broker.port), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as exporter:
        assert exporter.stdout is not None
        found = re.search(r":(\d+)/metrics", exporter.stdout.readline())
        assert found
        port = int(found[1])
        assert values(scrape(port))["emotion_edge_exporter_broker_connected"] == 0
        broker.start()
        try:
            connected = "emotion_edge_exporter_broker_connected"
            wait_until(lambda: values(scrape(port))[connected] == 1, "it is connected")
            who = replace(WHO, state_model=WHO.model)
            with publishing(broker.port, who=who) as p, subscribed(broker) as s:
                p.health(HEALTH)
                doing = FaceState(yaw=-20.0, eyes=Eyes(left=0.25), smile=0.0)
                looks = Condition(ConditionKind.ATTENTION, 0.0, 0.0)
                known = replace(estimate(), state=doing, conditions=(looks,))
                p.state(SystemClock().now(), [known], "running")
                alert = {"kind": EventType.ALERT_BEGAN, "alert": "angry", "grade": "more"}
                p.publish(replace(change(SystemClock().now()), **alert))
                p.publish(change(SystemClock().now()))
                s.publish('emotion/x"y\\nz/availability', "offline", retain=True)
                s.publish("emotion/odd/health", b"{")
                # Lost its power: what it had said last stays at the broker.
                wait_until(lambda: s.on("state") and s.on("state")[-1].json["faces"], "a state")
                s.publish("emotion/dead/state", s.on("state")[-1].payload, retain=True)
                s.publish("emotion/dead/availability", "offline", retain=True)
                event = "emotion_edge_events_total{device=kiosk,event_type=emotion_changed}"
                wait_until(lambda: values(scrape(port)).get(event) == 1, "the event is counted")
                wait_until(lambda: len(values(scrape(port))) > 30, "health is known")
                dead = "emotion_edge_online{device=dead}"
                wait_until(lambda: values(scrape(port)).get(dead) == 0, "the dead one is known")
                text = scrape(port)
            gone = "emotion_edge_online{device=kiosk}"
            wait_until(lambda: values(scrape(port))[gone] == 0, "it is offline")
            left = values(scrape(port))
            assert "emotion_edge_temperature_celsius{device=kiosk}" not in left
            assert "emotion_edge_faces{device=kiosk}" not in left
            assert left["emotion_edge_status{device=kiosk,status=stopped}"] == 1
            assert left["emotion_edge_status{device=kiosk,status=running}"] == 0
        finally:
            broker.kill()
            exporter.terminate()
        assert exporter.wait(PATIENCE_S) == 0
    v = values(text)
    assert [k for k in v if "device=dead" in k] == ["emotion_edge_online{device=dead}"]
    assert v["emotion_edge_online{device=kiosk}"] == 1
    assert v["emotion_edge_faces{device=kiosk}"] == 1
    assert v["emotion_edge_status{device=kiosk,status=running}"] == 1
    assert {k: x for k, x in v.items() if "edge_face_" in k} == {
        "emotion_edge_face_angle_degrees{angle=yaw,device=kiosk}": -20,
        "emotion_edge_face_eye_open_ratio{device=kiosk,eye=left}": 0.25,
        "emotion_edge_face_smile_ratio{device=kiosk}": 0,
    }
    condition = "emotion_edge_faces_in_condition{condition=%s,device=kiosk}"
    assert [v[condition % name] for name in ("attention", "drowsy")] == [1, 0]
    assert v["emotion_edge_alerts_total{alert=angry,device=kiosk}"] == 1
    assert v["emotion_edge_problem{device=kiosk,reason=broker_away}"] == 1
    assert v["emotion_edge_frames_total{device=kiosk}"] == 1500
    assert v["emotion_edge_temperature_celsius{device=kiosk}"] == 51.5
    assert v["emotion_edge_memory_bytes{device=kiosk}"] == 75e6
    assert v["emotion_edge_frame_latency_seconds{device=kiosk}"] == 0.0125
    assert v["emotion_edge_health_timestamp_seconds{device=kiosk}"] == 1795176000
    dashboard = json.loads((ROOT / "examples/grafana/dashboard.json").read_text())
    asked = [t["expr"] for panel in dashboard["panels"] for t in panel.get("targets", [])]
    wanted = {name for expr in asked for name in re.findall(r"\bemotion_edge_\w+", expr)}
    names = {name.partition("{")[0] for name in v}
    assert wanted and wanted <= names, f"the dashboard asks for {wanted - names}"
    tool = shutil.which("promtool")
    if tool is not None:  # Debian: prometheus
        done = subprocess.run(
            [tool, "check", "metrics"], input=text, text=True, capture_output=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_address_is_named() -> None:
    command = [sys.executable, "-m", "edge", "exporter", "--listen", "here:there"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 64
    allowed = "HOST:PORT, such as 127.0.0.1:9798"
    assert done.stderr == f"emotion-edge: --listen: got 'here:there'; allowed: {allowed}\n"
