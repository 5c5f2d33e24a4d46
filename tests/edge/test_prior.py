"""Scores under another prior, against what can be worked out or drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.prior import as_vector, reweigh, wanted_prior

LABELS = ("happy", "sad", "neutral")
TRAINED = np.array([0.6, 0.1, 0.3])
EVEN = np.full(3, 1 / 3)


def test_by_hand() -> None:
    scores = np.array([[0.6, 0.2, 0.2]])
    # 0.6/0.6, 0.2/0.1, 0.2/0.3 -> 1, 2, 2/3, of 11/3
    assert reweigh(scores, TRAINED, EVEN)[0] == pytest.approx([3 / 11, 6 / 11, 2 / 11])


def test_a_face_that_says_nothing_gets_the_prior() -> None:
    assert reweigh(TRAINED, TRAINED, EVEN) == pytest.approx(EVEN)


def test_the_prior_it_was_trained_under_changes_nothing() -> None:
    scores = np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0]], np.float32)
    assert np.array_equal(reweigh(scores, TRAINED, TRAINED), scores)


def test_scores_are_right_under_the_new_frequencies() -> None:
    """One feature, three Gaussian classes: Bayes' rule under both priors is known."""
    x = np.linspace(-3, 3, 50)[:, None]
    likelihood = np.exp(-0.5 * (x - np.array([-1.0, 0.0, 1.5])) ** 2)

    def posterior(prior: np.ndarray) -> np.ndarray:
        joint = likelihood * prior
        return joint / joint.sum(axis=1, keepdims=True)

    new = np.array([0.2, 0.5, 0.3])
    assert reweigh(posterior(TRAINED), TRAINED, new) == pytest.approx(posterior(new), abs=1e-6)


def test_a_class_that_is_ruled_out_scores_nothing() -> None:
    out = reweigh(np.array([[0.5, 0.3, 0.2], [1, 0, 0]]), TRAINED, np.array([0, 0.5, 0.5]))
    assert out[0, 0] == 0 and out[0].sum() == pytest.approx(1)
    assert out[1] == pytest.approx([0, 0.5, 0.5])  # nothing else was said


@given(
    st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda v: sum(v) > 0.01),
    st.lists(st.floats(0.001, 1), min_size=3, max_size=3),
    st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda v: sum(v) > 0.01),
)
def test_rows_add_up_to_one_and_there_and_back_is_nothing(
    scores: list[float], trained: list[float], wanted: list[float]
) -> None:
    s, p, w = (np.array(v) / sum(v) for v in (scores, trained, wanted))
    there = reweigh(s, p, w)
    assert np.isfinite(there).all() and there.sum() == pytest.approx(1, abs=1e-5)
    if w.min() > 1e-3:
        assert reweigh(there, w, p) == pytest.approx(s, abs=1e-3)


def test_names_and_choices() -> None:
    trained = {"happy": 0.6, "sad": 0.1, "neutral": 0.3}
    assert wanted_prior("raters", LABELS, trained) == pytest.approx(TRAINED)
    assert wanted_prior("equal", LABELS, trained) == pytest.approx(EVEN)
    own = {"neutral": 0.8, "sad": 0.1, "happy": 0.1}
    assert wanted_prior(own, LABELS, trained) == pytest.approx([0.1, 0.1, 0.8])


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        ({"happy": 0.5, "sad": 0.5}, "without neutral"),
        ({"happy": 0.5, "sad": 0.3, "neutral": 0.2, "angry": 0.0}, "with angry"),
        ({"happy": 0.5, "sad": 0.5, "neutral": 0.5}, "together 1.5"),
        ({"happy": 1.5, "sad": -0.5, "neutral": 0.0}, "0 to 1 each"),
        ({"happy": float("nan"), "sad": 0.5, "neutral": 0.5}, "0 to 1 each"),
    ],
)
def test_what_is_no_prior_is_refused(prior: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        as_vector(prior, LABELS)


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ValueError, match="'even'; allowed: raters, equal"):
        wanted_prior("even", LABELS, {})


@pytest.mark.parametrize(
    ("trained", "wanted", "words"),
    [
        ([0.5, 0.5, 0.0], EVEN, "above 0"),
        (TRAINED, [0.5, 0.1, 0.1], "adding up to 1"),
        (TRAINED, [0.5, 0.5], "shapes"),
    ],
)
def test_what_cannot_be_reweighed_is_refused(
    trained: list[float], wanted: list[float], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        reweigh(np.array([[0.2, 0.3, 0.5]]), np.array(trained), np.array(wanted))
