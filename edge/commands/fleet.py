"""`emotion-edge fleet`: every device of a broker on one line, and an exit code for monitoring."""

from __future__ import annotations

import argparse
import math
import time
from typing import TYPE_CHECKING

from edge.commands.watch import add_broker_options, broker
from edge.errors import NoInputError, UnavailableError, UsageError

if TYPE_CHECKING:
    from edge.client import Device
    from edge.config import Config

WELL, PROBLEMS = 0, 1
CONNECT_S = 10.0
SETTLE_S = 1.0  # without a retained message: that was all


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser(
        "fleet",
        help="show version, health and outbox of every device on a broker",
        description="Exit code 0: all is well; 1: a device is offline or has a problem, or there "
        "is none; 69: the broker is away.",
    )
    add_broker_options(p)
    p.add_argument("--json", action="store_true", help="one JSON line a device")
    p.add_argument(
        "--expect", default="", metavar="NAME,...", help="devices that must be there at least"
    )
    p.add_argument("--tag", default="", help="only devices that have it in device.tags")
    p.add_argument(
        "--max-age",
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="an older health message is a problem (default: %(default)g)",
    )
    p.add_argument(
        "--wait",
        type=float,
        default=15.0,
        metavar="SECONDS",
        help="longest time to listen (default: %(default)g); ends sooner when all have spoken",
    )
    p.add_argument(
        "--forget",
        default="",
        metavar="NAME",
        help="remove what a device that is gone for good has left on the broker",
    )
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Listen for a moment, print, and judge.

    Raises:
        UnavailableError: the broker is away or refuses.
        NoInputError: there is nothing to forget.
        ConfigError: a file that was named cannot be used.
        UsageError: a value makes no sense.
    """
    from edge.client import Client, fleet
    from edge.client.inventory import RETAINED
    from edge.config import Config
    from edge.contract import encode
    from edge.publish.probe import retain_once

    mqtt = broker(args)
    for option, seconds in (("--wait", args.wait), ("--max-age", args.max_age)):
        if not 0 < seconds < math.inf:
            raise UsageError(f"{option}: got {seconds:g}; allowed: more than 0")
    if set(args.forget) & set("/+#"):
        raise UsageError(f"--forget: got {args.forget!r}; allowed: the name of a device")
    with Client.to(mqtt) as client:
        client.wait_connected(CONNECT_S, first_try=True)
        client.wait_retained(settle_s=SETTLE_S, most_s=args.wait)
        devices = client.devices
    if args.forget:
        # First: `info`, which is gone afterwards, says where.
        _take_back(Config(mqtt=mqtt), args.forget, devices.get(args.forget))
        for name in RETAINED:
            retain_once(Config(mqtt=mqtt), f"{mqtt.base}/{args.forget}/{name}", b"")
        if args.forget not in devices:
            raise NoInputError(f"--forget: got {args.forget!r}, which has left nothing there")
        print(f"removed what {args.forget} has left on the broker")
        return WELL
    expected = [name.strip() for name in args.expect.split(",") if name.strip()]
    found = fleet.rows(devices.values(), expected, time.time(), args.max_age)
    if args.tag:
        found = [row for row in found if args.tag in row.tags or row.device in expected]
    for line in [encode(row).decode() for row in found] if args.json else fleet.table(found):
        print(line)
    return WELL if found and not any(row.problems for row in found) else PROBLEMS


def _take_back(config: Config, name: str, device: Device | None) -> None:
    """Remove what a device has announced to Home Assistant, or might have.

    Raises:
        UnavailableError: the broker refuses, of a device that announces itself.
    """
    from edge.publish.discovery import announced_at
    from edge.publish.probe import retain_once

    section = device.info.config.get("homeassistant") if device and device.info else None
    told = section if isinstance(section, dict) else {}
    prefix = told.get("prefix")
    if not isinstance(prefix, str) or not prefix or set(prefix) & set("+#\0"):
        prefix = config.homeassistant.prefix
    try:
        retain_once(config, announced_at(prefix, config.mqtt.base, name), b"")
    except UnavailableError:
        if told.get("enabled") is True:  # others may have no login for it, and need none
            raise
