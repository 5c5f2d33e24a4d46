"""What leaves the device: events, state and health over MQTT, or events on standard output."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path

from edge.config import Config
from edge.errors import ConfigError
from edge.publish.event_builder import EventBuilder
from edge.publish.identity import Identity, read_boot_id
from edge.publish.jsonl import JsonLines, StandardOutput
from edge.publish.mqtt import MqttPublisher
from edge.publish.probe import probe_broker
from edge.stages import Clock, Control, Publisher

BESIDE = ("-wal", "-journal", "-counters")  # ends of the names of files that go with an outbox

__all__ = ["Identity", "open_publisher", "outbox_path", "probe_broker", "read_boot_id"]


def open_publisher(
    config: Config, identity: Identity, clock: Clock, control: Control, rng: random.Random
) -> Publisher:
    """Return the publisher that the configuration asks for; never waits for a broker.

    Args:
        config: the sections mqtt, outbox and output.
        identity: who speaks.
        clock: stamps events.
        control: set by requests, and by a standard output that was closed.
        rng: of event ids and of back-off; seeded, a replay is the same again.

    Raises:
        ConfigError: a password file, key or certificate cannot be used.
    """
    if not config.mqtt.host:
        return StandardOutput(EventBuilder(identity, clock, rng), JsonLines(control), config)
    return MqttPublisher(
        config,
        identity,
        clock,
        control,
        rng,
        outbox_path(config.outbox.path),
    )


def outbox_path(configured: str, env: Mapping[str, str] = os.environ) -> Path | None:
    """Return where the outbox is; None: in memory.

    Raises:
        ConfigError: the path is taken by something that is not a file; opening a FIFO would hang.
    """
    if configured == "memory":
        return None
    if configured:
        path = Path(configured)
        for name in (
            path,
            *(path.with_name(path.name + end) for end in ("-wal", "-journal", "-counters")),
        ):
            if name.exists() and not name.is_file():
                raise ConfigError(f"outbox.path: {name}: not a regular file; allowed: a file")
        return path
    state = env.get("STATE_DIRECTORY", "").split(":")[0]  # systemd.exec(5); may name several
    return Path(state) / "outbox.db" if state else None
