"""The dashboard's page with today and the last weeks, out of the history."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import tornado.template

from edge.errors import EdgeError, UsageError
from edge.report.figures import Report, report
from edge.report.page import footer, inside
from edge.report.period import Period
from edge.report.query import devices_of, read
from edge.store import Store
from edge.store.database import unavailable
from edge.web.guard import Guarded

TEMPLATE = Path(__file__).resolve().parent / "static" / "history.html"
SPANS = {1: "Today", 7: "7 days", 28: "4 weeks", 91: "13 weeks", 364: "52 weeks"}
USUAL = 7
FRESH_S = 30.0  # s for which an answer is given again: many browsers ask the store as one
ANSWERS = 32  # kept at most


class History:
    """Reports out of a store, each made once for all browsers. Thread-safe."""

    def __init__(self, store: Store, zone: tzinfo, zone_name: str, few: int) -> None:
        """Read `store`, by the days of `zone`; sums of fewer than `few` are not given out."""
        self._store = store
        self._zone = zone
        self._zone_name = zone_name
        self._few = few
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[int, str], tuple[float, Report, list[str]]] = OrderedDict()

    def last(self, days: int, device: str) -> tuple[Report, list[str]]:
        """Return the report of some days, of which today is the last, and all devices' names.

        Raises:
            UsageError: no such device.
            UnavailableError: the database is away.
        """
        with self._lock:  # one at a time: the store may be this machine's SD card
            wall = time.time()
            known = self._known.get((days, device))
            if known is None or not known[0] <= wall < known[0] + FRESH_S:
                known = (wall, *self._made(days, device, wall))
                self._known[days, device] = known
                self._known.move_to_end((days, device))
                while len(self._known) > ANSWERS:
                    self._known.popitem(last=False)
            return known[1:]

    def _made(self, days: int, device: str, wall: float) -> tuple[Report, list[str]]:
        today = datetime.fromtimestamp(wall, self._zone).date()
        first = today - timedelta(days=days - 1)
        names = [device] if device else []
        with unavailable(self._store.name), self._store.connect() as c:
            devices = list(devices_of(c, []).values())
        found = report(
            Period(first, today, self._zone),
            self._zone_name,
            lambda period, until: read(self._store, names, period, until),
            k=self._few,
            asked=names,
            wall=wall,
        )
        return found, devices


class HistoryPage(Guarded):
    """`/history?days=7&device=NAME`."""

    def initialize(self, history: History) -> None:
        """Answer out of `history`."""
        self._history = history

    async def get(self) -> None:
        """Answer with the whole page."""
        said = self.get_query_argument("days", "")
        days = int(said) if said.isdecimal() and int(said) in SPANS else USUAL
        device = self.get_query_argument("device", "")
        found: Report | None = None
        names: list[str] = []
        trouble = ""
        try:
            found, names = await asyncio.to_thread(self._history.last, days, device)
        except UsageError:
            self.set_status(404)
            trouble = "The history knows no such device."
        except EdgeError as e:
            self.set_status(503)
            trouble = f"The history cannot be read now: {e}."
        template = tornado.template.Template(TEMPLATE.read_text("utf-8"))
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(
            template.generate(
                spans=SPANS,
                days=days,
                device=device,
                names=names,
                trouble=trouble,
                inside=inside(found) if found else "",
                footer=footer(found) if found else "",
            )
        )
