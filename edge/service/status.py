"""The line that `systemctl status` shows: what the daemon does, and all that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

# What a reason in `health` is called in a sentence; others are shown as they stand.
SAYS = {
    "broker_away": "the broker is away",
    "broker_refused": "the broker refuses the connection",
    "login_refused": "the broker refuses the login",
    "broker_stalled": "the broker does not acknowledge",
    "client_id_taken": "another client has this client id",
    "publish_refused": "the broker refuses publishes",
    "requests_off": "requests are not heard",
    "outbox_full": "the outbox is full and drops events",
    "outbox_memory": "events are kept in memory only",
    "outbox_stalled": "the disk does not answer",
    "outbox_corrupt": "the outbox was damaged",
    "disk_full": "the disk is full",
    "metrics_unavailable": "there are no metrics",
}


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
        self._wrong = [SAYS.get(r, r.replace("_", " ")) for r in reasons]
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
