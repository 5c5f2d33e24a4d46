"""Records what devices say: from the broker into the history.

The broker is told that a message arrived when the database has committed it, and not before: what
either of the three forgets by being killed, the broker sends again, and a second time counts once.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import insert, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from edge.backoff import Backoff, Waits
from edge.client.connection import Connection, Filter, Token
from edge.config_publish import Mqtt
from edge.store.alone import end_silent
from edge.store.database import Store, why
from edge.store.digest import digest
from edge.store.holes import DELAY, PATIENCE
from edge.store.incoming import NewEvent, read_event
from edge.store.models import Recorder as RecorderRow
from edge.store.presence import KINDS, Presence
from edge.store.purge import purge
from edge.store.subscriptions import earlier
from edge.store.turns import EVENTS
from edge.store.write import Writer

log = logging.getLogger(__name__)

BATCH = 500  # events that are worth a transaction at once
BATCH_S = 0.2  # s; fewer wait so long for more
# What the broker sends ahead: two batches, one under way in the database and one to fill. It is
# also the bound on memory: 64 kB a message at most, normally 1 kB.
AHEAD = 2 * BATCH
LOOSE = 10_000  # events of QoS 0 that wait; the broker does not wait for us with these
DIGEST_S = 1.0  # between two digests, while there is little to store
CHORES_S = 1.0
SEEN_S = 30.0  # between two notes that we are here, and when devices were last heard
PURGE_S = 3600.0  # between two looks for what is too old
WAITS = Waits(first_s=0.5, most_s=30.0)


@dataclass(frozen=True, slots=True)
class Settings:
    """How to record."""

    name: str  # of this recorder: the broker knows it again by it
    group: str = ""  # recorders of one group share the events; empty: this one gets all
    keep: timedelta | None = None  # delete older events and visits; None: keep all
    session_s: int = 7 * 86_400  # how long the broker keeps events for us while we are away


@dataclass(slots=True)
class Counts:
    """What happened since the start."""

    stored: int = 0  # events that were new
    duplicates: int = 0  # events that were known
    invalid: int = 0  # messages that are no events
    refused: int = 0  # events that the database would not take
    dropped: int = 0  # events of QoS 0, while the database was away
    waiting: int = 0  # events in memory
    failures: int = 0  # transactions that failed


@dataclass(frozen=True, slots=True)
class _Held:
    device: str
    payload: bytes
    received: datetime
    token: Token | None


@dataclass(slots=True)
class _Due:
    """When a chore is to be done next; s, monotonic."""

    every_s: float
    at: float = 0.0

    def now(self) -> bool:
        """Whether it is time; if so it is taken as done."""
        now = time.monotonic()
        if now < self.at:
            return False
        self.at = now + self.every_s
        return True


@dataclass(slots=True)
class _Outage:
    """Says once that the database is away, and when it is back."""

    name: str
    since: float = 0.0  # s, monotonic; 0: it is there
    backoff: Backoff = field(default_factory=lambda: Backoff(WAITS, random.Random()))

    def failed(self, error: DBAPIError) -> float:
        """Return how long to wait before the next try."""
        level = logging.DEBUG if self.since else logging.WARNING
        log.log(level, "history %s: %s; events wait at the broker", self.name, why(error))
        self.since = self.since or time.monotonic()
        return self.backoff.next(refused=False)

    def over(self) -> None:
        """It works."""
        if self.since:
            log.info("history %s: back after %.0f s", self.name, time.monotonic() - self.since)
            self.since = 0.0
            self.backoff.reset()


class Recorder:
    """One recorder. `run` in one thread; the connection has its own."""

    def __init__(self, mqtt: Mqtt, store: Store, settings: Settings) -> None:
        """Be ready to connect.

        Raises:
            UnavailableError: the database is away.
        """
        self._store = store
        self._settings = settings
        self._base = mqtt.base
        self._writer = Writer(store)
        self._presence = Presence(store, mqtt.base)
        self._held: deque[_Held] = deque()
        self._more = threading.Condition()
        self._stopped = threading.Event()
        self._loose = 0  # of `_held`, those without a token
        self._outage = _Outage(store.name)
        self._owed = 0  # events stored since we digested last
        self._row: int | None = None  # in the table of recorders
        self._noted: datetime | None = None  # when that was last written
        self._fault = ""  # of ours, that was told last
        self.counts = Counts()
        events = f"{mqtt.base}/+/event"
        wanted = f"$share/{settings.group}/{events}" if settings.group else events
        leave = {*earlier(store, settings.name, wanted), events} - {wanted}
        steps: list[list[Filter]] = [[(wanted, 1)]]
        steps += [[(f"{mqtt.base}/+/{kind}", 0)] for kind in KINDS]
        self._connection = Connection(
            mqtt,
            f"emotion-edge-record-{settings.name}",
            steps,
            lambda topic, _, payload: self._hold(topic, payload, None),
            settings.session_s,
            hold=self._hold,
            unacknowledged=AHEAD,
            leave=sorted(leave),  # or what it brings would come as well
        )

    def start(self, timeout_s: float) -> None:
        """Connect.

        Raises:
            UnavailableError: the first try fails; says why.
            ConfigError: a password file or certificate cannot be used.
        """
        self._connection.start()
        try:
            self._connection.wait(timeout_s, first_try=True)
        except BaseException:
            self._connection.close()
            raise

    def stop(self) -> None:
        """Have `run` end; from any thread or signal handler."""
        self._stopped.set()

    def run(self) -> None:
        """Record until `stop` is called; then store what is in memory, if the database is there."""
        digests, chores, seen = _Due(DIGEST_S), _Due(CHORES_S), _Due(SEEN_S)
        purges = _Due(PURGE_S)
        try:
            while not self._stopped.is_set():
                some = self._next()
                self._store_some(some)
                # Of recorders that share, each digests as much as it stores: one that did less
                # would run ahead, and what the others bring late costs more.
                busy = len(some) >= BATCH
                if self._owed >= EVENTS or (not busy and digests.now()):
                    self._try(partial(self._digest, busy=busy))
                if chores.now():
                    self._chores(seen=seen.now(), purges=purges.now())
            self._store_some(self._next(wait=False))
            self._try(partial(self._digest, last=True))
            self._chores(seen=True, purges=False)
        finally:
            self._connection.close()

    def _hold(self, topic: str, payload: bytes, token: Token | None) -> None:
        """Take a message; in the connection's thread."""
        now = datetime.now(UTC)
        name, _, kind = topic.removeprefix(self._base + "/").partition("/")
        if kind != "event":
            self._presence.take(topic, payload, now)
            return
        with self._more:
            if token is None and self._loose >= LOOSE:
                self.counts.dropped += 1
                return
            self._loose += token is None
            self._held.append(_Held(name, payload, now, token))
            if len(self._held) in (1, BATCH):
                self._more.notify()

    def _next(self, *, wait: bool = True) -> list[_Held]:
        """Return what is to be stored together; waits a little for more."""
        with self._more:
            if wait:
                if not self._held:
                    self._more.wait(BATCH_S)
                if self._held:
                    self._more.wait_for(lambda: len(self._held) >= BATCH, BATCH_S)
            some = [self._held.popleft() for _ in range(min(len(self._held), BATCH))]
            self._loose -= sum(h.token is None for h in some)
            self.counts.waiting = len(self._held) + len(some)
            return some

    def _store_some(self, some: Sequence[_Held]) -> None:
        if not some:
            return
        events = []
        for held in some:
            event = read_event(held.device, held.payload, held.received)
            if event is not None:
                events.append(event)
                self._presence.heard(event.device, held.received)
            elif held.payload:
                self.counts.invalid += 1
                level = logging.WARNING if self.counts.invalid == 1 else logging.DEBUG
                log.log(level, "%.80r: a message that is no event", held.device)
        # A write is tried again for as long as the database is away; what the broker sends
        # meanwhile is bounded, because it waits for our acknowledgements.
        while not self._write(events):
            if self._stopped.is_set():
                return  # not acknowledged: it comes again
        self._connection.acknowledge([h.token for h in some if h.token is not None])

    def _write(self, events: Sequence[NewEvent]) -> bool:
        """Store them; return False when it is to be tried again."""
        try:
            new = self._writer.write(events)
        except (DataError, IntegrityError) as e:
            return self._divide(events, e)
        except DBAPIError as e:
            self.counts.failures += 1
            self._stopped.wait(self._outage.failed(e))
            return False
        self._outage.over()
        self.counts.stored += new
        self._owed += new
        self.counts.duplicates += len(events) - new
        return True

    def _divide(self, events: Sequence[NewEvent], error: DBAPIError) -> bool:
        """Store all but those that the database does not take: one must not hold up the rest."""
        if len(events) == 1:
            self.counts.refused += 1
            log.error("event %s: the history does not take it: %s", events[0].id, why(error))
            return True
        middle = len(events) // 2
        return self._write(events[:middle]) and self._write(events[middle:])

    def _chores(self, *, seen: bool, purges: bool) -> None:
        """Do the small things; what fails is done the next time."""
        now = datetime.now(UTC)

        def do() -> None:
            self._presence.write(self._writer, now, seen=seen)
            if seen and self._connection.connected:
                self._note(now)
            if purges and self._settings.keep is not None:
                events, visits = purge(self._store, now - self._settings.keep)
                if events or visits:
                    log.info("deleted %d events and %d visits that were too old", events, visits)
            if purges:
                # After: what may still go on, should events be waiting, is not deleted at once.
                ended = end_silent(self._store, now)
                if ended:
                    log.info("ended %d visits of which nothing was heard for a week", ended)

        self._try(do)

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
            self._outage.over()
        except DBAPIError as e:
            self.counts.failures += 1
            self._outage.failed(e)
        except Exception as e:  # of one device's data; what all devices say is stored nevertheless
            self.counts.failures += 1
            level = logging.DEBUG if repr(e) == self._fault else logging.ERROR
            self._fault = repr(e)
            log.log(level, "history %s: will be tried again: %r", self._store.name, e, exc_info=e)

    def _digest(self, *, busy: bool = False, last: bool = False) -> None:
        """Digest until nothing waits, or enough events to store; at least once."""
        self._owed = 0
        enough = 1 if busy else BATCH
        # Alone, what is missing has nobody to come from.
        shared = bool(self._settings.group) and not last
        patience = PATIENCE if shared else timedelta(0)
        delay = DELAY if shared and busy else timedelta(0)
        while digest(self._store, patience, delay) and len(self._held) < enough:
            pass

    def _note(self, now: datetime) -> None:
        """Write that a recorder listens; a row of its own after a time in which it did not."""
        far = timedelta(seconds=2 * SEEN_S)
        goes_on = self._noted is not None and timedelta(0) <= now - self._noted <= far
        with self._store.begin() as c:
            if self._row is None or not goes_on:
                made = c.execute(
                    insert(RecorderRow)
                    .values(name=self._settings.name, began=now, seen=now)
                    .returning(RecorderRow.id)
                )
                self._row = made.scalar_one()
            else:
                c.execute(update(RecorderRow).where(RecorderRow.id == self._row).values(seen=now))
        self._noted = now
