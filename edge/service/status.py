"""The line that `systemctl status` shows: what the daemon does, and all that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge.problems import REASONS, Problem


class StatusLine:
    """Puts the line together and hands it on whenever it has changed."""

    def __init__(self, show: Callable[[str], None]) -> None:
        """Give each new line to `show`."""
        self._show = show
        self._doing = ""
        self._wrong: list[str] = []
        self._waiting: Sequence[str] = ()
        self._shown = ""

    def doing(self, text: str) -> None:
        """Say what the daemon does: running, paused, camera lost and why."""
        self._doing = text
        self._update()

    def problems(self, reasons: Sequence[str]) -> None:
        """Say what is wrong, by the reasons of `health`; none: all is well."""
        # `restart_for` names the keys
        wrong = [r for r in reasons if r != Problem.RESTART_PENDING]
        self._wrong = [REASONS[r].means if r in REASONS else r for r in wrong]
        self._update()

    def restart_for(self, keys: Sequence[str]) -> None:
        """Say which changed keys of the configuration take a restart."""
        self._waiting = keys
        self._update()

    def _update(self) -> None:
        parts = [self._doing, *self._wrong]
        if self._waiting:
            parts.append(f"takes a restart: {', '.join(self._waiting)}")
        line = "; ".join(part for part in parts if part)
        if self._doing and line != self._shown:
            self._shown = line
            self._show(line)
