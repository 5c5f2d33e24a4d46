"""What is hidden of text that may hold secrets, by its place and by its value."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from edge import redact as module
from edge.redact import redact, redacted, remember, secrets_in


@pytest.fixture(autouse=True)
def forgetting() -> Iterator[None]:
    before = set(module._known)
    yield
    module._known.intersection_update(before)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://user:pa/ss@wd@10.0.0.5:554/a", "rtsp://***@10.0.0.5:554/a"),
        ("http://cam/video?user=admin&pwd=secret", "http://cam/video?***"),
        ("http://u:p@cam/v?x=a@b", "http://***@cam/v?***"),
        ("rtsp://cam/stream1", "rtsp://cam/stream1"),
        ("/dev/video0", "/dev/video0"),
    ],
)
def test_addresses_are_shown_without_secrets(address: str, shown: str) -> None:
    assert redacted(address) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "[rtsp @ 0x5] method DESCRIBE rtsp://u:pa@ss@h/a failed: 401",
            "[rtsp @ 0x5] method DESCRIBE rtsp://***@h/a failed: 401",
        ),
        ("'http://u:pa@h/?t=1': Input/output error", "'http://***@h/?***': Input/output error"),
        ("WARNING: no such property user-pw=pa ss", "WARNING: no such property user-pw=*** ss"),
        ('{"token=abc"}', '{"token=***'),
        ("Authorization: Basic dTpw", "Authorization: ***"),
        ("PASSWORD=x api_key='y z' q", "PASSWORD=*** api_key=*** q"),
        (
            "mqtt.password_file: /p: mode 0644 lets others",
            "mqtt.password_file: /p: mode 0644 lets others",
        ),
        ("compass 12, by-pass: 3 tokens", "compass 12, by-pass: 3 tokens"),
    ],
)
def test_secrets_are_hidden_by_their_place(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    ("words", "secrets"),
    [
        (["rtsp://u:s3cr@t/1@h:554/a?pwd=abc&x=1"], {"s3cr@t/1", "abc"}),
        (["https://tokenalone@h/"], {"tokenalone"}),
        (["http://h/?k=longer-than-8"], {"longer-than-8"}),
        (["http://h/?channel=1&stream=main"], set()),
        (["ffmpeg", "-i", "http://u:pw@h/", "-"], {"pw"}),
        (["gst-launch-1.0", "rtspsrc", "user-pw=hunter2"], {"hunter2"}),
        (["cam", "--password", "hunter2", "--fps", "30"], {"hunter2"}),
        (["curl", "-u", "me:hunter2"], {"hunter2"}),
        (["sshpass", "me:hunter2@host"], {"hunter2"}),
        (["sh", "-c", "exec cam --token 'hunter2' -i rtsp://u:pw@h/"], {"'hunter2'", "pw"}),
        (["/dev/video0", "rpicam-vid", "--width", "640"], set()),
    ],
)
def test_secrets_are_found_in_addresses_and_arguments(words: list[str], secrets: set[str]) -> None:
    found = {s for s in secrets_in(words) if not s.endswith("=")}  # and the header's base64
    assert secrets <= found
    assert not any(w in found for w in ("640", "30", "main", "1", "u", "me"))
    if not secrets:
        assert found == set()


def test_what_is_remembered_is_hidden_wherever_it_turns_up() -> None:
    remember(secrets_in(["http://user:p%40ss-wörd@cam/"]))
    for shown in ("p@ss-wörd", "p%40ss-wörd", "p%40ss-w%C3%B6rd", "dXNlcjpwQHNzLXfDtnJk"):
        assert redact(f"login with {shown} failed") == "login with *** failed", shown


def test_short_words_stay() -> None:
    remember(["on", "abc"])
    assert redact("on abc") == "on abc"


def test_a_password_that_is_no_utf8_is_hidden_too() -> None:
    remember(secrets_in(["rtsp://me:\udc80\udc81pass@cam"]))
    assert "pass" not in redact("said \udc80\udc81pass and %80%81pass")


ODD = ("pa'ss\"word", "b\\s'l\"ash", "ü€漢字", "tab\there", "per%41cent", "\u202ebidi", "a/b?c#d@e")


@pytest.mark.parametrize("secret", ODD)
@pytest.mark.parametrize("shown", [str, repr, json.dumps, lambda s: repr([f"it's {s}"])])
def test_odd_characters_do_not_show_a_secret_however_it_is_quoted(
    secret: str, shown: Callable[[str], str]
) -> None:
    remember([secret])
    hidden = redact(f"got {shown(secret)}.")
    assert "***" in hidden
    assert not any(form[1:-1] in hidden for form in (repr(secret), json.dumps(secret)))


@pytest.mark.parametrize("password", ["pa'ss", 'pa"ss', "pa<ss>", "'@\"@"])
def test_quotes_in_a_password_do_not_end_an_address(password: str) -> None:
    assert redact(f"'rtsp://u:{password}@h/x' failed") == "'rtsp://***@h/x' failed"


def test_a_text_of_many_addresses_takes_no_time() -> None:
    redact('a://"' * 20_000)  # would take minutes, were the time not linear
