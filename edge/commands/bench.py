"""`emotion-edge bench`: what the pipeline costs on this device, and which setting to change."""

from __future__ import annotations

import argparse
import os
import random

from edge.commands.common import add_config_options, load_config, service_environment
from edge.errors import NoInputError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "bench",
        help="measure the configured camera, or a clip, on this device; say what to change",
        description="Milliseconds a stage, processor load, latency, memory and temperature. A "
        "clip is run as fast as it goes, a camera at its own rate; nothing is published, and the "
        "budget does not slow anything down meanwhile.",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="a clip instead of the camera")
    parser.add_argument(
        "--seconds", type=_seconds, default=10.0, help="how long to measure (default: %(default)g)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    add_config_options(parser)
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"got {text!r}; allowed: 0.1 to 3600")
    return value


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    last = [f"camera.source={args.file}", "camera.every_frame=true"] if args.file else []
    nowhere = ["mqtt.host=", "output.stdout=off"]
    # The camera's address may be in the service's, with its password.
    env = os.environ if args.file else service_environment(args)
    config = load_config(args, last=[*last, "camera.loop=true", *nowhere], env=env)

    import msgspec

    from edge.build import build
    from edge.camera import is_live, open_camera
    from edge.clock import SystemClock
    from edge.health import HealthMonitor
    from edge.loop import run as run_loop
    from edge.publish import open_publisher
    from edge.service import logs
    from edge.service.stopper import Stopper
    from edge.stages import Control
    from edge.tools.bench import Meter
    from edge.tools.bench_report import table

    logs.setup(config.log.level)
    clock, control, rng = SystemClock(), Control(), random.Random(0)
    camera = open_camera(config.camera, clock, rng)
    meter = Meter(
        camera,
        clock,
        control,
        live=is_live(config.camera),
        seconds=args.seconds,
        patience_s=config.camera.open_timeout_s + config.camera.stall_s,
    )
    try:
        p = build(
            config,
            clock,
            control,
            rng,
            boot_id="bench",
            publisher=lambda identity: open_publisher(config, identity, clock, control, rng),
            camera=meter,
            observers=[meter],
        )
        meter.attach(p)
        health = HealthMonitor(meter, p.publisher, clock, config.output.health_s)
        with Stopper(control, camera.close):
            run_loop(p, clock, control, health)
    finally:
        camera.close()
    report = meter.report(config)
    if report is None:
        raise NoInputError(f"{config.camera.source}: too few frames came to measure anything")
    print(msgspec.json.format(msgspec.json.encode(report)).decode() if args.json else table(report))
    return 0
