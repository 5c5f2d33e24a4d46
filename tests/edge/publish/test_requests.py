"""Requests: strictly read, limited, answered."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.contract import Response, State
from edge.publish.pause import Pause
from edge.publish.requests import ANSWERS_MOST, BURST, MAX_BYTES, VERBS, Requests
from edge.stages import Control

NOW = State(time="2026-01-01T00:00:00.000Z", seq=7, status="running", emotion="none", faces=[])


def answers(requests: Requests) -> list[tuple[str, bytes]]:
    return list(iter(requests.next_answer, None))


def answer(verb: str, payload: bytes, control: Control | None = None) -> Response:
    requests = Requests(Pause(control or Control(), None), lambda: NOW)
    requests.on_message(verb, payload, 0.0)
    ((name, encoded),) = answers(requests)
    assert name == f"response/{verb}"
    return msgspec.json.decode(encoded, type=Response)


def test_pause_and_resume_set_the_control_and_echo_the_transaction() -> None:
    control = Control()
    response = answer("pause", b'{"transaction":"abc"}', control)
    assert control.paused
    assert (response.status, response.transaction, response.error) == ("ok", "abc", None)
    assert answer("resume", b"", control).status == "ok"
    assert not control.paused


def test_state_answers_with_the_present() -> None:
    assert answer("state", b"{}").state == NOW


def test_state_before_there_is_one() -> None:
    requests = Requests(Pause(Control(), None), lambda: None)
    requests.on_message("state", b'{"transaction":"x"}', 0.0)
    ((_, encoded),) = answers(requests)
    assert json.loads(encoded)["error"] == "no state yet"


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"pause please", "not a request"),
        (b'{"transaction": 7}', "transaction"),
        (b'{"transaction": "a", "path": "/etc/shadow"}', "path"),
        (b'{"transaction": "' + b"a" * 129 + b'"}', "128"),
        (b"[]", "not a request"),
        (b"null", "not a request"),
        (b"\xff\xfe", "not a request"),
        (b"[" * 1000, "not a request"),
        (b" " * (MAX_BYTES + 1), "1025 bytes; allowed: up to 1024"),
    ],
)
def test_a_wrong_payload_changes_nothing_and_is_told(payload: bytes, says: str) -> None:
    control = Control()
    response = answer("pause", payload, control)
    assert response.status == "error"
    assert response.error is not None
    assert says in response.error
    assert not control.paused


def test_an_unknown_verb_is_told_what_there_is() -> None:
    assert answer("reboot", b"").error == "unknown request; allowed: pause, resume, state"


@pytest.mark.parametrize("verb", ["", "a/b", "../state", "PAUSE", "p" * 17, "pause\n", "état"])
def test_what_is_no_verb_gets_no_answer(verb: str) -> None:
    requests = Requests(Pause(Control(), None), lambda: NOW)
    requests.on_message(verb, b"", 0.0)
    assert answers(requests) == []


def test_a_flood_is_told_once_and_then_ignored_until_it_ebbs() -> None:
    control = Control()
    requests = Requests(Pause(control, None), lambda: NOW)
    for _ in range(1000):
        requests.on_message("state", b"", 0.0)
    told = [json.loads(a) for _, a in answers(requests)]
    assert [a["status"] for a in told] == ["ok"] * int(BURST) + ["error"]
    assert "too many" in told[-1]["error"]
    requests.on_message("pause", b"", 10.0)
    assert control.paused


def test_answers_that_a_broker_never_takes_do_not_pile_up_and_pause_is_still_heard() -> None:
    control = Control()
    requests = Requests(Pause(control, None), lambda: NOW)
    for second in range(1000):
        requests.on_message("state", b"", float(second))
    requests.on_message("pause", b'{"transaction":"last"}', 1000.0)
    assert control.paused
    waiting = answers(requests)
    assert len(waiting) == ANSWERS_MOST
    assert json.loads(waiting[-1][1])["transaction"] == "last"


def _throw_at_it(verb: str, payload: bytes, now: float) -> None:
    control = Control()
    requests = Requests(Pause(control, None), lambda: NOW)
    requests.on_message(verb, payload, now)
    for name, encoded in answers(requests):
        assert name.count("/") == 1
        assert msgspec.json.decode(encoded, type=Response).status in ("ok", "error")
        assert len(encoded) < 2000
    assert not control.stopping
    assert control.paused is False or verb == "pause"


ANYTHING = (
    st.text(max_size=30) | st.sampled_from(VERBS),
    st.binary(max_size=1100)
    | st.text(max_size=300).map(lambda t: json.dumps({"transaction": t}).encode()),
    st.floats(-10, 10),
)


@given(*ANYTHING)
def test_nothing_that_comes_in_raises_or_does_harm(verb: str, payload: bytes, now: float) -> None:
    _throw_at_it(verb, payload, now)


@pytest.mark.slow
@settings(max_examples=10_000)
@given(*ANYTHING)
def test_ten_thousand_of_them(verb: str, payload: bytes, now: float) -> None:
    _throw_at_it(verb, payload, now)
