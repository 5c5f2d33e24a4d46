"""What follows from keys of several sections."""

from __future__ import annotations

import pytest

from edge.config_rules import asked_states
from edge.configfile import load


@pytest.mark.parametrize(
    ("sets", "rate"),
    [
        ([], 4.0),
        (["classify.check_rate=2"], 2.0),
        (["classify.check_rate=0"], None),
        (["classify.enabled=false"], None),
        (["state.enabled=true"], 15.0),
        (["profile=kiosk", "classify.check_rate=0"], 10.0),
        (["profile=driver"], 20.0),
    ],
)
def test_the_state_is_asked_for_to_be_told_or_to_know_who_can_be_scored(
    sets: list[str], rate: float | None
) -> None:
    section = asked_states(load(None, {}, sets))
    assert (section and section.rate) == rate


def test_as_many_faces_are_asked_as_are_scored_by_the_limits_of_the_state() -> None:
    section = asked_states(load(None, {}, ["classify.max_faces=7", "state.min_face_px=50"]))
    assert section is not None
    assert (section.max_faces, section.min_face_px) == (7, 50)
