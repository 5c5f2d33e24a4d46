"""Lids and mouth over time: blinks, eyes that stay shut, PERCLOS, yawns. Information, no safety.

PERCLOS is the share of a minute with the eyes at least 80 % closed (Wierwille et al. 1994; NHTSA,
PERCLOS: A Valid Psychophysiological Measure of Alertness, 1998).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from edge.config import Config
from edge.messages import Condition, ConditionKind, Estimate, FaceState, Sums
from edge.mouth import YAWN_GAP_S, YAWN_MOST_S

MINUTE_S = 60.0  # of PERCLOS and of the blink rate
LEAST_KNOWN_S = 30.0  # of a minute with the eyes seen, before PERCLOS is told
# A person's own open level, as the network sees it: narrow eyes are not half closed ones.
OPEN_FIRST, OPEN_LEAST, OPEN_MOST = 0.9, 0.5, 1.0
OPEN_TAU_S = 20.0  # s: time constant with which it is learned
REOPEN = 1.5  # times the level at which eyes count as closed: there they count as open again
BLINK_MOST_S = 0.5  # longer is no blink but a microsleep, Euro NCAP
LONG_BLINKS = 5  # in a minute, before their mean length says anything
# degrees: beyond, lids are seen from above, from below or from the side and say nothing.
LOWEST_PITCH, HIGHEST_PITCH, WIDEST_YAW = -22.0, 20.0, 40.0
UNSEEN_S = 1.0  # s: eyes that are not seen for so long are no longer called closed
STALE_S = 0.8  # s: a state measured longer ago says nothing of now
LIDS_STEP_S = 0.2  # s: between two measurements at 5 a second, where lids move within it
# Of a longer gap than between two measurements, one of which was missed, nobody knows whether the
# eyes were open or shut: it is neither microsleep, blink nor PERCLOS. How far measurements are
# apart is the camera's and the budget's: a mean says it, weighted by PACE_WEIGHT a measurement.
GAP_STEPS, GAP_LEAST_S = 2.5, 0.3
PACE_WEIGHT, SLOWEST_S = 0.25, 0.25  # SLOWEST_S: 4 a second; what comes slower has gaps
GLIMPSES = 2.0  # times longer hidden than seen shut: each may have been a blink, none adds up
LONGEST_STEP_S = 1.0  # s: between two measurements, no more is credited to the first
MOUTH_SHUT = 0.7  # times the level of a yawn: below it, a yawn may be over
CALM = 2 / 3  # of the level: below it, drowsiness is over


@dataclass(slots=True)
class _Lids:
    """The lids of one face."""

    open_level: float = OPEN_FIRST
    seen: float | None = None  # s: last measurement of the eyes
    closed: float | None = None  # s: since when, or since the last gap; None: open
    carried: float = 0.0  # s: that they were seen shut before that gap
    hidden: float = 0.0  # s: gaps meanwhile
    step: float = LIDS_STEP_S  # s: between two measurements, of late
    blinks: int = 0
    spans: deque[tuple[float, float]] = field(default_factory=deque)  # s: eyes closed from, to
    short: deque[tuple[float, float]] = field(default_factory=deque)  # s: blinks: at, length
    watched: deque[tuple[float, float]] = field(default_factory=deque)  # s: eyes seen from, to
    eyes: Condition | None = None
    drowsy: Condition | None = None


@dataclass(slots=True)
class _Mouth:
    """The mouth of one face."""

    wide: float | None = None  # s: since when
    last_wide: float = 0.0  # s
    area: float = 0.0  # opening x seconds since `wide`
    before: float | None = None  # s: the last measurement
    yawns: int = 0
    yawn: Condition | None = None


class DrowsinessJudge:
    """Counts blinks and yawns; conditions of lids and mouth where they are asked for."""

    def __init__(self, config: Config) -> None:
        """Judge as the section `drowsiness` says."""
        self._faces: dict[str, tuple[_Lids, _Mouth]] = {}
        self._measured: dict[str, float] = {}
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Go on by other settings; what is known of the faces in view stays."""
        self._config = config.drowsiness

    def update(self, t: float, estimates: Sequence[Estimate]) -> tuple[Estimate, ...]:
        """Return `estimates` in their order, with conditions and counts."""
        living = [e.track.id for e in estimates if not e.track.still]
        self._faces = {i: self._faces.get(i) or (_Lids(), _Mouth()) for i in living}
        self._measured = {i: m for i, m in self._measured.items() if i in self._faces}
        return tuple(e if e.track.still else self._one(t, e) for e in estimates)

    def _one(self, t: float, estimate: Estimate) -> Estimate:
        state, measured, name = estimate.state, estimate.track.state_t, estimate.track.id
        if state is None:
            return estimate
        lids, mouth = self._faces[name]
        before = self._measured.get(name)
        if measured is not None and measured != before:
            self._measured[name] = measured
            if before is not None:
                lids.step += PACE_WEIGHT * (min(measured - before, SLOWEST_S) - lids.step)
            self._unseen(measured, lids, mouth)  # or a pause of the camera would count as seen
            self._mouth(measured, mouth, state.mouth)
            yawning = mouth.wide is not None and measured - mouth.wide < YAWN_MOST_S
            self._lids(measured, lids, None if yawning else openness(state))
        self._unseen(t, lids, mouth)
        sums = msgspec.structs.replace(
            estimate.sums or Sums(),
            blinks=lids.blinks,
            yawns=mouth.yawns,
            **_last_minute(t, lids),
        )
        ended = (
            self._conditions(t, lids, mouth, sums)
            if self._config.enabled
            else self._off(t, lids, mouth)
        )
        on = [c for c in (lids.eyes, lids.drowsy, mouth.yawn) if c is not None]
        return replace(estimate, conditions=(*estimate.conditions, *on, *ended), sums=sums)

    def _lids(self, t: float, lids: _Lids, value: float | None) -> None:
        """Take the openness measured at `t`; None: it cannot be told."""
        if value is None:
            return
        before, lids.seen = lids.seen, t
        dt = min(t - before, LONGEST_STEP_S) if before is not None else 0.0
        if dt > 0:
            _extend(lids.watched, t - dt, t)
        level = self._config.closed * lids.open_level
        half = min(dt, LIDS_STEP_S) / 2  # the lids moved between two measurements
        if lids.closed is None and value <= level:
            lids.closed, lids.carried, lids.hidden = t - half, 0.0, 0.0
        elif lids.closed is not None and value >= min(REOPEN * level, 0.9 * lids.open_level):
            self._opened(t - dt + half, lids)  # by what was seen, again
        elif (
            lids.closed is not None
            and before is not None
            and t - before > max(GAP_STEPS * lids.step, GAP_LEAST_S)
        ):
            self._gap(before, t, lids)
        elif lids.closed is None:
            step = (value - lids.open_level) * min(dt / OPEN_TAU_S, 1.0)
            lids.open_level = min(max(lids.open_level + step, OPEN_LEAST), OPEN_MOST)

    def _gap(self, before: float, t: float, lids: _Lids) -> None:
        """Take a gap with shut eyes on both sides: they may have been open in it."""
        began = before if lids.closed is None else lids.closed
        lids.spans.append((began, before))
        lids.carried += before - began
        lids.hidden += t - before
        lids.closed = t
        if lids.hidden > GLIMPSES * lids.carried:
            lids.carried = lids.hidden = 0.0
        if lids.eyes is not None:  # it is as long as they were seen shut
            lids.eyes = replace(lids.eyes, since=lids.eyes.since + t - before)

    def _opened(self, t: float, lids: _Lids) -> None:
        began, lids.closed = lids.closed, None
        if began is None:
            return
        lids.spans.append((began, t))
        length = lids.carried + t - began
        if length <= BLINK_MOST_S:
            lids.blinks += 1
            lids.short.append((t, length))

    def _mouth(self, t: float, mouth: _Mouth, value: float | None) -> None:
        """Take the mouth's opening measured at `t`; None: it cannot be told."""
        before, mouth.before = mouth.before, t
        dt = min(t - before, LONGEST_STEP_S) if before is not None else 0.0
        level = self._config.yawn_mouth
        if value is not None and value >= (level if mouth.wide is None else MOUTH_SHUT * level):
            if mouth.wide is None:
                mouth.wide, mouth.area, dt = t - dt / 2, 0.0, dt / 2
            mouth.last_wide = t
        elif (
            value is not None  # one that is not seen for a moment is not shut
            and mouth.wide is not None
            and t - mouth.last_wide >= YAWN_GAP_S
        ):
            mouth.wide = None
        if value is not None and mouth.wide is not None:
            mouth.area += value * dt

    def _unseen(self, t: float, lids: _Lids, mouth: _Mouth) -> None:
        """Forget what has not been seen for too long."""
        if lids.closed is not None and lids.seen is not None and t - lids.seen >= UNSEEN_S:
            lids.spans.append((lids.closed, lids.seen))
            lids.closed = None
        if mouth.wide is not None and t - mouth.last_wide >= UNSEEN_S:
            mouth.wide = None

    def _conditions(self, t: float, lids: _Lids, mouth: _Mouth, sums: Sums) -> list[Condition]:
        """Set the conditions that are on; return those that have just ended."""
        return [
            *self._eyes_closed(t, lids),
            *self._drowsy(t, lids, sums),
            *self._yawn(t, mouth),
        ]

    def _eyes_closed(self, t: float, lids: _Lids) -> list[Condition]:
        c, on = self._config, lids.eyes
        if lids.closed is None:
            if on is None:
                return []
            lids.eyes = None
            return [replace(on, ended=lids.spans[-1][1] if lids.spans else t)]
        # By what was seen: in between, they may have opened. It adds up where it is most of it.
        seen = lids.seen if lids.seen is not None else t
        held = seen - lids.closed
        if lids.hidden <= lids.carried + held:
            held += lids.carried
        level = "sleep" if held >= c.sleep_s else "microsleep" if held >= c.microsleep_s else None
        if level is None or (on is not None and on.level in {level, "sleep"}):
            return []
        since = seen - held if on is None else min(on.since, seen - held)
        lids.eyes = Condition(ConditionKind.EYES_CLOSED, since, t, level)
        return []

    def _drowsy(self, t: float, lids: _Lids, sums: Sums) -> list[Condition]:
        c = self._config
        perclos = sums.perclos or 0.0
        many = sum(at > t - MINUTE_S for at, _ in lids.short) >= LONG_BLINKS
        slow = sums.blink_s is not None and many and sums.blink_s >= c.blink_s
        if lids.drowsy is None:
            if perclos >= c.perclos or slow:
                lids.drowsy = Condition(ConditionKind.DROWSY, t, t)
        elif perclos < CALM * c.perclos and not slow:
            ended, lids.drowsy = replace(lids.drowsy, ended=t), None
            return [ended]
        return []

    def _yawn(self, t: float, mouth: _Mouth) -> list[Condition]:
        on = mouth.yawn
        if mouth.wide is None:
            mouth.yawn = None
            return [] if on is None else [replace(on, ended=max(mouth.last_wide, on.at))]
        held = mouth.last_wide - mouth.wide
        # Who talks opens the mouth as wide, and shuts it with each syllable.
        open_all_along = mouth.area >= self._config.yawn_mouth * held
        if on is None and held >= self._config.yawn_s and open_all_along:
            mouth.yawns += 1
            mouth.yawn = Condition(ConditionKind.YAWN, mouth.wide, t)
        return []

    def _off(self, t: float, lids: _Lids, mouth: _Mouth) -> list[Condition]:
        """End what is on: it is no longer asked for."""
        on = [c for c in (lids.eyes, lids.drowsy, mouth.yawn) if c is not None]
        lids.eyes = lids.drowsy = mouth.yawn = None
        return [replace(c, ended=t) for c in on]


