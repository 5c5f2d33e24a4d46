"""`--figures`: what an evaluation wrote, read for the card before any work is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.errors import ConfigError, NoInputError


def read_figures(
    path: Path | None, command: str, show: Callable[[dict[str, Any]], object]
) -> dict[str, Any]:
    """Return what `command` wrote with `--json`; nothing where no file is given.

    Args:
        path: of the file, or None.
        command: that writes such files.
        show: makes what will be shown of the figures; tried here, for what is none of that command.

    Raises:
        NoInputError: there is no such file.
        ConfigError: it is something else.
    """
    if path is None:
        return {}
    allowed = f"allowed: what `{command} --json` writes"
    try:
        figures: dict[str, Any] = json.loads(path.read_bytes())
    except OSError as e:
        raise NoInputError(f"--figures {path}: {e.strerror or e}") from e
    except (ValueError, RecursionError) as e:
        raise ConfigError(f"--figures {path}: no JSON: {e}; {allowed}") from e
    try:
        show(figures)
    except KeyError as e:
        raise ConfigError(f"--figures {path}: it has no {e}; {allowed}") from e
    except (AttributeError, IndexError, TypeError, ValueError) as e:
        raise ConfigError(f"--figures {path}: got something else ({e}); {allowed}") from e
    return figures
