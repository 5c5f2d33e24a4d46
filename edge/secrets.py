"""Files that hold a secret: only their owner and group may read them."""

from __future__ import annotations

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
