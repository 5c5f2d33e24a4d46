"""`emotion-edge dashboard`: a page with all devices of a broker, for subscribers."""

from __future__ import annotations

import argparse

from edge.commands.preview import add_web_options, needs_web
from edge.commands.report import (
    K,
    add_reading_options,
    add_store_option,
    check_few,
    named_history,
    open_history,
)
from edge.commands.watch import add_broker_options, broker
from edge.errors import UsageError

PORT = 8643
MAX_MINUTES = 120.0


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser(
        "dashboard",
        help="show the devices and faces on a broker as a page in the browser",
        description="A page with every device on a broker: who is online, what each sees, what "
        "it saw over the last minutes, alerts and health. It holds no pictures: there are none. "
        "With a history (--store) it has a second page: today and the last weeks. Needs the extra "
        "[web], and [history] for that.",
    )
    add_broker_options(p)
    add_web_options(p, PORT)
    p.add_argument(
        "--minutes",
        type=float,
        default=10.0,
        help="length of the timeline (default: %(default)g)",
    )
    add_store_option(p)
    add_reading_options(p)
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT.

    Raises:
        UsageError: an option makes no sense.
        ConfigError: a file that was named cannot be used.
        UnavailableError: the address is taken, or the extra is not installed. A broker that is
            away is waited for.
    """
    if not 0 < args.minutes <= MAX_MINUTES:
        raise UsageError(
            f"--minutes: got {args.minutes:g}; allowed: more than 0, up to {MAX_MINUTES:g}"
        )
    check_few(args.few)
    needs_web()

    import logging
    import time

    from edge.client import Client, Device, Message
    from edge.config_publish import Mqtt
    from edge.report.period import zone as zone_of
    from edge.service import logs
    from edge.service.stopper import stop_signal
    from edge.web.dashboard import TICK_S, DashboardHub
    from edge.web.devices import Devices
    from edge.web.listen import parse
    from edge.web.server import WebServer

    logs.setup("info")
    log = logging.getLogger(__name__)
    mqtt = broker(args)
    listen = parse(args.listen, PORT, args.token_file)
    keep_s = 60 * args.minutes
    devices = Devices(keep_s)

    def heard(message: Message, device: Device | None) -> None:
        devices.message(message, device, time.time())

    client = Client.to(mqtt, listener=heard)
    title = f"Emotions on {mqtt.host}" + (f":{args.port}" if args.port else "")
    if mqtt.base != Mqtt().base:
        title += f", {mqtt.base}/"
    if not named_history(args):
        for option, given in (("--zone", args.zone is not None), ("--few", args.few != K)):
            if given:
                raise UsageError(f"{option}: is for the history's page; allowed: with --store")
    pages, store = [], None
    if named_history(args):
        from edge.web.history import History, HistoryPage

        store = open_history(args)
        zone, zone_name = zone_of(args.zone)
        history = History(store, zone, zone_name, args.few)
        pages = [(r"/history", HistoryPage, {"history": history})]
    hub = DashboardHub(client, devices, title, keep_s, history=store is not None)
    wait = stop_signal()
    with client:  # what is wrong with files and options is said before the page is there
        server = WebServer(listen, "dashboard.html", hub, TICK_S, pages)
        server.start()
        print(f"The dashboard is at {server.url}", flush=True)
        try:
            wait()
            log.info("stopping")
        finally:
            server.stop()
            if store is not None:
                store.close()
    return 0
