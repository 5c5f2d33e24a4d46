"""Which faces were really there: a face that leaves is carried on for a while before it counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from edge.classify import STALE_S
from edge.messages import Estimate


class Sightings:
    """Gives frames on, in order, once it is known which of their faces were there.

    A tracker carries a face on for `track.lost_s` after its last detection. If it is found again
    it was there all along; if not, it had left by then: as in `face_left`, whose `duration_s` ends
    with the last detection.
    """

    def __init__(self, take: Callable[[float, Sequence[Estimate]], None]) -> None:
        """Give each frame's time (s) and the faces that were there to `take`."""
        self._take = take
        self._held: deque[tuple[float, Sequence[Estimate]]] = deque()
        self._seen: dict[str, float] = {}  # s: last detection, of the faces of held frames

    def frame(self, t: float, estimates: Sequence[Estimate]) -> None:
        """Take a frame at `t` (s), later than the one before."""
        self._held.append((t, estimates))
        self._seen |= {e.track.id: e.track.seen for e in estimates}
        self._give({e.track.id for e in estimates})

    def finish(self) -> None:
        """Give on the rest; who was found a moment before the end is there to the end."""
        if self._held:
            end, last = self._held[-1]
            self._seen |= {e.track.id: end for e in last if end - e.track.seen <= STALE_S}
        self._give(set())

    def _give(self, waiting: set[str]) -> None:
        """Give on what is decided; of the faces in `waiting` one does not know yet."""
        while self._held:
            t, estimates = self._held[0]
            there = [e for e in estimates if t <= self._seen[e.track.id]]
            if any(e.track.id in waiting for e in estimates if e not in there):
                return
            self._held.popleft()
            self._take(t, there)
        self._seen = {i: seen for i, seen in self._seen.items() if i in waiting}
