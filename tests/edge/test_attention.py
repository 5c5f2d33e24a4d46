"""Other settings of attention while a face is in view; what faces do is in test_scenarios."""

from __future__ import annotations

from typing import Any

import pytest

from edge.attention import AttentionJudge
from edge.config import Config
from edge.config_face import Attention
from edge.geometry import Box
from edge.messages import ConditionKind, Estimate, FaceState, Track

HZ = 10.0


class Face:
    """One face before a judge, at ten measurements a second."""

    def __init__(self, **keys: Any) -> None:
        self.judge = AttentionJudge(Config(attention=Attention(**keys)))
        self.n = 0

    def configure(self, **keys: Any) -> None:
        self.judge.configure(Config(attention=Attention(**keys)))

    def look(self, seconds: float, yaw: float, pitch: float = 0.0) -> list[Estimate]:
        out = []
        for _ in range(round(seconds * HZ)):
            self.n += 1
            t = self.n / HZ
            state = FaceState(yaw=yaw, pitch=pitch)
            box = Box(10, 10, 80, 90)
            track = Track("a", box, 0.9, 0.0, t, (320, 240), state=state, state_t=t)
            one = Estimate(track, "neutral", 0.9, {}, 0.1, 0.0, None, 1.0, state=state)
            out += self.judge.update(t, [one])
        return out

    def looks(self, yaw: float, pitch: float = 0.0) -> bool | None:
        state = self.look(1.0, yaw, pitch)[-1].state
        assert state is not None
        return state.looking


@pytest.mark.parametrize("natural", ["track", "camera"])
def test_a_centre_that_is_set_is_where_it_was_set_whatever_was_learned_before(natural: str) -> None:
    face = Face(natural=natural)
    face.look(90.0, 15.0)  # learned: 15 degrees beside the camera
    assert face.looks(35.0)
    face.configure(natural=natural, centre_yaw=15.0)
    assert face.looks(15.0)
    assert not face.looks(41.0), "the axis is at 15, not at 30"
    assert face.looks(-3.0)


def test_another_setting_leaves_what_was_learned() -> None:
    face = Face()
    face.look(90.0, 15.0)
    face.configure(hold_s=0.2)
    assert face.looks(35.0)


def test_distraction_that_is_switched_off_ends_then_and_not_when_it_was_told() -> None:
    face = Face(distraction=True)
    face.look(5.0, 0.0)
    face.look(8.0, 60.0)
    face.configure(distraction=False)
    (estimate,) = face.look(0.1, 60.0)
    (ended,) = [c for c in estimate.conditions if c.kind == ConditionKind.DISTRACTED]
    assert ended.since == pytest.approx(5.0, abs=0.2)
    assert ended.ended == face.n / HZ == 13.1
