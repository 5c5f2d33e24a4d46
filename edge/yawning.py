"""Whether a mouth is open as wide as in a yawn: then no emotion is read off the face.

A yawn looks like one: of 56 yawns the daemon announced 53 as surprise, anger or another emotion
(`python -m benchmarks.state yawns`).
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.config import Config

YAWN_GAP_S = 0.2  # s: a yawn is over if the mouth is less open for so long
YAWN_MOST_S = 10.0  # s: a yawn excuses nothing for ever; yawns take 4 to 7 s
HIDDEN_S = 1.0  # s: a mouth that was wide open and cannot be told, behind a hand, say, still is


def yawn_mouth(config: Config) -> float | None:
    """Return the opening of a yawning mouth, 0 to 1; None: nobody asks for yawns."""
    asked = config.state.enabled and config.drowsiness.enabled
    return config.drowsiness.yawn_mouth if asked else None


@dataclass(slots=True)
class WideMouth:
    """The mouth of one face."""

    since: float | None = None  # s; None: it is not wide open
    last: float = 0.0  # s: when it was last seen so

    def update(self, t: float, opening: float | None, level: float) -> bool:
        """Return whether the face may be yawning.

        Args:
            t: seconds, never decreasing.
            opening: of the mouth, 0 to 1; None: it cannot be told.
            level: of a yawning mouth, 0 to 1.
        """
        if opening is not None and opening >= level:
            self.since, self.last = t if self.since is None else self.since, t
        elif t - self.last >= (HIDDEN_S if opening is None else YAWN_GAP_S):
            self.since = None
        return self.since is not None and t - self.since < YAWN_MOST_S
