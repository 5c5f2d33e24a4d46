"""`emotion-edge demo`: a real face through the real pipeline, without a camera or a broker."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge.commands.common import add_config_options
from edge.errors import UsageError

if TYPE_CHECKING:
    from edge.config import Config
    from edge.contract import Event, Health
    from edge.messages import Estimate, PipelineEvent, Status
    from edge.publish import Identity
    from edge.stages import OutboxStats, Publisher

# NASA portrait of Eileen Collins, public domain; made by scripts/make-demo-clip.
CLIP = Path(__file__).resolve().parent.parent / "demo" / "astronaut.mp4"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo", help="show events of a real face from a clip that comes with the program"
    )
    parser.add_argument(
        "--broker", metavar="HOST[:PORT]", help="publish to this broker as well, as device 'demo'"
    )
    parser.add_argument("--json", action="store_true", help="events as JSON Lines")
    parser.add_argument("--loop", action="store_true", help="until Ctrl-C")
    add_config_options(parser, "none: that of a service on this machine is not read")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play the clip through the pipeline and show what it publishes.

    Raises:
        UsageError: a broker without a host, which would be none.
    """
    from edge.config_rules import without_login

    # A device with a service on it stays out of this: its broker, its name, its turned camera.
    sets = ["mqtt.host=", "device.name=demo", f"camera.source={CLIP}", "camera.rotate=0"]
    sets += ["outbox.path=memory", "log.level=warning"]
    sets += ["camera.loop=true"] if args.loop else []
    if args.broker is not None:
        host, _, port = args.broker.partition(":")
        if not host.strip():
            raise UsageError(
                f"--broker: got {without_login(args.broker)!r}; allowed: HOST or HOST:PORT"
            )
        sets += [f"mqtt.host={host}", f"mqtt.port={port or 1883}", "output.stdout=off"]

    from edge.clock import SystemClock
    from edge.configfile import load
    from edge.publish import open_publisher
    from edge.publish.event_builder import EventBuilder
    from edge.publish.jsonl import EventsOnly
    from edge.service import logs
    from edge.service.serve import fresh_rng, serve
    from edge.stages import Control

    config = load(args.config, os.environ, [*sets, *args.sets])
    logs.setup(config.log.level)
    clock, control, rng = SystemClock(), Control(), fresh_rng()
    beside: list[Publisher] = []  # the broker

    def publisher(identity: Identity) -> Publisher:
        screen = _Screen(identity.model.labels, clock.now(), as_json=args.json)
        lines = EventsOnly(EventBuilder(identity, clock, rng), screen.show)
        if not config.mqtt.host:
            return lines
        beside.append(open_publisher(config, identity, clock, control, rng))
        return _Both(beside[0], lines)

    if not args.json:
        _say("A clip with a face in it, played through the pipeline. No camera, no network.")
    shown = serve(config, clock, control, rng, publisher)
    if not args.json:
        what = f"published to {args.broker}" if args.broker else "with --json: what is published"
        if beside and (left := beside[0].stats().depth):
            what = f"{args.broker or config.mqtt.host} has not taken {left} of the events"
        _say(f"{shown} frames. Next: emotion-edge run --set camera.source=0; {what}.")
    return 0


def _say(text: str) -> None:
    print(text, flush=True)


class _Screen:
    """Prints events."""

    def __init__(self, labels: Sequence[str], started: float, *, as_json: bool) -> None:
        from edge.tools.screen import header

        self._started = started
        self._as_json = as_json
        if not as_json:
            _say(header(labels))

    def show(self, event: Event) -> None:
        from edge.tools.replay import line
        from edge.tools.screen import pretty

        if self._as_json:
            sys.stdout.write(line(event))
            sys.stdout.flush()
        else:
            t = event.data.uptime_s - self._started
            _say(pretty(event, t, colour=sys.stdout.isatty()))


class _Both:
    """The broker, and beside it the screen."""

    def __init__(self, broker: Publisher, screen: Publisher) -> None:
        self._broker = broker
        self._screen = screen

    def configure(self, config: Config, /) -> None:
        self._broker.configure(config)

    def publish(self, event: PipelineEvent, /) -> None:
        self._broker.publish(event)
        self._screen.publish(event)

    def state(self, t: float, estimates: Sequence[Estimate], status: Status, /) -> None:
        self._broker.state(t, estimates, status)

    def health(self, health: Health, /) -> None:
        self._broker.health(health)

    def stats(self) -> OutboxStats:
        return self._broker.stats()

    def close(self, timeout_s: float, /) -> None:
        self._broker.close(timeout_s)
