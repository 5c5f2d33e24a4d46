"""What several commands share: the options for the configuration."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.config import Config
    from edge.service.unit import Unit


def add_config_options(
    parser: argparse.ArgumentParser,
    default: str = "$EMOTION_EDGE_CONFIG, else /etc/emotion-edge/config.toml where it exists",
) -> None:
    """Add `--config`, which is by `default` what the command makes of it, and `--set`."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"configuration (default: {default})",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="sets",
        metavar="SECTION.KEY=VALUE",
        help="override a key; may be given several times",
    )


def add_service_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the configuration of the service, or of one instance of it."""
    add_config_options(parser)
    parser.add_argument(
        "--default-name",
        default="",
        metavar="NAME",
        help="device.name where the configuration gives none: emotion-edge@ tells instances apart",
    )
    parser.add_argument(
        "--lock-profile",
        default="",
        metavar="PROFILE",
        help="the only profile that is allowed, whatever file, environment and --set say; in force "
        "at every reload too",
    )


def config_path(args: argparse.Namespace) -> Path | None:
    """Return the configuration file that `args` or the environment name; None: there is none."""
    from edge.configfile import DEFAULT_PATH

    path: Path | None = args.config
    if path is None and os.environ.get("EMOTION_EDGE_CONFIG"):
        path = Path(os.environ["EMOTION_EDGE_CONFIG"])
    if path is None and DEFAULT_PATH.is_file():
        path = DEFAULT_PATH
    return path


def load_config(
    args: argparse.Namespace,
    first: Sequence[str] = (),
    last: Sequence[str] = (),
    env: Mapping[str, str] = os.environ,
) -> Config:
    """Return the effective configuration.

    Args:
        args: with the options of `add_config_options`.
        first: settings that `--set` may override.
        last: settings that override `--set`.
        env: environment; `service_environment` for what the service would do.

    Raises:
        ConfigError: with every mistake, one a line.
    """
    from edge.configfile import load

    name, lock = getattr(args, "default_name", ""), getattr(args, "lock_profile", "")
    return load(config_path(args), env, [*first, *args.sets, *last], name=name, lock=lock)


def service_environment(args: argparse.Namespace) -> dict[str, str]:
    """Return ours, and below it that of the service that reads the file, where there is one.

    It is read for the camera's address; where that is given (`--set camera.source=...`), it is not.

    Raises:
        ConfigError: what the service reads is not for this user.
    """
    given = any(item.partition("=")[0].strip() == "camera.source" for item in args.sets)
    unit = None if given else _service(args)
    return {**(unit.environment() if unit else {}), **os.environ}


def load_as_service(args: argparse.Namespace) -> tuple[Config, Unit | None]:
    """Return the configuration as the service sees it that reads the file, and its unit.

    Its environment files and credentials are read where a unit for the file is installed; the
    environment of whoever asks is stronger. Inside the service itself they are there already.

    Raises:
        ConfigError: with every mistake, one a line; or what the service reads is not for this user.
    """
    from edge.configfile import load

    inside = os.environ.get("CREDENTIALS_DIRECTORY")
    path, unit = config_path(args), _service(args)
    env = {**(unit.environment() if unit else {}), **os.environ}
    default_name = args.default_name or (unit.option("--default-name") if unit else "")
    lock = args.lock_profile or (unit.option("--lock-profile") if unit else "")
    config = load(path, env, args.sets, name=default_name, lock=lock)
    return _with_credentials(config, unit, Path(inside) if inside else None), unit


def _service(args: argparse.Namespace) -> Unit | None:
    """Return the unit that reads the file; None: there is none, or this runs inside of it."""
    from edge.service import unit as units

    path = config_path(args)
    inside = os.environ.get("CREDENTIALS_DIRECTORY")
    name = units.name_for(path) if path is not None and not inside else None
    return units.find(name) if name else None


def _with_credentials(config: Config, unit: Unit | None, inside: Path | None) -> Config:
    """Point password and key to where they can be read by whoever is not the running service."""
    from msgspec.structs import replace

    from edge.service.unit import CREDENTIALS

    mqtt = config.mqtt
    if unit is not None and mqtt.username and not mqtt.password_file:
        password = unit.credential("mqtt-password")
        mqtt = replace(mqtt, password_file=str(password) if password else "")
    key = Path(mqtt.key_file)
    if key.parent.parent == CREDENTIALS and unit is not None:
        mqtt = replace(mqtt, key_file=str(unit.credential(key.name) or key))
    elif key.parent.parent == CREDENTIALS and inside is not None:
        mqtt = replace(mqtt, key_file=str(inside / key.name))  # of a trial beside the service
    return replace(config, mqtt=mqtt)
