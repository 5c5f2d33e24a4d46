"""Events as lines on standard output."""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
from pathlib import Path

import pytest

from edge.configfile import load
from edge.publish import open_publisher, outbox_path
from edge.publish.event_builder import EventBuilder
from edge.publish.jsonl import WAITING_MOST, EventsOnly, JsonLines, LinesAside
from edge.stages import Control
from tests.edge.publish.rig import WHO, change
from tests.fakes import FakeClock
from tests.waiting import PATIENCE_S


def to(lines: JsonLines) -> EventsOnly:
    return EventsOnly(EventBuilder(WHO, FakeClock(), random.Random(1)), lines.event)


def test_one_line_an_event_at_once_numbered_from_one() -> None:
    read, write = os.pipe()
    with os.fdopen(write, "wb") as stream, os.fdopen(read) as lines:
        publisher = to(JsonLines(Control(), stream))
        for n in (1, 2, 3):
            publisher.publish(change(1000.0))
            event = json.loads(lines.readline())  # flushed, or this would wait for ever
            assert event["specversion"] == "1.0"
            assert event["data"]["seq"] == n
        publisher.close(1.0)


def test_a_reader_that_goes_away_ends_the_program_quietly() -> None:
    read, write = os.pipe()
    control = Control()
    publisher = to(JsonLines(control, os.fdopen(write, "wb")))
    publisher.publish(change(1000.0))
    assert not control.stopping
    os.close(read)
    publisher.publish(change(1000.0))
    publisher.publish(change(1000.0))
    assert control.stopping


def test_a_full_device_ends_the_program_with_a_reason() -> None:
    control = Control()
    with contextlib.suppress(OSError), Path("/dev/full").open("wb") as full:
        JsonLines(control, full).write(b"x")
    assert control.stopping
    assert str(control.failure) == "standard output: No space left on device"
    assert control.failure.exit_code == 74


@pytest.mark.parametrize("how", ["full", "gone"])
def test_beside_a_broker_the_lines_are_dropped_and_the_daemon_goes_on(how: str, caplog) -> None:
    control = Control()
    if how == "full":
        stream = os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb")
    else:
        read, write = os.pipe()
        os.close(read)
        stream = os.fdopen(write, "wb")
    lines = JsonLines(control, stream, alone=False)
    for _ in range(3):
        lines.write(b"x")
    assert (control.stopping, control.failure) == (False, None)
    assert caplog.text.count("events go to the broker only") == 1


def test_a_reader_that_stalls_stalls_nobody_else(caplog) -> None:
    read, write = os.pipe()
    stream = os.fdopen(write, "wb")
    aside = LinesAside(JsonLines(Control(), stream))
    for _ in range(2 * WAITING_MOST):
        aside.write(b"x" * 1000)  # far more than a pipe holds; would block if it could
    assert caplog.text.count("its reader stalls") == 1
    with os.fdopen(read, "rb") as lines:
        assert len(lines.readline()) == 1001  # and what the reader takes is whole
    aside.close(PATIENCE_S)  # the reader is gone: the thread ends
    assert not [t for t in threading.enumerate() if t.name == "stdout"]


def test_standard_output_is_the_default_without_a_broker_and_can_be_off() -> None:
    def kind(*sets: str) -> str:
        config = load(None, {}, sets)
        p = open_publisher(config, WHO, FakeClock(), Control(), random.Random(1))
        p.close(0.1)
        return type(p).__name__

    assert kind() == "StandardOutput"
    assert kind("mqtt.host=127.0.0.1", "mqtt.port=1", "outbox.path=memory") == "MqttPublisher"


def test_off_means_nothing_is_written(capfdbinary) -> None:
    config = load(None, {}, ["output.stdout=off"])
    p = open_publisher(config, WHO, FakeClock(), Control(), random.Random(1))
    p.publish(change(1000.0))
    assert capfdbinary.readouterr().out == b""


def test_where_the_outbox_is() -> None:
    assert outbox_path("", {}) is None
    assert outbox_path("", {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}) == Path(
        "/var/lib/a/outbox.db"
    )
    assert outbox_path("memory", {"STATE_DIRECTORY": "/var/lib/a"}) is None
    assert outbox_path("/x/y.db", {"STATE_DIRECTORY": "/var/lib/a"}) == Path("/x/y.db")
