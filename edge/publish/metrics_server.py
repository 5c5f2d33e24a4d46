"""Serves /metrics over HTTP with bounds: few connections, little time for each.

`prometheus_client.start_http_server` waits for ever for the end of a request, with a thread and a
descriptor for each client: a thousand half requests take all descriptors of the process.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from http.server import ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry, MetricsHandler

from edge.errors import UnavailableError

MAX_OPEN = 16  # connections; Prometheus needs one, and a second one after a reload
MAX_S = 5.0  # s for request and answer together; Prometheus itself gives up after 10 s
POLL_S = 0.25  # s between two looks at who takes too long
CLOSE_S = 0.5  # s for a connection to end that was told to


class MetricsServer(ThreadingHTTPServer):
    """Answers scrapes of one registry from a thread of its own, until `close`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128  # they wait in the kernel, and cost us nothing

    def __init__(self, registry: CollectorRegistry, address: str, port: int) -> None:
        """Listen and serve.

        Args:
            registry: is asked at every scrape.
            address: to listen on, IPv4 or IPv6.
            port: 0 takes any free one, see `url`.

        Raises:
            UnavailableError: the address cannot be used.
        """
        self._open: dict[socket.socket, float] = {}  # since when (s, monotonic), oldest first
        self._lock = threading.Condition()
        try:
            found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
            self.address_family = found[0][0]
            super().__init__((address, port), MetricsHandler.factory(registry))
        except OSError as e:
            raise UnavailableError(f"metrics: {address}:{port}: {e.strerror or e}") from e
        host = f"[{address}]" if ":" in address else address
        self.url = f"http://{host}:{self.server_address[1]}/metrics"
        self._thread = threading.Thread(
            target=self.serve_forever, args=(POLL_S,), name="metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()
        self._thread.join(CLOSE_S)

    def server_bind(self) -> None:
        """Bind; the base class would ask a name server for our own name."""
        if self.allow_reuse_address:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection; when there are too many, the oldest has to go."""
        with self._lock:
            if len(self._open) >= MAX_OPEN:
                _hang_up(next(iter(self._open)))
            room = self._lock.wait_for(lambda: len(self._open) < MAX_OPEN, CLOSE_S)
            if room:
                self._open[request] = time.monotonic()
        if room:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection; called by the thread that served it."""
        with self._lock:
            self._open.pop(request, None)
            self._lock.notify()
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Hang up on whoever takes too long; called every `POLL_S`."""
        now = time.monotonic()
        with self._lock:
            for connection, since in self._open.items():
                if now - since > MAX_S:
                    _hang_up(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that goes away is no news."""


def _hang_up(connection: socket.socket) -> None:
    """Wake the thread that reads from `connection`; it closes it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
