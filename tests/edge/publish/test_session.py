"""Secrets: where they come from, who may read them, where they never appear."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from edge.backoff import Backoff, Waits
from edge.config_publish import Mqtt
from edge.errors import ConfigError
from edge.publish.session import read_login, tls_context
from tests.certificates import Authority

SECRET = "correct horse battery staple"


def secret(path: Path, text: str = SECRET + "\n", mode: int = 0o600) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_a_password_comes_from_its_file_without_the_line_end(tmp_path: Path) -> None:
    login = read_login(Mqtt(username="kiosk", password_file=secret(tmp_path / "p")), {})
    assert login is not None
    assert (login.username, login.password) == ("kiosk", SECRET)
    assert SECRET not in repr(login)
    assert SECRET not in f"{login}"


def test_or_from_the_credential_of_the_service(tmp_path: Path) -> None:
    secret(tmp_path / "mqtt-password")
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    login = read_login(Mqtt(username="kiosk"), env)
    assert login is not None
    assert login.password == SECRET
    assert read_login(Mqtt(), env) is None  # nobody to log in as


def test_a_user_without_a_password_is_possible(tmp_path: Path) -> None:
    login = read_login(Mqtt(username="kiosk"), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert login is not None
    assert login.password is None


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [
        (SECRET, 0o644, "mode 0644 lets others read"),
        (SECRET, 0o602, "mode 0602 lets others read or write"),
        ("", 0o600, "is empty; allowed: the password, one line"),
        ("two\nlines\n", 0o600, "one line of 1 to"),
        ("x" * 70_000, 0o600, "one line of 1 to"),
    ],
)
def test_a_password_file_that_is_refused(tmp_path: Path, text: str, mode: int, says: str) -> None:
    with pytest.raises(ConfigError, match=r"mqtt\.password_file") as e:
        read_login(Mqtt(username="kiosk", password_file=secret(tmp_path / "p", text, mode)), {})
    assert says in str(e.value)
    assert SECRET not in str(e.value)


def test_a_password_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_login(Mqtt(username="kiosk", password_file=str(tmp_path / "none")), {})
    (tmp_path / "p").write_bytes(b"\xff\xfe\n")
    (tmp_path / "p").chmod(0o600)
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_login(Mqtt(username="kiosk", password_file=str(tmp_path / "p")), {})


def test_a_password_without_a_user_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mqtt\.username"):
        read_login(Mqtt(password_file=secret(tmp_path / "p")), {})


def test_a_private_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("kiosk")
    mqtt = Mqtt(tls=True, cert_file=str(pair.cert), key_file=str(pair.key))
    assert tls_context(mqtt) is not None
    pair.key.chmod(0o644)
    with pytest.raises(ConfigError, match=r"mqtt.key_file: .* mode 0644 lets others read"):
        tls_context(mqtt)


def test_tls_files_that_do_not_fit(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, two = authority.issue("one"), authority.issue("two")
    with pytest.raises(ConfigError, match="belong together"):
        tls_context(Mqtt(tls=True, cert_file=str(one.cert), key_file=str(two.key)))
    with pytest.raises(ConfigError, match=r"mqtt\.ca_file"):
        tls_context(Mqtt(tls=True, ca_file=str(tmp_path / "none.pem")))
    (tmp_path / "text.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=r"mqtt\.ca_file"):
        tls_context(Mqtt(tls=True, ca_file=str(tmp_path / "text.pem")))


def test_waits_double_up_to_a_cap_and_a_refused_login_waits_longest() -> None:
    backoff = Backoff(Waits(first_s=1, most_s=8, refused_s=60), random.Random(3))
    waits = [backoff.next() for _ in range(100)]
    caps = [1, 2, 4] + [8] * 97
    assert all(cap / 2 <= wait <= cap for wait, cap in zip(waits, caps, strict=True))
    assert len({round(w, 6) for w in waits}) > 90  # random: a fleet does not come back at once
    assert backoff.next(refused=True) >= 30
    backoff.reset()
    assert backoff.next() <= 1
