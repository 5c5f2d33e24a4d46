"""Is a face looking at what is to be looked at? The head within a cone round its natural pose.

How it is done, and most constants, follow openpilot's driver monitoring (commaai/openpilot,
selfdrive/monitoring/policy.py, its `VisionPolicy`), whose angles are in radians.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from edge.config import Config
from edge.config_face import Attention
from edge.messages import Condition, ConditionKind, Estimate, Sums

# Fraction of the cone that a head must come back into: between, what was before holds.
RETURN = 0.85
# s: natural poses are weighted over so much time (openpilot's _POSE_OFFSET_MAX_COUNT).
MEMORY_S = 360.0
# s: a state measured longer ago says nothing of now; longer than the gate's pause of still scenes.
STALE_S = 0.8
# s: between two measurements, no more is credited to what was seen in the first.
LONGEST_STEP_S = 1.0

WORSE = ("repeated", "long")  # levels: the second is told although the first is on


@dataclass(slots=True)
class NaturalPose:
    """Where a head points that looks ahead: the mean of near-frontal poses, learned slowly."""

    yaw: float = 0.0  # degrees: mean so far
    pitch: float = 0.0
    seconds: float = 0.0  # behind it

    def learn(self, yaw: float, pitch: float, dt: float, c: Attention) -> None:
        """Take a pose that held for `dt` seconds, unless it is far from the front."""
        from_yaw, from_pitch = yaw - c.centre_yaw, pitch - c.centre_pitch
        near = (
            abs(from_yaw) <= c.yaw + c.max_yaw_offset / 2
            and abs(from_pitch) <= c.pitch + c.max_pitch_offset / 2
        )
        if not near or dt <= 0:
            return
        self.seconds = min(self.seconds + dt, MEMORY_S)
        weight = dt / self.seconds
        self.yaw += weight * (from_yaw - self.yaw)
        self.pitch += weight * (from_pitch - self.pitch)

    def forget(self) -> None:
        """Begin anew."""
        self.yaw = self.pitch = self.seconds = 0.0

    def centre(self, c: Attention) -> tuple[float, float]:
        """Return yaw and pitch of the cone's axis, degrees; what was learned fades in."""
        trust = min(self.seconds / c.learn_s, 1.0)
        yaw = min(max(self.yaw, -c.max_yaw_offset), c.max_yaw_offset)
        pitch = min(max(self.pitch, -c.max_pitch_offset), c.max_pitch_offset)
        return c.centre_yaw + trust * yaw, c.centre_pitch + trust * pitch


def _centre(c: Attention) -> tuple[float, float]:
    return c.centre_yaw, c.centre_pitch


@dataclass(slots=True)
class _Gaze:
    """One face."""

    natural: NaturalPose
    measured: float | None = None  # s: the last measurement, known or not
    known: float | None = None  # s: the last known pose
    looking: bool | None = None
    since: float = 0.0  # s: when `looking` became so
    turning: float | None = None  # s: since when it has been otherwise, not for long enough yet
    looked_s: float = 0.0
    away: deque[tuple[float, float]] = field(default_factory=deque)  # s: looks away that ended
    attention: Condition | None = None
    distracted: Condition | None = None


