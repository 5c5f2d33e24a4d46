"""What a face shows at rest is learned slowly, within bounds, and taken off."""

from __future__ import annotations

import numpy as np
import pytest

from edge.baseline import ENOUGH_VISITS, LEARN_S, BaselineCorrector
from edge.config_emotion import Baseline, Smooth
from edge.geometry import Box
from edge.messages import Estimate, Scores, Track
from edge.smooth import TemporalSmoother

LABELS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
ON = Baseline(enabled=True)


def track(name: str = "a") -> Track:
    return Track(name, Box(0, 0, 50, 60), 0.9, 0.0, 0.0, (320, 240))


def face(**shown: float) -> np.ndarray:
    """Scores of a face: those given, the rest among the others alike."""
    rest = (1 - sum(shown.values())) / (len(LABELS) - len(shown))
    return np.array([shown.get(label, rest) for label in LABELS], np.float32)


SAD_AT_REST = face(sad=0.55, neutral=0.35)
ORDINARY = face(neutral=0.8, sad=0.1)
SMILE = face(happy=0.9, neutral=0.05)
CRYING = face(sad=0.95, neutral=0.02)


class Visit:
    """A face before the camera, ten scores a second."""

    def __init__(self, config: Baseline = ON) -> None:
        self.corrector = BaselineCorrector(LABELS, config)
        self.smoother = TemporalSmoother(LABELS, Smooth())
        self.t = 0.0

    def show(self, probabilities: np.ndarray, seconds: float, name: str = "a") -> Estimate:
        for _ in range(round(seconds * 10)):
            self.t += 0.1
            one = self.corrector.update(self.t, [track(name)], [Scores(name, probabilities)])
            (estimate,) = self.smoother.update(self.t, [track(name)], one)
        return estimate


def test_who_looks_sad_at_rest_is_neutral_once_that_is_known_and_it_is_told() -> None:
    visit = Visit()
    assert visit.show(SAD_AT_REST, 60).emotion == "sad"
    later = visit.show(SAD_AT_REST, LEARN_S)
    assert later.emotion == "neutral"
    assert later.baseline.keys() == {"sad"} and later.baseline["sad"] < 0.5


def test_tears_of_the_same_face_are_still_sad() -> None:
    visit = Visit()
    visit.show(SAD_AT_REST, LEARN_S + 10)
    assert visit.show(CRYING, 3).emotion == "sad"


def test_an_ordinary_face_is_left_alone() -> None:
    visit = Visit()
    estimate = visit.show(ORDINARY, LEARN_S + 10)
    assert estimate.baseline == {}
    assert estimate.scores["neutral"] == pytest.approx(0.8, abs=1e-3)


@pytest.mark.parametrize("before", [10, LEARN_S - 60, LEARN_S, 600])
def test_an_expression_held_for_a_minute_does_not_become_the_rest(before: float) -> None:
    visit = Visit()
    visit.show(ORDINARY, before)
    during = visit.show(CRYING, 60)
    assert during.emotion == "sad" and during.baseline == {}
    after = visit.show(ORDINARY, max(LEARN_S - before, 1) + 10)
    assert after.emotion == "neutral" and after.baseline == {}


def test_what_is_not_chosen_stays_happiness_above_all() -> None:
    visit = Visit()
    assert visit.show(SMILE, LEARN_S + 60).emotion == "happy"
    chosen = Visit(Baseline(enabled=True, emotions=["happy"], bound=20.0))
    assert chosen.show(SMILE, LEARN_S + 60).scores["happy"] < 0.9


def test_no_score_is_divided_by_more_than_the_bound() -> None:
    visit = Visit(Baseline(enabled=True, bound=2.0))
    assert visit.show(CRYING, LEARN_S + 10).baseline == {"sad": pytest.approx(0.5)}


def test_a_camera_learns_from_its_visitors_and_helps_the_next() -> None:
    visit = Visit()
    for n in range(ENOUGH_VISITS):
        assert visit.show(SAD_AT_REST, 10, f"visitor-{n}").emotion == "sad"
    assert visit.show(SAD_AT_REST, 3, "next").emotion == "neutral"
    assert visit.show(CRYING, 3, "other").emotion == "sad"


def test_passers_by_teach_nothing() -> None:
    visit = Visit()
    for n in range(2 * ENOUGH_VISITS):
        visit.show(SAD_AT_REST, 2, f"visitor-{n}")
    assert visit.show(SAD_AT_REST, 3, "next").emotion == "sad"


def test_switched_off_it_forgets_and_changes_nothing() -> None:
    visit = Visit()
    visit.show(SAD_AT_REST, LEARN_S + 10)
    visit.corrector.configure(Baseline(enabled=False))
    off = visit.show(SAD_AT_REST, 3)
    assert off.emotion == "sad" and off.baseline == {}
    visit.corrector.configure(ON)
    assert visit.show(SAD_AT_REST, 10).emotion == "sad", "it begins anew"


def test_a_model_without_neutral_is_left_alone() -> None:
    corrector = BaselineCorrector(["angry", "happy"], ON)
    given = [Scores("a", np.array([0.6, 0.4], np.float32))]
    assert corrector.update(0.0, [track()], given) == tuple(given)


def test_faces_that_were_not_scored_pass_through() -> None:
    given = Scores("a", None)
    assert BaselineCorrector(LABELS, ON).update(0.0, [track()], [given]) == (given,)