def openness(state: FaceState) -> float | None:
    """Return how far the eyes are open, 0 to 1: the mean of those that are seen; None: neither."""
    if state.pitch is not None and not LOWEST_PITCH <= state.pitch <= HIGHEST_PITCH:
        return None
    if state.yaw is not None and abs(state.yaw) > WIDEST_YAW:
        return None
    known = [v for v in (state.eyes.left, state.eyes.right) if v is not None]
    return sum(known) / len(known) if known else None


def _extend(spans: deque[tuple[float, float]], begin: float, end: float) -> None:
    """Add a span; one that follows the last without a gap lengthens it."""
    if spans and spans[-1][1] >= begin - 1e-6:
        spans[-1] = (spans[-1][0], end)
    else:
        spans.append((begin, end))


def _last_minute(t: float, lids: _Lids) -> dict[str, float | None]:
    """Return PERCLOS, blinks a minute and their mean length; None: too little was seen."""
    begin = t - MINUTE_S
    for spans in (lids.spans, lids.watched):
        while spans and spans[0][1] <= begin:
            spans.popleft()
    while lids.short and lids.short[0][0] <= begin:
        lids.short.popleft()
    known = sum(end - max(start, begin) for start, end in lids.watched)
    if known < LEAST_KNOWN_S:
        return {"perclos": None, "blinks_per_min": None, "blink_s": None}
    shut = sum(end - max(start, begin) for start, end in lids.spans)
    if lids.closed is not None and lids.seen is not None:
        shut += max(lids.seen - max(lids.closed, begin), 0.0)
    lengths = [length for _, length in lids.short]
    return {
        # Of a whole minute: what was not seen counts as open, and nobody is alarmed too early.
        "perclos": min(shut / MINUTE_S, 1.0),
        "blinks_per_min": len(lengths) * MINUTE_S / known,
        "blink_s": sum(lengths) / len(lengths) if lengths else None,
    }
