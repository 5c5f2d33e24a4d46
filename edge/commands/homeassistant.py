"""`emotion-edge homeassistant`: what is announced to Home Assistant, and how to take it back."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from edge.commands.common import add_service_options, load_as_service
from edge.errors import UsageError

if TYPE_CHECKING:
    from edge.config import Config
    from edge.contract import ModelInfo
    from edge.publish import Identity


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "homeassistant",
        help="print the discovery message for Home Assistant, or remove the device there",
        description="The daemon sends the message where [homeassistant] enabled = true.",
    )
    parser.add_argument(
        "--remove", action="store_true", help="take the announcement back from the broker"
    )
    add_service_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print or remove.

    Raises:
        ConfigError: the configuration or the model is wrong.
        UnavailableError: the broker is not there, or refuses.
        UsageError: there is no broker to remove it from.
    """
    from edge.publish.discovery import discovery
    from edge.publish.probe import retain_once

    config, _ = load_as_service(args)
    found = discovery(_identity(config), config.homeassistant.prefix)
    if not args.remove:
        print(json.dumps({found.topic: json.loads(found.payload)}, indent=2, ensure_ascii=False))
        return 0
    if not config.mqtt.host:
        raise UsageError("mqtt.host: got ''; allowed: the broker to remove the device from")
    retain_once(config, found.topic, b"")
    print(f"removed: {found.topic}")
    if config.homeassistant.enabled:
        print(
            "homeassistant.enabled is still true: the daemon will announce it again",
            file=sys.stderr,
        )
    return 0


def _identity(config: Config) -> Identity:
    """Who the daemon would be; reads the models' manifests but does not load the models."""
    from edge import __version__
    from edge.build import NO_MODEL, device_name
    from edge.configfile import effective
    from edge.publish import Identity

    return Identity(
        base=config.mqtt.base,
        device=device_name(config),
        boot_id="",
        version=__version__,
        model=_model(config.classify.model) if config.classify.enabled else NO_MODEL,
        detector=config.detect.name,
        state_model=_model(config.state.model) if config.state.enabled else None,
        config=effective(config),
    )


def _model(name: str) -> ModelInfo:
    from edge.contract import ModelInfo
    from edge.model.manifest import find_model, load_manifest

    m = load_manifest(find_model(name))
    return ModelInfo(name=m.name, sha256=m.sha256, labels=list(m.labels), runtime="")
