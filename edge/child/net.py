"""Connections to the camera, and to it alone; what goes wrong is called by its name."""

from __future__ import annotations

import base64
import errno
import hashlib
import itertools
import os
import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from urllib.request import parse_http_list, parse_keqv_list

PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}
TEXT_CHARACTERS = 80  # of a camera's words in a message of ours


class StreamError(Exception):
    """There is no video to be had; says why, in words for the log."""


@dataclass(frozen=True, slots=True)
class Address:
    """A camera's address, taken apart."""

    scheme: str
    host: str
    port: int
    path: str  # with query
    user: str | None
    password: str

    @classmethod
    def of(cls, url: str) -> Address:
        """Take a URL apart; the password may hold unescaped slashes and question marks.

        Raises:
            StreamError: there is no host in it, or no port where one is needed.
        """
        scheme, _, rest = url.partition("://")
        scheme = scheme.lower()
        login, at, place = rest.rpartition("@")
        inside = re.fullmatch(r"(\[[^]]*\]|[^:/?#@]*)(:\d*)?[/?#].*", login)
        if not at or inside:  # an `@` behind a host, in path or query, is none of a login
            login, at, place = "", "", rest
        user, _, password = login.partition(":")
        try:
            parts = urlsplit(f"//{place}")
            host, port = parts.hostname or "", parts.port or PORTS.get(scheme)
        except ValueError:
            raise StreamError("the address's port is not one, or its host is not") from None
        if port is None or (not host and scheme != "udp"):
            raise StreamError("the address has no host or no port")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(scheme, host, port, path, unquote(user) if at else None, unquote(password))

    @property
    def place(self) -> str:
        """Host and port, as they stand in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address without user and password."""
        return f"{self.scheme}://{self.place}{self.path}"


def connect(address: Address, timeout_s: float) -> socket.socket:
    """Return a connection to the camera, with TLS where its scheme says so.

    The certificate is not verified: cameras sign their own.

    Raises:
        StreamError: there is none; says why.
    """
    host, port = address.host, address.port
    try:
        sock = socket.create_connection((host, port), timeout_s)
    except (socket.gaierror, UnicodeError) as e:
        why = e.strerror if isinstance(e, socket.gaierror) else "not a name"
        raise StreamError(f"no such host: {host} ({why}); check the name, or DNS") from None
    except ConnectionRefusedError:
        raise StreamError(f"connection refused: nothing listens on port {port} of {host}") from None
    except TimeoutError:
        raise StreamError(
            f"no answer from {host} port {port} within {timeout_s:g} s: it is off, has another "
            "address, or a firewall is between"
        ) from None
    except OSError as e:
        hint = "; see IPAddressAllow= of the unit" if e.errno in (errno.EPERM, errno.EACCES) else ""
        raise StreamError(f"no way to {host}: {e.strerror or e}{hint}") from None
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if address.scheme not in ("https", "rtsps"):
        return sock
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return context.wrap_socket(sock, server_hostname=host)
    except (ssl.SSLError, OSError) as e:
        sock.close()
        raise StreamError(f"no TLS with {host} port {port}: {clean(str(e))}") from None


def refusal(status: int, reason: str, address: Address) -> StreamError:
    """Return what an HTTP or RTSP status says to whoever configured the address."""
    if status == 401:
        said = (
            "asks for a user and password" if address.user is None else "refuses user or password"
        )
        return StreamError(f"the camera {said} (401)")
    if status == 403:
        return StreamError("the camera refuses this user (403 Forbidden)")
    if status in (404, 410, 454):
        return StreamError(f"the camera has no such path ({status}): check what follows the host")
    return StreamError(f"the camera answers {status} {clean(reason)}".rstrip())


def authorization(challenges: Sequence[str], method: str, uri: str, address: Address) -> str | None:
    """Return the header's value that answers a 401: Digest (RFC 7616) if it can be, else Basic.

    None: there is no user to log in as, or a scheme that is not known.
    """
    if address.user is None:
        return None
    for challenge in challenges:
        scheme, _, parameters = challenge.strip().partition(" ")
        if scheme.lower() == "digest":
            try:
                pairs = parse_keqv_list(parse_http_list(parameters))
            except (ValueError, IndexError):  # not `name=value`
                continue
            fields = {k.lower(): v for k, v in pairs.items()}
            answer = _digest(fields, method, uri, address.user, address.password)
            if answer is not None:
                return answer
    if any(c.strip().lower().startswith("basic") for c in challenges):
        login = f"{address.user}:{address.password}".encode()
        return f"Basic {base64.b64encode(login).decode()}"
    return None


_logins = itertools.count(1)


def _digest(fields: dict[str, str], method: str, uri: str, user: str, password: str) -> str | None:
    algorithm = fields.get("algorithm", "MD5")
    name = {"MD5": "md5", "SHA-256": "sha256"}.get(algorithm.upper())
    if name is None:
        return None

    def digest(text: str) -> str:
        return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()

    realm, nonce = fields.get("realm", ""), fields.get("nonce", "")
    login, request = digest(f"{user}:{realm}:{password}"), digest(f"{method}:{uri}")
    parts = {"username": user, "realm": realm, "nonce": nonce, "uri": uri}
    if "auth" in [q.strip() for q in fields.get("qop", "").split(",")]:
        count, ours = f"{next(_logins):08x}", os.urandom(8).hex()
        response = digest(f"{login}:{nonce}:{count}:{ours}:auth:{request}")
        more = f', qop=auth, nc={count}, cnonce="{ours}"'
    else:
        response, more = digest(f"{login}:{nonce}:{request}"), ""
    quoted = ", ".join(f"{k}={_quoted(v)}" for k, v in (parts | {"response": response}).items())
    more += f", opaque={_quoted(fields['opaque'])}" if "opaque" in fields else ""
    more += f", algorithm={algorithm}" if "algorithm" in fields else ""
    value = f"Digest {quoted}{more}"
    return None if "\r" in value or "\n" in value else value


def _quoted(text: str) -> str:
    """Return a quoted-string, RFC 9110, 5.6.4."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def clean(text: str) -> str:
    """Return words of somebody else, fit for a line of the log."""
    return "".join(c if c.isprintable() else " " for c in text)[:TEXT_CHARACTERS].strip()