class AttentionJudge:
    """Fills in `looking`; attention, and distraction where that is asked for."""

    def __init__(self, config: Config) -> None:
        """Judge as the section `attention` says."""
        self._faces: dict[str, _Gaze] = {}
        self._camera = NaturalPose()  # shared by all faces where natural = "camera"
        self._config = config.attention

    def configure(self, config: Config) -> None:
        """Go on by other settings; what is known of the faces in view stays.

        But for where they look naturally, when the centre is another: that was learned round the
        old one, and whoever sets it means that place.
        """
        before, self._config = self._config, config.attention
        if _centre(before) != _centre(self._config):
            self._camera.forget()
            for gaze in self._faces.values():
                gaze.natural.forget()

    def update(self, t: float, estimates: Sequence[Estimate]) -> tuple[Estimate, ...]:
        """Return `estimates` in their order, with `looking`, conditions and seconds looked."""
        self._faces = {
            e.track.id: self._faces.get(e.track.id) or self._new()
            for e in estimates
            if not e.track.still
        }
        return tuple(e if e.track.still else self._one(t, e) for e in estimates)

    def _new(self) -> _Gaze:
        return _Gaze(self._camera if self._config.natural == "camera" else NaturalPose())

    def _one(self, t: float, estimate: Estimate) -> Estimate:
        state, measured = estimate.state, estimate.track.state_t
        if state is None:
            return estimate
        g = self._faces[estimate.track.id]
        fresh = measured is not None and measured != g.measured
        if fresh and measured is not None:
            self._measured(measured, g, state.yaw, state.pitch)
        self._forget(t, g)
        ended = self._conditions(t, g)
        unknown = g.known is None or t - g.known > self._hold(t, g, measured)
        on = [c for c in (g.attention, g.distracted) if c is not None]
        return replace(
            estimate,
            state=msgspec.structs.replace(state, looking=None if unknown else g.looking),
            conditions=(*estimate.conditions, *on, *ended),
            sums=msgspec.structs.replace(estimate.sums or Sums(), looked_s=g.looked_s),
        )

    def _hold(self, t: float, g: _Gaze, measured: float | None) -> float:
        """Return for how long an answer holds without a new one, s."""
        if measured is not None and g.known == measured:  # not asked since
            return STALE_S
        return self._config.hold_s

    def _measured(self, t: float, g: _Gaze, yaw: float | None, pitch: float | None) -> None:
        """Take a measurement made at `t`; None: the pose cannot be told."""
        before, g.measured = g.measured, t
        if yaw is None or pitch is None:
            g.turning = None
            return
        dt = min(t - before, LONGEST_STEP_S) if before is not None and before == g.known else 0.0
        g.known = t
        c = self._config
        if c.natural != "off":
            g.natural.learn(yaw, pitch, dt, c)
        centre_yaw, centre_pitch = g.natural.centre(c)
        out = max(abs(yaw - centre_yaw) / c.yaw, abs(pitch - centre_pitch) / c.pitch)
        # Between the two bounds, what was before holds; a first answer needs no margin.
        looks = out <= (RETURN if g.looking is False else 1.0)
        if looks == g.looking:
            g.turning = None
            g.looked_s += dt if looks else 0.0
            return
        if g.turning is None:
            g.turning = t - dt / 2  # it turned between two measurements
        if t - g.turning >= c.hold_s:
            if g.looking is False:
                g.away.append((g.since, g.turning))
            g.looking, g.since, g.turning = looks, g.turning, None
            g.looked_s += t - g.since if looks else 0.0

    def _forget(self, t: float, g: _Gaze) -> None:
        """Begin anew when the pose has been uncertain for too long; nobody can say for how long."""
        if g.looking is not None and g.known is not None and t - g.known >= self._config.unknown_s:
            g.looking, g.turning, g.since = None, None, t
            g.away.clear()

    def _conditions(self, t: float, g: _Gaze) -> list[Condition]:
        """Set the conditions that are on; return those that have just ended."""
        ended = []
        if g.looking and g.attention is None:
            g.attention = Condition(ConditionKind.ATTENTION, g.since, g.since)
        elif not g.looking and g.attention is not None:
            ended.append(replace(g.attention, ended=g.since))
            g.attention = None
        level = self._away(t, g) if self._config.distraction else None
        if g.distracted is not None and (g.looking is not False or not self._config.distraction):
            # Who still looks away is so until now: it is no longer asked for.
            end = t if g.looking is False else max(g.since, g.distracted.at)
            ended.append(replace(g.distracted, ended=end))
            g.distracted = None
            g.away.clear()  # who was warned begins anew
        elif level is not None and (g.distracted is None or (g.distracted.level, level) == WORSE):
            g.distracted = Condition(ConditionKind.DISTRACTED, g.since, t, level)
        return ended

    def _away(self, t: float, g: _Gaze) -> str | None:
        """Return how a face has looked away for too long; None: it has not."""
        c = self._config
        while g.away and g.away[0][1] <= t - c.away_window_s:
            g.away.popleft()
        # Whoever may be looking back already, or cannot be seen, is given the time to tell.
        if g.looking is not False or g.turning is not None or g.known != g.measured:
            return None
        now = t - g.since
        if now >= c.away_s:
            return "long"
        begin = t - c.away_window_s
        before = sum(end - max(start, begin) for start, end in g.away)
        return "repeated" if before + now >= c.away_sum_s else None
