"""TLS, with certificates that are good and bad."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.errors import UnavailableError
from edge.publish import probe_broker
from tests import broker as brokers
from tests.broker import running
from tests.certificates import Authority
from tests.edge.publish.rig import change, config, publishing
from tests.waiting import wait_until

pytestmark = pytest.mark.faults


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[brokers.Broker, Authority]]:
    """A broker with TLS that asks for client certificates."""
    authority = Authority(tmp_path)
    server = authority.issue("server")
    settings = [
        "allow_anonymous true",
        f"cafile {authority.file}",
        f"certfile {server.cert}",
        f"keyfile {server.key}",
        "require_certificate true",
    ]
    with running(tmp_path / "b", settings) as b:
        yield b, authority


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_tls_with_a_client_certificate(tls, version: str) -> None:
    b, authority = tls
    kiosk = authority.issue("kiosk")
    keys = {
        "mqtt__tls": True,
        "mqtt__ca_file": authority.file,
        "mqtt__cert_file": kiosk.cert,
        "mqtt__key_file": kiosk.key,
        "mqtt__version": version,
    }
    assert "TLSv1.3, certificate verified" in probe_broker(config(b.port, **keys))
    with publishing(b.port, **keys) as p:
        for _ in range(300):
            p.publish(change(time.monotonic()))
        wait_until(lambda: p.stats().problems == (), "it is online")
        wait_until(lambda: p.stats().depth == 0, "all is acknowledged")


def test_tls_that_cannot_be(tls, tmp_path: Path) -> None:
    b, authority = tls
    kiosk = authority.issue("kiosk")
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other", "stranger")
    intruder = stranger.issue("intruder")
    good = {
        "mqtt__tls": True,
        "mqtt__ca_file": authority.file,
        "mqtt__cert_file": kiosk.cert,
        "mqtt__key_file": kiosk.key,
    }

    def probe(**more: object) -> str:
        with pytest.raises(UnavailableError) as e:
            probe_broker(config(b.port, **{**good, **more}))
        return str(e.value)

    assert "unknown authority; name it in mqtt.ca_file" in probe(mqtt__ca_file=stranger.file)
    theirs = {"mqtt__cert_file": intruder.cert, "mqtt__key_file": intruder.key}
    assert "closed the connection before it answered; does it ask" in probe(**theirs)
    without = probe(mqtt__cert_file="", mqtt__key_file="")
    assert "does it ask for a client certificate?" in without
    with pytest.raises(UnavailableError, match="is this its TLS port"):
        probe_broker(config(b.port))


@pytest.mark.parametrize(
    ("issue", "says"),
    [
        ({"expired": True}, "the broker's certificate has expired"),
        ({"hosts": False}, "the broker's certificate is for another"),
    ],
)
def test_tls_of_a_broker_with_a_bad_certificate(
    tmp_path: Path, issue: dict[str, bool], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    server = authority.issue("server", **issue)
    settings = ["allow_anonymous true", f"certfile {server.cert}", f"keyfile {server.key}"]
    with running(tmp_path / "b", settings) as b:
        keys = {"mqtt__tls": True, "mqtt__ca_file": authority.file}
        with pytest.raises(UnavailableError, match=says):
            probe_broker(config(b.port, **keys))
        with publishing(b.port, **keys) as p:
            wait_until(lambda: says in caplog.text, "the reason in the log")
            p.publish(change(time.monotonic()))
            wait_until(lambda: p.stats().depth == 1, "it is kept")
            wait_until(lambda: "broker_refused" in p.stats().problems, "it is said")
