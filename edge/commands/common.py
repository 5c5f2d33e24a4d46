"""What several commands share: the options for the configuration."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.config import Config


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add `--config` and `--set`."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="configuration (default: $EMOTION_EDGE_CONFIG, else /etc/emotion-edge/config.toml "
        "where it exists)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="sets",
        metavar="SECTION.KEY=VALUE",
        help="override a key; may be given several times",
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
    args: argparse.Namespace, first: Sequence[str] = (), last: Sequence[str] = ()
) -> Config:
    """Return the effective configuration.

    Args:
        args: with the options of `add_config_options`.
        first: settings that `--set` may override.
        last: settings that override `--set`.

    Raises:
        ConfigError: with every mistake, one a line.
    """
    from edge.configfile import load

    return load(config_path(args), os.environ, [*first, *args.sets, *last])
