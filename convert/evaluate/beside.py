"""Another evaluation, as its JSON, to draw beside one's own: `--beside`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from convert.evaluate.schema import Report
from edge.errors import ConfigError, NoInputError


def robustness_of(path: Path) -> tuple[str, list[dict[str, Any]]]:
    """Return a model's name and its rows of robustness, out of what `evaluate --json` printed.

    Raises:
        NoInputError: there is no such file.
        ConfigError: it is something else, or has no robustness.
    """
    try:
        report = msgspec.json.decode(path.read_bytes(), type=Report)
    except OSError as e:
        raise NoInputError(f"--beside {path}: {e.strerror or e}") from e
    except msgspec.DecodeError as e:
        raise ConfigError(f"--beside {path}: {e}; allowed: what `evaluate --json` prints") from e
    if not report.robustness:
        raise ConfigError(f"--beside {path}: it has no robustness; allowed: --robustness above 0")
    return report.model.name, msgspec.to_builtins(report.robustness)
