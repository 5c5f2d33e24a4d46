"""`emotion-edge preview`: a local page with the live picture, for whoever mounts the camera."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.commands.common import add_config_options, config_path, load_config, service_environment
from edge.errors import UsageError

PORT = 8642
MAX_MINUTES = 24 * 60.0


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser(
        "preview",
        help="show the live picture with what is seen in it, on a local page that ends by itself",
        description="For aiming a camera: a page with the live picture, boxes, scores, and "
        "settings that act at once. Nothing is published or stored. The camera must be free: stop "
        "the service first. Needs the extra [web].",
    )
    add_web_options(p, PORT, open_here=False)
    p.add_argument(
        "--minutes",
        type=float,
        default=10.0,
        help="stop by itself after so long (default: %(default)g)",
    )
    p.add_argument(
        "--pictures",
        type=float,
        default=12.0,
        metavar="RATE",
        help="most pictures a second (default: %(default)g)",
    )
    add_config_options(p)
    p.set_defaults(run=run)


def add_web_options(p: argparse.ArgumentParser, port: int, *, open_here: bool = True) -> None:
    """Add `--listen` and `--token-file`; `open_here`: loopback asks for no token."""
    asked = "other than loopback, " if open_here else ""
    p.add_argument(
        "--listen",
        default=f"127.0.0.1:{port}",
        metavar="HOST:PORT",
        help=f"where to serve the page (default: %(default)s); {asked}a random token in the "
        "address is asked for",
    )
    p.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="ask for the token in this file instead" + (", on loopback too" if open_here else ""),
    )


def run(args: argparse.Namespace) -> int:
    """Serve until the time is up, SIGTERM or SIGINT.

    Raises:
        UsageError: an option makes no sense.
        UnavailableError: the extra is not installed, or the address is taken.
        EdgeError: camera, model or configuration, as with `run`.
    """
    if not 0 < args.minutes <= MAX_MINUTES:
        raise UsageError(
            f"--minutes: got {args.minutes:g}; allowed: more than 0, up to {MAX_MINUTES:g}"
        )
    if not 0 < args.pictures <= 60:
        raise UsageError(f"--pictures: got {args.pictures:g}; allowed: more than 0, up to 60")
    needs_web()

    import os
    import random

    from edge.clock import SystemClock
    from edge.service import logs
    from edge.service.stopper import Stopper
    from edge.stages import Control
    from edge.web.listen import parse
    from edge.web.preview import TICK_S, Preview, PreviewHub
    from edge.web.server import WebServer
    from edge.web.tuning import Tuning

    listen = parse(args.listen, PORT, args.token_file, open_here=False)
    env = service_environment(args)  # the camera's address may be there, with its password
    tuning = Tuning(lambda last: load_config(args, last=last, env=env))
    logs.setup(tuning.config.log.level)
    clock, control = SystemClock(), Control()
    rng = random.Random(os.urandom(16))

    def stop() -> None:
        control.stopping = True
        preview.camera.close()

    hub = PreviewHub(clock, clock.now() + 60 * args.minutes, stop)
    preview = Preview(tuning, config_path(args), hub, clock, control, rng, args.pictures)
    server: WebServer | None = None
    try:
        pipeline = preview.load()
        server = WebServer(listen, "preview.html", hub, TICK_S)
        server.start()
        print(f"Live pictures of the camera are shown at {server.url}")
        if not listen.loopback:
            print("Anybody on the way there can read them: they are not encrypted.")
        print(f"This ends by itself in {args.minutes:g} minutes, or with Ctrl-C.", flush=True)
        with Stopper(control, preview.camera.close):
            preview.run(pipeline)
    finally:
        preview.camera.close()
        if server is not None:
            server.stop('{"kind": "stopped"}')
    print("No pictures are shown any more.", flush=True)
    return 0


def needs_web() -> None:
    """Check that what the pages need is installed.

    Raises:
        UnavailableError: it is not.
    """
    import importlib.util

    from edge.errors import UnavailableError

    if importlib.util.find_spec("tornado") is None:
        raise UnavailableError(
            "the pages need Tornado, which is not installed: pip install 'emotion-edge[web]'"
        )
