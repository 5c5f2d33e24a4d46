"""Where a page is served: address, port, and the token that is asked for."""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigError, UsageError
from edge.secrets import refuse_public

TOKEN_BYTES = 16  # 128 bits: not to be guessed
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")  # what a URL takes as it stands


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on; `token` None: whoever is on this machine."""

    host: str
    port: int
    token: str | None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    def url(self, port: int) -> str:
        """Return what to type into a browser; `port` is the one that was granted."""
        host = self.host
        if host in ("0.0.0.0", "::", ""):
            host = own_address()
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{port}/" + (f"?token={self.token}" if self.token else "")


def parse(text: str, port: int, token_file: Path | None, *, open_here: bool = True) -> Listen:
    """Return where to listen.

    Args:
        text: HOST, HOST:PORT, :PORT or [IPv6]:PORT.
        port: where `text` has none; 0 takes any free one.
        token_file: holds the token; None: a new one is made, where one is asked for.
        open_here: whether loopback asks for none: every user of this machine gets in.

    Raises:
        UsageError: `text` is none of these.
        ConfigError: the file cannot be read, or holds no token.
    """
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(?::(\d{1,5}))?", text)
    if match is None or (match[2] and int(match[2]) > 65535):
        raise UsageError(f"--listen: got {text!r}; allowed: HOST:PORT, such as 127.0.0.1:{port}")
    host = match[1].strip("[]") or "127.0.0.1"
    token = None
    if token_file is not None:
        token = read_token(token_file)
    elif not (open_here and is_loopback(host)):
        token = secrets.token_urlsafe(TOKEN_BYTES)
    return Listen(host, int(match[2]) if match[2] else port, token)


def read_token(path: Path) -> str:
    """Return the token in a file.

    Raises:
        ConfigError: it cannot be read, everybody can read it, or it holds something else.
    """
    refuse_public(path, "--token-file")
    try:
        text = path.read_text("utf-8").strip()
    except OSError as e:
        raise ConfigError(f"--token-file: {path}: {e.strerror}") from e
    except UnicodeDecodeError as e:
        raise ConfigError(f"--token-file: {path}: not UTF-8 text") from e
    if not TOKEN.fullmatch(text):
        raise ConfigError(
            f"--token-file: {path}: allowed: 16 to 128 letters, digits, '-' and '_', nothing else"
        )
    return text


def is_loopback(host: str) -> bool:
    """Return whether a name or address means this machine and nobody else."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own_address() -> str:
    """Return this machine's address towards its network, or its name; sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))  # RFC 5737: goes nowhere; only the route is looked up
            return str(s.getsockname()[0])
        except OSError:
            return socket.gethostname()
