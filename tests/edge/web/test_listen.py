"""Where a page is served, and when a token is asked for."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from edge.errors import ConfigError, UsageError
from edge.web.listen import TOKEN, is_loopback, parse
from edge.web.server import Hub, WebServer


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8000", "127.0.0.1", 8000),
        (":8000", "127.0.0.1", 8000),
        ("localhost", "localhost", 9),
        ("[::1]:8000", "::1", 8000),
    ],
)
def test_loopback_asks_for_no_token(text: str, host: str, port: int) -> None:
    listen = parse(text, 9, None)
    assert (listen.host, listen.port, listen.token) == (host, port, None)
    assert listen.loopback


@pytest.mark.parametrize("text", ["127.0.0.1:8000", "localhost", "[::1]:8000"])
def test_the_preview_asks_for_one_on_loopback_too(text: str) -> None:
    listen = parse(text, 9, None, open_here=False)
    assert listen.token and TOKEN.fullmatch(listen.token)


@pytest.mark.parametrize(
    "text", ["0.0.0.0:1", "[::]:1", "192.0.2.7", "pi.local:80", "127.evil.com"]
)
def test_any_other_address_asks_for_a_new_one_each_time(text: str) -> None:
    first, second = parse(text, 9, None), parse(text, 9, None)
    assert first.token and second.token and first.token != second.token
    assert TOKEN.fullmatch(first.token)
    assert f"?token={first.token}" in first.url(80)


@pytest.mark.parametrize("text", ["localhost:x", "localhost:70000", "a:b:1", "http://x:1", "[::1"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--listen"):
        parse(text, 9, None)


def test_a_token_file_holds_on_loopback_too(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a-token-of-the-operators-own\n")
    file.chmod(0o600)
    assert parse("localhost:1", 9, file).token == "a-token-of-the-operators-own"


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [("short", 0o600, "16 to 128"), ("with a blank in it...", 0o600, "16 to 128"),
     ("a-token-of-the-operators-own", 0o644, "mode 0644")],
)  # fmt: skip
def test_a_bad_token_file_is_refused(tmp_path: Path, text: str, mode: int, why: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(ConfigError, match=why):
        parse("localhost:1", 9, file)


def test_a_missing_token_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        parse("localhost:1", 9, tmp_path / "token")


@pytest.mark.parametrize("host", ["127.0.0.2", "::1", "LOCALHOST", "localhost."])
def test_names_of_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "localhost.evil.com", "127.0.0.1.evil.com", ""])
def test_names_that_only_look_like_it(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_every_address_is_those_of_ipv4_too() -> None:
    server = WebServer(parse("[::]:0", 0, None), "dashboard.html", Hub(), 1.0)
    server.start()
    try:
        socket.create_connection(("127.0.0.1", server.port), 10).close()
    finally:
        server.stop()
