"""Who may see a page: checks on Host, Origin and token, and the headers that every answer has.

The preview always has a token, for it writes the configuration. The dashboard has none on
the loopback address, where all users of this machine see it. Two ways are left to reach that from
outside, both through a browser on this machine: a foreign page that connects to it (Origin tells),
and a foreign name that was made to point here, DNS rebinding (Host tells). With a token, a foreign
page lacks it: the cookie belongs to the name that the page was opened by.
"""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tornado.web
import tornado.websocket

from edge.web.listen import Listen, is_loopback

# Nothing from elsewhere, no inline code; blob: is the picture, which came over the WebSocket.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
COOKIE_DAYS = 30  # a wall display survives its own restarts; a new token ends it anyway
MAX_REQUEST_BYTES = 64 * 1024


class Guarded(tornado.web.RequestHandler):
    """A request that is checked before anything else happens."""

    def set_default_headers(self) -> None:
        """Keep the page out of frames, caches, other origins and referrers."""
        self.set_header("Server", "emotion-edge")
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Frame-Options", "DENY")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    def prepare(self) -> None:
        """Refuse whoever has no business here."""
        listen: Listen = self.settings["listen"]
        if listen.token is None:
            if not _loopback_host(self.request.host):
                self._refuse(
                    f"This page is for this machine only, and answers to localhost, not to "
                    f"{self.request.host!r}. Use ssh -L, or --listen with another address."
                )
            return
        name = f"emotion_edge_{self.settings['server_port']}"  # cookies do not tell ports apart
        given = self.get_query_argument("token", None) or self.get_cookie(name) or ""
        if not hmac.compare_digest(given.encode(), listen.token.encode()):
            self._refuse("The token is missing or wrong. Use the whole address that was printed.")
            return
        if self.get_cookie(name) != given:
            self.set_cookie(name, given, httponly=True, samesite="Strict", expires_days=COOKIE_DAYS)

    def _refuse(self, why: str) -> None:
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(why + "\n")


class Page(Guarded):
    """One HTML file."""

    def initialize(self, path: Path) -> None:
        """Serve the file at `path`."""
        self._path = path

    def get(self) -> None:
        """Answer with it."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(self._path.read_bytes())


class Missing(Guarded):
    """Any other path."""

    def prepare(self) -> None:
        """Answer that there is nothing, to those who may know."""
        super().prepare()
        if not self._finished:
            raise tornado.web.HTTPError(404)


class Asset(Guarded, tornado.web.StaticFileHandler):
    """Scripts and styles; guarded as the page is."""

    def get_cache_time(self, *_: Any) -> int:
        """Nothing is kept: another version may be served tomorrow."""
        return 0


class Socket(Guarded, tornado.websocket.WebSocketHandler):
    """A WebSocket for the page's own script only."""

    def check_origin(self, origin: str) -> bool:
        """Return whether the page that connects is ours: same name, same port."""
        return urlsplit(origin).netloc.lower() == self.request.host.lower()


def _loopback_host(host: str) -> bool:
    """Return whether a Host header names this machine; any port, for an SSH tunnel has its own."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name is not None and is_loopback(name)
