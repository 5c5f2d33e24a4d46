"""Addresses of streams as they may be shown."""

from __future__ import annotations


def redacted(address: str) -> str:
    """Return a URL without user, password and query, which may hold either.

    Anything up to the last `@` goes: a password may hold unescaped slashes.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address
    rest, question, _ = rest.partition("?")
    _, at, place = rest.rpartition("@")
    return scheme + separator + ("***@" if at else "") + place + ("?***" if question else "")
