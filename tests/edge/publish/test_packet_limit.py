"""A broker that takes no packet as large as some of ours."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest

from edge.configfile import effective
from edge.contract import encode
from edge.publish import packet_limit, traffic
from edge.publish.packet_limit import PacketLimit, publish_bytes
from tests import broker as brokers
from tests.broker import running, subscribed
from tests.edge.publish.rig import NEVER_STEADY, WHO, change, config, publishing
from tests.waiting import wait_until

BOUND = 1800  # bytes: an event fits, `info` with the configuration in it does not
WITH_CONFIG = dataclasses.replace(WHO, config=effective(config(1883)))


def test_sizes_are_those_of_the_standard() -> None:
    # MQTT 5, 2.1.4: the remaining length takes a byte up to 127, two up to 16,383.
    assert publish_bytes("a", b"x" * (127 - 6)) == 2 + 127
    assert publish_bytes("a", b"x" * (128 - 6)) == 3 + 128
    assert publish_bytes("ä", b"x" * (16_384 - 7)) == 4 + 16_384


def test_a_limit_that_was_learnt_is_forgotten_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(packet_limit.time, "monotonic", lambda: now[0])
    limit = PacketLimit()
    limit.connected(None)
    payload = bytes(500)
    limit.sent(1, "info", payload)
    limit.disconnected()
    assert limit.suspicious
    limit.learn(limit.unanswered)
    assert not limit.fits("info", "info", payload, "it is not sent")
    assert limit.fits("state", "state", bytes(400), "it is not sent")
    assert limit.exceeded
    now[0] += packet_limit.LEARNT_S
    assert limit.fits("info", "info", payload, "it is not sent")
    assert not limit.exceeded
    limit.sent(2, "info", payload)
    limit.answered(2)
    limit.sent(3, "info", payload)
    limit.disconnected()
    assert not limit.suspicious  # one as large was answered


@pytest.mark.faults
@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_what_is_too_large_is_named_and_not_sent_and_the_rest_arrives(
    version: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert len(encode(WITH_CONFIG.info("2026-01-01T00:00:00Z"))) > BOUND
    with (
        running(tmp_path / "b", [*brokers.OPEN, f"max_packet_size {BOUND}"]) as b,
        subscribed(b) as s,
        publishing(
            b.port, tmp_path / "o.db", who=WITH_CONFIG, waits=NEVER_STEADY, mqtt__version=version
        ) as p,
    ):
        for _ in range(3):
            p.publish(change(time.monotonic()))
        wait_until(lambda: set(s.seqs()) == {1, 2, 3}, "every event")
        wait_until(lambda: p.stats().problems == ("packet_too_large",), "online, and said")
        wait_until(lambda: p.stats().depth == 0, "all is acknowledged")
        assert s.on("info") == []
        assert p.stats().refused > 0
        warnings = [r.message for r in caplog.records if r.levelname == "WARNING"]
        assert sum("kiosk/info: a packet of" in w for w in warnings) == 1
        assert "same client id" not in caplog.text
        if version == "5":  # the broker says what it takes when it answers CONNECT
            assert len(warnings) == 1
            assert "trying again" not in caplog.text
        else:
            assert sum("the broker hangs up on a packet of" in w for w in warnings) == 1


@pytest.mark.faults
def test_events_too_large_are_kept_until_the_broker_takes_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "REFUSED_FIRST_S", 0.1)
    monkeypatch.setattr(traffic, "REFUSED_MOST_S", 0.2)
    with running(tmp_path / "b", [*brokers.OPEN, "max_packet_size 400"]) as b:
        with publishing(b.port, tmp_path / "o.db", close_s=0.5) as p:
            for _ in range(3):
                p.publish(change(time.monotonic()))
            wait_until(lambda: p.stats().refused >= 3, "looked at again and again")
            assert p.stats().problems == ("packet_too_large",)
            assert (p.stats().depth, p.stats().lost) == (3, 0)
        said = [r for r in caplog.records if "kiosk/event: a packet of" in r.message]
        assert sum(r.levelname == "WARNING" for r in said) == 1
    with (
        running(tmp_path / "c") as b,
        subscribed(b) as s,
        publishing(b.port, tmp_path / "o.db") as p,
    ):
        wait_until(lambda: s.seqs() == [1, 2, 3], "each once, in order")
        wait_until(lambda: p.stats().problems == (), "nothing is wrong any more")
