"""What may be shown of text that may hold secrets: addresses, log lines, other programs' messages.

Secrets are known by their place (the user of a URL, its query, `password=`) and, once `remember`
was told of them, by their value wherever they turn up.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, quote, unquote

HIDDEN = "***"

# Shorter values are hidden by their place only: "on" would blacken half of every line.
LEAST_CHARACTERS = 4
# A query's value under a name that says nothing ("?k=...") counts as a token from this length.
TOKEN_CHARACTERS = 8

_NAMES = r"(?:passw(?:or)?d|passphrase|pass|pwd|pw|secret|token|api[-_]?key|credentials?|auth)"
_SECRET_NAME = re.compile(rf"[\w-]*{_NAMES}", re.IGNORECASE)
# These take a time linear in the text, however it is made: runs are bounded.
_ASSIGNED = re.compile(rf"({_NAMES}=)(?:\"[^\"]*\"|'[^']*'|\S+)", re.IGNORECASE)
# A password may hold quotes: a URL ends at one only where no `@` comes behind it.
_URL = re.compile(r"[a-z][a-z0-9+.-]{0,20}://(?:\S{0,300}@)?[^\s\"'<>]+", re.IGNORECASE)
_HEADER = re.compile(r"((?:proxy-)?authorization\s*:\s*).*", re.IGNORECASE)
_LOGIN = re.compile(r"[^\s:/@]+:(?!//)(\S+)@[^\s@]+")  # user:password@host

_known: set[str] = set()


def redacted(address: str) -> str:
    """Return a URL without user, password and query, which may hold either.

    Anything up to the last `@` goes: a password may hold unescaped slashes.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address
    rest, question, _ = rest.partition("?")
    _, at, place = rest.rpartition("@")
    login, query = (f"{HIDDEN}@" if at else ""), (f"?{HIDDEN}" if question else "")
    return f"{scheme}{separator}{login}{place}{query}"


def redact(text: str) -> str:
    """Return text, of whatever origin, with the secrets in it hidden."""
    for secret in sorted(_known, key=len, reverse=True):  # one may be part of another
        text = text.replace(secret, HIDDEN)
    text = _URL.sub(lambda m: redacted(m[0]), text)
    return _HEADER.sub(rf"\1{HIDDEN}", _ASSIGNED.sub(rf"\1{HIDDEN}", text))


def remember(secrets: Iterable[str]) -> None:
    """Have `redact` hide these values from now on, also escaped as in a URL, Python or JSON."""
    for secret in secrets:
        plain = unquote(secret)
        for form in (secret, plain, _escaped(secret), _escaped(plain)):
            if len(form) >= LEAST_CHARACTERS:
                quoted = (repr(form), json.dumps(form), json.dumps(form, ensure_ascii=False))
                inner = {form, *(text[1:-1] for text in quoted)}
                # Python escapes this quote only where both kinds are in the whole text.
                _known.update(inner, (text.replace("'", "\\'") for text in inner))


def _escaped(text: str) -> str:
    """Return text as in a URL; what was no UTF-8 on a command line keeps its bytes."""
    return quote(text, safe="", errors="surrogateescape")


def secrets_in(words: Iterable[str]) -> set[str]:
    """Return the secrets that addresses, or the arguments of a program, hold."""
    return {secret for secret in _secrets(list(words)) if secret}


def _secrets(words: list[str]) -> Iterator[str]:
    for word, after in itertools.pairwise([*words, ""]):
        if len(parts := word.split()) > 1:  # a command line in one word, for a shell
            yield from _secrets(parts)
        for url in [word, *_URL.findall(word)]:
            yield from _of_url(url)
        if login := _LOGIN.fullmatch(word):
            yield login[1]
        for assigned in _ASSIGNED.finditer(word):
            yield assigned[0].partition("=")[2].strip("\"'")
        if word.startswith("-") and _SECRET_NAME.fullmatch(word.lstrip("-")):
            yield after
        if word in ("-u", "--user") and ":" in after:  # curl, wget
            yield after.partition(":")[2]


def _of_url(url: str) -> Iterator[str]:
    _, separator, rest = url.partition("://")
    if not separator:
        return
    rest, _, query = rest.partition("?")
    login, at, _ = rest.rpartition("@")
    if at:
        _, colon, password = login.partition(":")
        # A name alone may be a token ("https://TOKEN@host").
        yield password if colon else login
        if colon:
            yield base64.b64encode(
                unquote(login).encode(errors="surrogateescape")
            ).decode()  # as the header has it
    for name, value in parse_qsl(query):
        if _SECRET_NAME.fullmatch(name) or len(value) >= TOKEN_CHARACTERS:
            yield value
