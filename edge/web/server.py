"""Serves pages from a thread of its own, so that a browser never holds up what it looks at."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tornado.httpserver
import tornado.iostream
import tornado.netutil
import tornado.web

from edge.errors import EdgeError, UnavailableError
from edge.web.guard import MAX_REQUEST_BYTES, Asset, Missing, Page, Socket
from edge.web.listen import Listen

log = logging.getLogger(__name__)

STATIC = Path(__file__).resolve().parent / "static"
MAX_VIEWERS = 32  # WebSockets at once; a bound against nonsense
MAX_OPEN = 64  # other connections; a browser has up to 6 while it loads a page
REQUEST_S = 10.0  # s for a request to come in; for a page, once it is loaded, to ask for more
CLOSE_S = 1.0  # s that browsers get to hear the last word


class Hub:
    """The browsers that look. Only the server's thread uses it, but for `call`."""

    def __init__(self) -> None:
        self.sockets: set[Viewer] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """The server's loop runs."""
        self._loop = loop

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Have the server's thread call `function`; from any thread, also after the end."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody looks any more
                self._loop.call_soon_threadsafe(function, *args)

    def tell(self, message: str) -> None:
        """Send a text to all browsers."""
        for socket in tuple(self.sockets):
            socket.send(message)

    def joined(self, socket: Viewer) -> None:
        """A browser came; called once a socket."""

    def heard(self, socket: Viewer, message: str) -> None:
        """A browser sent a text."""

    def tick(self) -> None:
        """Called several times a second."""


class BoundedServer(tornado.httpserver.HTTPServer):
    """Holds few connections that are no WebSocket: where one too many comes, the oldest has to go.

    Else half requests take all descriptors: Tornado waits for the rest of each.
    """

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        """As HTTPServer, with little time for a request."""
        self.waiting: dict[tornado.iostream.IOStream, None] = {}
        kwargs |= {
            "max_body_size": MAX_REQUEST_BYTES,
            "max_header_size": MAX_REQUEST_BYTES,
            "idle_connection_timeout": REQUEST_S,
            "body_timeout": REQUEST_S,
        }
        super().initialize(*args, **kwargs)

    def handle_stream(self, stream: tornado.iostream.IOStream, address: Any) -> None:
        """Take a new connection."""
        while len(self.waiting) >= MAX_OPEN:
            oldest = next(iter(self.waiting))
            self.settled(oldest)
            oldest.close()
        self.waiting[stream] = None
        super().handle_stream(stream, address)

    def on_close(self, server_conn: object) -> None:
        """Forget a connection that has ended."""
        self.settled(getattr(server_conn, "stream", None))
        super().on_close(server_conn)

    def settled(self, stream: object) -> None:
        """Stop counting a connection: it has ended, or is a WebSocket, which `Hub` counts."""
        self.waiting.pop(stream, None)  # type: ignore[call-overload]  # any object can be asked for


class Viewer(Socket):
    """One browser's connection."""

    def initialize(self, hub: Hub) -> None:
        """Belong to `hub`."""
        self._hub = hub
        self.ready = False  # to be sent a picture; see `preview`

    def open(self, *_args: str, **_kwargs: str) -> None:
        """Join, unless it is full."""
        if len(self._hub.sockets) >= MAX_VIEWERS:
            self.close(1013, "too many browsers")
            return
        if self.ws_connection is not None:
            self.settings["server"].settled(getattr(self.ws_connection, "stream", None))
        self.set_nodelay(True)
        self._hub.sockets.add(self)
        self._hub.joined(self)

    def on_message(self, message: str | bytes) -> None:
        """Take a text; pages send nothing else."""
        if isinstance(message, str):
            self._hub.heard(self, message)

    def on_close(self) -> None:
        """Leave."""
        self._hub.sockets.discard(self)

    def send(self, message: str | bytes) -> None:
        """Send; a browser that is gone is no error."""
        with contextlib.suppress(tornado.websocket.WebSocketClosedError):
            sent = self.write_message(message, binary=isinstance(message, bytes))
            # An error that nobody asks for is logged with its traceback.
            sent.add_done_callback(lambda done: done.cancelled() or done.exception())


def _every(host: str) -> str | None:
    """Return what binds IPv4 too where `host` is every address of IPv6: Tornado parts them."""
    return None if host == "::" else host


class WebServer:
    """One page with its assets and its WebSocket `/live`."""

    def __init__(
        self, listen: Listen, page: str, hub: Hub, tick_s: float, more: Sequence[Any] = ()
    ) -> None:
        """Bind the address.

        Args:
            listen: where.
            page: name of the HTML file.
            hub: has the browsers.
            tick_s: seconds between two calls of `hub.tick`.
            more: Tornado's routes to other pages; their handlers are `Guarded`.

        Raises:
            UnavailableError: the address is taken or not ours.
        """
        try:
            self._sockets = tornado.netutil.bind_sockets(listen.port, _every(listen.host))
        except OSError as e:
            raise UnavailableError(
                f"--listen: {listen.host}:{listen.port}: {e.strerror or e}"
            ) from e
        self.port = int(self._sockets[0].getsockname()[1])
        self.url = listen.url(self.port)
        self._hub = hub
        self._tick_s = tick_s
        self._stop = asyncio.Event()
        self._last_words: Sequence[str] = ()
        self._ready = threading.Event()
        self._failed = False
        routes: list[Any] = [
            (r"/", Page, {"path": STATIC / page}),
            (r"/live", Viewer, {"hub": hub}),
            (r"/static/(.*)", Asset, {"path": str(STATIC)}),
            *more,
        ]
        self._app = tornado.web.Application(
            routes,
            default_handler_class=Missing,
            listen=listen,
            server_port=self.port,
            log_function=_log_request,
            websocket_max_message_size=MAX_REQUEST_BYTES,
            websocket_ping_interval=10,  # s: a phone that went away is noticed
        )
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()
        self._ready.wait()

    def stop(self, last_words: str = "") -> None:
        """Send `last_words` to every browser and end; any number of times.

        Raises:
            EdgeError: it had failed before.
        """
        if self._failed:
            raise EdgeError("the page's server failed; the log says how")
        if self._thread.is_alive():
            self._last_words = [last_words] if last_words else []
            self._hub.call(self._stop.set)
            self._thread.join(2 * CLOSE_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception:  # without its page the command is of no use: end it, and say so
            log.exception("the page's server failed")
            self._failed = True
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        server = BoundedServer(self._app)
        self._app.settings["server"] = server
        server.add_sockets(self._sockets)
        self._hub.begin(asyncio.get_running_loop())
        self._ready.set()
        while not self._stop.is_set():
            self._hub.tick()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), self._tick_s)
        server.stop()
        for message in self._last_words:
            self._hub.tell(message)
        for socket in tuple(self._hub.sockets):
            socket.close(1001, "stopped")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.close_all_connections(), CLOSE_S)


def _log_request(handler: tornado.web.RequestHandler) -> None:
    """Log refused requests only, without their query: a token may be in it."""
    if handler.get_status() >= 400:
        log.debug("%s %s: %d", handler.request.method, handler.request.path, handler.get_status())
