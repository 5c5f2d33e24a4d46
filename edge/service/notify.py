"""Tells the service manager how the daemon is: the sd_notify(3) protocol, without libsystemd.

One datagram a message to the socket named by `$NOTIFY_SOCKET`. Without that variable every call
does nothing. Nothing here waits or raises: a service manager that is slow must not stop a frame.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

from edge.redact import redact

log = logging.getLogger(__name__)

FEEDS_PER_TIMEOUT = 4  # sd_watchdog_enabled(3) advises two or more keep-alives a timeout
MAX_STATUS_BYTES = 2048  # a bound; systemctl shows one line


class Notifier:
    """What the daemon says to the service manager.

    There is no timer in here on purpose: `progress` is called by the loop when a frame went all
    the way through, or the camera is known to be away and is being retried, so that a loop that
    hangs is seen.
    """

    def __init__(self, address: str = "", watchdog_s: float = 0.0) -> None:
        """Talk to the socket `address` (a path, or '@' and an abstract name); empty: to nobody.

        Args:
            address: of the manager's datagram socket.
            watchdog_s: seconds without progress after which the manager acts; 0: it does not.
        """
        self.watchdog_s = watchdog_s
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._every_s = watchdog_s / FEEDS_PER_TIMEOUT
        self._fed: float | None = None
        self._failed = False
        self._socket: socket.socket | None = None
        if address[:1] in ("/", "@"):  # AF_VSOCK addresses are for virtual machines only
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Notifier:
        """Return a notifier for the manager that started this process, if one did."""
        env = os.environ if env is None else env
        return cls(env.get("NOTIFY_SOCKET", ""), _watchdog_s(env))

    def ready(self, status: str = "") -> None:
        """Say that starting up, or reloading, is done."""
        self._send("READY=1", *_status(status))

    def status(self, text: str) -> None:
        """Set the line that `systemctl status` shows."""
        self._send(*_status(text))

    def progress(self, t: float) -> None:
        """Feed the watchdog; call it for every frame, sent is a few a timeout.

        Args:
            t: seconds, monotonic.
        """
        if not self.watchdog_s or (self._fed is not None and t - self._fed < self._every_s):
            return
        if self._send("WATCHDOG=1"):  # a lost one is tried again with the next frame
            self._fed = t

    def reloading(self, t: float) -> None:
        """Say that the configuration is being read again; `ready` ends it.

        Args:
            t: seconds of CLOCK_MONOTONIC, which newer managers (notify-reload) ask for.
        """
        self._send("RELOADING=1", f"MONOTONIC_USEC={round(t * 1e6)}")

    def stopping(self, status: str = "") -> None:
        """Say that shutting down has begun."""
        self._send("STOPPING=1", *_status(status))

    def close(self) -> None:
        """Release the socket; later calls do nothing."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, *lines: str) -> bool:
        if self._socket is None or not lines:
            return False
        try:
            self._socket.sendto("\n".join(lines).encode(), socket.MSG_DONTWAIT, self._address)
        except OSError as e:
            level = logging.DEBUG if self._failed else logging.WARNING
            log.log(level, "service manager not reached: %s", e.strerror or e)
            self._failed = True
            return False
        if self._failed:
            log.info("service manager reached again")
        self._failed = False
        return True


def _status(text: str) -> tuple[str, ...]:
    """Return the STATUS line; line ends would begin another assignment."""
    line = " ".join(redact(text).split()).encode()[:MAX_STATUS_BYTES].decode(errors="ignore")
    return (f"STATUS={line}",) if line else ()


def _watchdog_s(env: Mapping[str, str]) -> float:
    """Return `$WATCHDOG_USEC` in seconds; 0 where it is unset, malformed or for another process."""
    if env.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    try:
        return max(0, int(env.get("WATCHDOG_USEC", "0"))) / 1e6
    except ValueError:
        return 0.0
