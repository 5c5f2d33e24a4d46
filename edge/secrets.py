"""Files that hold a secret: only their owner and group may read them, and no child of ours."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from edge.errors import ConfigError


def refuse_public(path: Path, key: str) -> None:
    """Refuse a secret that everybody can read or write.

    Args:
        path: the file.
        key: the setting or option that names it, for the message.

    Raises:
        ConfigError: so it is, or the file is not there.
    """
    try:
        mode = path.stat().st_mode
    except OSError as e:
        raise ConfigError(f"{key}: {path}: {e.strerror}") from None
    if mode & 0o007:
        raise ConfigError(
            f"{key}: {path}: mode {mode & 0o777:04o} lets others read or write it; "
            f"allowed: 0600 or 0640 (chmod o-rwx {path})"
        )


def others_can_read(path: Path) -> bool:
    """Return whether a file's mode lets everybody read it; False where it cannot be told."""
    try:
        return bool(path.stat().st_mode & 0o004)
    except OSError:
        return False


_hidden: set[Path] = set()


def hide(paths: Iterable[str]) -> None:
    """Keep files or folders from the camera's child, from its next start on; '' is none."""
    _hidden.update(Path(p) for p in paths if p)


def hidden_paths(env: Mapping[str, str] = os.environ) -> set[Path]:
    """Return what a child may not read: also the service's credentials and its state."""
    folders = [
        folder
        for name in ("CREDENTIALS_DIRECTORY", "STATE_DIRECTORY")
        for folder in env.get(name, "").split(":")
        if folder
    ]
    return _hidden | {Path(folder) for folder in folders}
