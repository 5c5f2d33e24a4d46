"""`emotion-edge run`: the daemon."""

from __future__ import annotations

import argparse
import contextlib
import resource

from edge.commands.common import add_service_options, load_config


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "run", help="watch the configured camera and publish events until stopped"
    )
    add_service_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM, SIGINT, or the end of a file."""
    import faulthandler

    from edge.clock import SystemClock
    from edge.publish import open_publisher
    from edge.service import logs
    from edge.service.serve import fresh_rng, serve
    from edge.stages import Control

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold pictures and passwords
    config = load_config(args)
    logs.setup(config.log.level)
    with contextlib.suppress(ValueError, RuntimeError):  # started with standard error closed
        faulthandler.enable()  # the watchdog's SIGABRT then says where it hung
    clock, control, rng = SystemClock(), Control(), fresh_rng()
    serve(
        config,
        clock,
        control,
        rng,
        lambda identity: open_publisher(config, identity, clock, control, rng),
        load=lambda: load_config(args),
    )
    return 0
