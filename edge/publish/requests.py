"""Requests from outside: pause, resume, state. Strictly read, limited in size and rate.

They name no files, choose no topics and change nothing that is published but pause and resume.
"""

from __future__ import annotations

import collections
import logging
import re
from collections.abc import Callable

import msgspec

from edge.contract import Request, Response, State, decode_request, encode
from edge.publish.pause import Pause

log = logging.getLogger(__name__)

VERBS = ("pause", "resume", "state")
MAX_BYTES = 1024  # of a payload; a transaction of 128 characters in JSON fits in any encoding
RATE = 5.0  # requests a second, in the long run
BURST = 10.0  # at once
ANSWERS_MOST = 20  # that wait for a broker which takes none; the oldest go
_ANSWERABLE = re.compile(r"[a-z]{1,16}")  # another verb gets no answer: it would name the topic


class Requests:
    """Acts on requests and holds the answers until they are sent. For one thread."""

    def __init__(self, pause: Pause, state: Callable[[], State | None]) -> None:
        self._pause = pause
        self._state = state
        self._answers: collections.deque[tuple[str, bytes]] = collections.deque(maxlen=ANSWERS_MOST)
        self._tokens = BURST
        self._filled: float | None = None
        self._told_limit = False

    def on_message(self, verb: str, payload: bytes, now: float) -> None:
        """Handle one request; `now` in seconds, monotonic. Never raises for what it is given."""
        if not _ANSWERABLE.fullmatch(verb):
            log.debug("request ignored: %r is no verb", verb[:64])
            return
        if not self._allowed(now):
            if not self._told_limit:  # once a burst: an answer each would double the flood
                self._told_limit = True
                self._answer(verb, Response(status="error", error=f"too many; {RATE:g} a second"))
            return
        self._answer(verb, self._handle(verb, payload))

    def next_answer(self) -> tuple[str, bytes] | None:
        """Return and forget the oldest answer: its name under the device's topic, and payload."""
        return self._answers.popleft() if self._answers else None

    def _allowed(self, now: float) -> bool:
        if self._filled is not None:
            self._tokens = min(self._tokens + max(now - self._filled, 0.0) * RATE, BURST)
        self._filled = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        self._told_limit = False
        return True

    def _handle(self, verb: str, payload: bytes) -> Response:
        if verb not in VERBS:
            return _error(f"unknown request; allowed: {', '.join(VERBS)}")
        if len(payload) > MAX_BYTES:
            return _error(f"{len(payload)} bytes; allowed: up to {MAX_BYTES}")
        try:
            request = decode_request(payload) if payload else Request()
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as e:
            return _error(f"not a request: {e}")
        if verb == "state":
            state = self._state()
            if state is None:
                return _error("no state yet", request.transaction)
            return Response(status="ok", transaction=request.transaction, state=state)
        self._pause.set(verb == "pause" and request.on)
        return Response(status="ok", transaction=request.transaction)

    def _answer(self, verb: str, response: Response) -> None:
        self._answers.append((f"response/{verb}", encode(response)))


def _error(text: str, transaction: str = "") -> Response:
    return Response(status="error", error=text, transaction=transaction)
