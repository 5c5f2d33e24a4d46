"""Hours of an audience that are over: each waits until the broker has it, the oldest first."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable

from edge.contract import AudienceHour, encode

log = logging.getLogger(__name__)

MOST = 168  # hours that wait, a week of them; the oldest go


class Hours:
    """Hands the oldest hour over to be retained, and the next one when the broker has it.

    The last hour stays when the broker has it, to be retained again after a restart of both. For
    any thread. What was acknowledged just before a restart may come again.
    """

    def __init__(
        self, retain: Callable[[bytes], None], left_behind: Iterable[AudienceHour]
    ) -> None:
        """Go on with what an earlier run left, the oldest first."""
        self._retain = retain
        self._lock = threading.Lock()
        self._waiting = deque(left_behind, maxlen=MOST)
        self._acknowledged = False  # the first of `_waiting`; then it is the last as well
        self._told = False  # the broker has had one of this run
        with self._lock:
            self._hand_over()

    def add(self, hour: AudienceHour) -> None:
        """Take an hour that is over."""
        with self._lock:
            if self._acknowledged:
                self._waiting.popleft()
                self._acknowledged = False
            self._waiting.append(hour)
            self._hand_over()

    def before(self, earlier: Iterable[AudienceHour]) -> None:
        """Take hours of an earlier run that were found late, the oldest first.

        Once the broker has a later one they are dropped: what is retained does not go back.
        """
        hours = list(earlier)
        with self._lock:
            if self._told and hours:
                log.info("audience: %d earlier hours were found too late to be told", len(hours))
            elif hours:
                self._waiting = deque([*hours, *self._waiting], maxlen=MOST)
                self._hand_over()

    def acknowledged(self, payload: bytes) -> None:
        """Note that the broker has an hour that was handed over."""
        with self._lock:
            if not self._waiting or payload != encode(self._waiting[0]):
                return  # it had waited for too long, and went meanwhile
            self._told = True
            self._acknowledged = len(self._waiting) == 1
            if not self._acknowledged:
                self._waiting.popleft()
                self._hand_over()

    @property
    def kept(self) -> list[AudienceHour]:
        """What the disk should have, the oldest first."""
        with self._lock:
            return list(self._waiting)

    def _hand_over(self) -> None:
        # Under the lock: an older hour must not follow a newer one.
        if self._waiting:
            self._retain(encode(self._waiting[0]))
