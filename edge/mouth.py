"""Mouths of which no emotion can be read: hidden ones, and those open as wide as in a yawn.

Of 110 people with masks the daemon announced 45 as sad, happy, surprised and so on, and 53 of 56
yawns (`python -m benchmarks.masks`, `python -m benchmarks.state yawns`).
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.config import Config
from edge.messages import FaceState

# A mouth open by so much and no eye told as open by so much: 241 of 344 photographed yawns, of
# FER2013's public test 2 of 402 surprises, 5 of 850 smiles, 23 of 249 angry faces: screams
# (`python -m benchmarks.unscored`). At 0.4 two thirds more of the latter, at 0.6 a quarter fewer
# yawns.
YAWN_OPENING, LIDS_OPEN = 0.5, 0.5
YAWN_GAP_S = 0.2  # s: a yawn is over if the mouth is less open for so long
YAWN_MOST_S = 10.0  # s: a yawn excuses nothing for ever; yawns take 4 to 7 s
REVEALED_S = 0.5  # s: a mouth that was covered is to be seen for so long: a cloth has folds
HIDDEN_S = 1.0  # s: a mouth that was wide open and cannot be told, behind a hand, say, still is
# s: so long without a pose and nothing is known of a mouth that was hidden. Masks stay on, but the
# pose of who wears one comes back within moments; a hand is taken away unseen where nobody asks
# any more, as of a face that is no longer among the largest.
UNTOLD_S = 5.0


def yawn_mouth(config: Config) -> float | None:
    """Return the opening of a yawning mouth, 0 to 1; None: nobody asks for yawns."""
    asked = config.watches_lids()
    return config.drowsiness.yawn_mouth if asked else None


def seems_to_yawn(state: FaceState | None) -> bool:
    """Return whether the mouth is as wide open as in a yawn, and no eye is told as open.

    Eyes that cannot be told count as shut: so they are behind glasses, or squeezed. Who is
    surprised opens both; who screams may look the same.
    """
    if state is None or state.mouth is None or state.mouth < YAWN_OPENING:
        return False
    return all(lid is None or lid < LIDS_OPEN for lid in (state.eyes.left, state.eyes.right))


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


@dataclass(slots=True)
class CoveredMouth:
    """Whether the mouth of one face is hidden: by a mask, say."""

    since: float | None = None  # s: since when it is to be seen again; None: it never was hidden
    hidden: bool = False
    untold: float | None = None  # s: since when there is no pose; None: there is one

    def turned(self) -> None:
        """Note that there is a pose, though it may be one in which no mouth is told."""
        self.untold = None

    def update(self, t: float, state: FaceState | None) -> bool:
        """Return whether it is, by the state at `t`, s.

        It is where the pose is told and the mouth is not: of 84 of 110 people with masks, of 3 of
        300 without (`python -m benchmarks.masks`). Without a pose nothing new is known,
        and after a while nothing at all.
        """
        if state is None or state.yaw is None:
            self.untold = t if self.untold is None else self.untold
            self.hidden = self.hidden and t - self.untold < UNTOLD_S
            return self.hidden
        self.turned()
        if state.mouth is None:
            self.hidden, self.since = True, None
        elif self.hidden:
            self.since = t if self.since is None else self.since
            self.hidden = t - self.since < REVEALED_S
        return self.hidden
