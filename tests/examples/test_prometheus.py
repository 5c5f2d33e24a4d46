"""A real Prometheus scrapes the daemon's endpoint and answers what the dashboard asks."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.config_publish import Metrics
from edge.publish.metrics import MeteredPublisher
from tests.edge.publish.rig import WHO, change
from tests.edge.publish.test_metrics import HEALTH, Silent
from tests.waiting import PATIENCE_S, free_port, wait_until

EXAMPLES = Path(__file__).parents[2] / "examples/grafana"
PROMETHEUS = shutil.which("prometheus")
START_S = 300  # a minute was too short on a busy machine once


@contextmanager
def prometheus(folder: Path, target: int) -> Iterator[int]:
    """Run it with the example's configuration, but for target and interval; yield its port."""
    if PROMETHEUS is None:
        pytest.skip("prometheus is not installed (apt-get install prometheus)")
    text = (EXAMPLES / "prometheus.yml").read_text()
    text = text.replace("scrape_interval: 30s", "scrape_interval: 1s")
    text = text.replace('"kiosk-1:9797", "kiosk-2:9797"', f'"127.0.0.1:{target}"')
    (folder / "prometheus.yml").write_text(text)
    shutil.copy(EXAMPLES / "alerts.yml", folder)
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                PROMETHEUS,
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield port
    except BaseException:  # the test has failed: why?
        print(f"Prometheus has ended: {process.poll()}\n{(folder / 'log').read_text()[-5000:]}")
        raise
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def ask(port: int, query: str) -> list[Any]:
    """Return the result vector of a query, an empty one while the server is not ready.

    Fails the test if Prometheus does not understand the query.
    """
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as e:
        assert e.code == 503, f"{query}: {e.read().decode()}"
        return []
    except OSError:
        return []
    assert found["status"] == "success", query
    result: list[Any] = found["data"]["result"]
    return result


@pytest.mark.slow
def test_dashboard_has_something_to_show(tmp_path: Path) -> None:
    port = free_port()
    metered = MeteredPublisher(Silent(), WHO, Metrics(enabled=True, port=port))
    metered.health(HEALTH)
    metered.publish(change(0.0))
    try:
        with prometheus(tmp_path, port) as server:
            wait_until(
                lambda: ask(server, "count_over_time(up[5m]) >= 3"), "three scrapes", START_S
            )
            dashboard = json.loads((EXAMPLES / "dashboard.json").read_text())
            asked = [t["expr"] for p in dashboard["panels"] for t in p.get("targets", [])]
            # Nothing is throttled in HEALTH, so this one rightly shows nothing.
            nothing = 'emotion_edge_throttled{instance=~"$instance"} == 1'
            assert nothing in asked
            for query in asked:
                if query != nothing:
                    filled = query.replace("$instance", ".*").replace(" or vector(0)", "")
                    wait_until(lambda q=filled: ask(server, q), f"an answer to {query}")
            assert ask(server, nothing.replace("$instance", ".*")) == []
    finally:
        metered.close(0.1)


# A minute a sample: what a device says, and which alerts it must raise after ten of them.
RULES = """
rule_files: [alerts.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: '{series}', values: '{values}'}}
    alert_rule_test:
      - eval_time: 20m
        alertname: {alert}
        exp_alerts: [{expected}]
"""


@pytest.mark.parametrize(
    ("alert", "series", "bad", "good"),
    [
        ("DeviceAway", 'emotion_edge_online{instance="a"}', "0x30", "1x30"),
        ("DeviceAway", 'up{job="emotion-edge",instance="a"}', "0x30", "1x30"),
        ("CameraLost", 'emotion_edge_status{instance="a",status="camera_lost"}', "1x30", "0x30"),
        # Offline since the 15th minute: the exporter says nothing of its camera any more.
        (
            "CameraLost",
            'emotion_edge_status{instance="a",status="camera_lost"}',
            "1x30",
            "1x15 stale _x14",
        ),
        ("BrokerAway", 'emotion_edge_broker_connected{instance="a"}', "0x30", "1x30"),
        ("OutboxGrows", 'emotion_edge_outbox_oldest_age_seconds{instance="a"}', "700x30", "9x30"),
        ("EventsLost", 'emotion_edge_events_lost_total{instance="a"}', "0+1x30", "5x30"),
        ("PublishRefused", 'emotion_edge_publishes_refused_total{instance="a"}', "0+1x30", "5x30"),
        ("Hot", 'emotion_edge_temperature_celsius{instance="a"}', "80x30", "60x30"),
    ],
)
def test_alerts_are_raised_and_not_raised(
    tmp_path: Path, alert: str, series: str, bad: str, good: str
) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed (apt-get install prometheus)")
    shutil.copy(EXAMPLES / "alerts.yml", tmp_path)
    subprocess.run([tool, "check", "rules", tmp_path / "alerts.yml"], check=True)
    for values, raised in ((bad, True), (good, False)):
        text = RULES.format(series=series, values=values, alert=alert, expected="")
        (tmp_path / "test.yml").write_text(text)
        done = subprocess.run(
            [tool, "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True
        )
        assert (f'alertname="{alert}"' in done.stdout + done.stderr) is raised, done.stderr
        assert (done.returncode != 0) is raised
