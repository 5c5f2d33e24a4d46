"""`emotion-edge watch`: the devices and faces on a broker."""

from __future__ import annotations

import argparse
import signal
from typing import TYPE_CHECKING

from edge.errors import UsageError

if TYPE_CHECKING:
    from edge.config_publish import Mqtt


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `watch`."""
    p = commands.add_parser("watch", help="show the devices and faces on a broker")
    add_broker_options(p)
    p.add_argument("--json", action="store_true", help="one JSON line a message")
    p.set_defaults(run=run)


def add_broker_options(p: argparse.ArgumentParser) -> None:
    """Add the options that name a broker and say how to log in."""
    p.add_argument("--host", default="localhost", help="broker (default: %(default)s)")
    p.add_argument("--port", type=int, help="default: 1883, or 8883 with --tls")
    p.add_argument("--base", default="emotion", help="first part of the topics")
    p.add_argument("--tls", action="store_true", help="encrypt, and verify the broker")
    p.add_argument("--ca", default="", metavar="FILE", help="certificates to trust; implies --tls")
    p.add_argument(
        "--cert", default="", metavar="FILE", help="our own certificate, with --key; implies --tls"
    )
    p.add_argument("--key", default="", metavar="FILE", help="its private key")
    p.add_argument("--username", default="")
    p.add_argument("--password-file", default="", metavar="FILE")


def broker(args: argparse.Namespace) -> Mqtt:
    """Return the broker of these options.

    Raises:
        UsageError: a value makes no sense.
    """
    from edge.config_publish import Mqtt
    from edge.config_rules import no_host, without_login

    login = "--username and --password-file"
    hint = no_host(args.host, port="--port", tls="--tls", login=login)
    if hint or not args.host:
        words = f"allowed: a name or an address alone{'; ' if hint else ''}{hint}"
        raise UsageError(f"--host: got {without_login(args.host)!r}; {words}")
    if bool(args.cert) != bool(args.key):
        raise UsageError("--cert, --key: got one of them; allowed: both or none")
    tls = bool(args.tls or args.ca or args.cert)
    port = args.port if args.port is not None else (8883 if tls else 1883)
    if not 1 <= port <= 65535:
        raise UsageError(f"--port: got {port}; allowed: 1 to 65535")
    if not args.base or set(args.base) & set("+#"):
        raise UsageError(f"--base: got {args.base!r}; allowed: a topic without '+' and '#'")
    return Mqtt(
        host=args.host,
        port=port,
        base=args.base,
        username=args.username,
        password_file=args.password_file,
        tls=tls,
        ca_file=args.ca,
        cert_file=args.cert,
        key_file=args.key,
    )


def run(args: argparse.Namespace) -> int:
    """Show messages until interrupted.

    Raises:
        UnavailableError: the broker is not there at first.
        ConfigError: a file that was named cannot be used.
        UsageError: a value makes no sense.
    """
    from edge.client import watch  # not before it is needed: paho is slow to load

    mqtt = broker(args)
    view: watch.View = (
        watch.JsonView()
        if args.json
        else watch.TableView(f"{args.base} on {mqtt.host}:{mqtt.port}")
    )
    # Not KeyboardInterrupt: raised inside a queue, it may leave its lock held.
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda n, _: asked.append(n))
    watch.watch(mqtt, view, lambda: bool(asked))
    return 0
