"""`emotion-edge exporter`: metrics of every device on a broker, for Prometheus."""

from __future__ import annotations

import argparse

from edge.commands.watch import add_broker_options, broker
from edge.errors import UnavailableError

PORT = 9798


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser(
        "exporter",
        help="serve metrics of every device on a broker to Prometheus",
        description="One endpoint beside the broker instead of one on each device: what the "
        "devices publish, as metrics with a label `device`. A broker that is away is waited for. "
        "Needs the extra [metrics].",
    )
    add_broker_options(p)
    p.add_argument(
        "--listen",
        default=f"127.0.0.1:{PORT}",
        metavar="HOST:PORT",
        help="where to serve /metrics (default: %(default)s); there is no login",
    )
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT.

    Raises:
        UsageError: an option makes no sense.
        ConfigError: a file that was named cannot be used.
        UnavailableError: the address is taken, or the extra is not installed.
    """
    from edge.service import logs
    from edge.service.stopper import stop_signal
    from edge.web.listen import parse

    listen = parse(args.listen, PORT, None)
    mqtt = broker(args)

    try:
        from prometheus_client import CollectorRegistry
        from prometheus_client.process_collector import ProcessCollector

        from edge.client.exporter import FleetCollector
        from edge.publish.metrics_server import MetricsServer
    except ImportError as e:
        raise UnavailableError(
            f"exporter: {e.name} is missing: pip install 'emotion-edge[metrics]'"
        ) from e

    logs.setup("info")
    collector = FleetCollector(mqtt)
    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(registry=registry)
    wait = stop_signal()
    with collector.client:
        server = MetricsServer(registry, listen.host, listen.port)
        print(f"Metrics are at {server.url}", flush=True)
        wait()
        server.close()
    return 0
