from __future__ import annotations

import numpy as np
import pytest

from convert.data import Dataset
from convert.evaluate.truth import choose_truth, part_of, truth_of
from edge.errors import ConfigError, NoInputError


def dataset(
    classes: tuple[str, ...],
    labels: list[int] | None = None,
    votes: list[list[float]] | None = None,
    splits: tuple[str, ...] | None = None,
) -> Dataset:
    n = len(labels if labels is not None else votes or [])
    return Dataset(
        classes=classes,
        names=tuple(str(i) for i in range(n)),
        splits=splits or ("test",) * n,
        size=(8, 8),
        loader=lambda i: np.zeros((len(i), 8, 8), np.uint8),
        labels=None if labels is None else np.array(labels),
        votes=None if votes is None else np.array(votes, np.float32),
        source="here",
    )


def test_labels_come_in_the_order_of_the_model() -> None:
    truth = truth_of(dataset(("sad", "happy"), [0, 1, -1]), ("happy", "angry", "sad"), "labels")
    assert truth is not None
    assert truth.classes.tolist() == [2, 0, -1]
    assert truth.counted.tolist() == [0, 1]
    assert truth.distribution is None


def test_a_majority_is_more_than_half_and_at_least_five() -> None:
    votes = [[5.0, 4.0], [5.0, 5.0], [4.0, 0.0], [0.0, 10.0]]
    truth = truth_of(dataset(("a", "b"), [0, 0, 0, 0], votes), ("b", "a"), "votes")
    assert truth is not None
    assert truth.classes.tolist() == [1, -1, -1, 0]
    assert truth.distribution is not None
    assert truth.distribution[0] == pytest.approx([4 / 9, 5 / 9])


def test_data_about_something_else_has_no_truth() -> None:
    assert truth_of(dataset(("angry", "happy"), [0, 1]), ("woman", "man"), "auto") is None


def test_a_class_that_the_model_does_not_know_is_named() -> None:
    with pytest.raises(ConfigError, match="classes contempt"):
        truth_of(dataset(("happy", "contempt"), [0, 1]), ("happy", "sad"), "labels")


def test_votes_that_are_not_there_are_not_promised() -> None:
    data = dataset(("happy", "sad"), [0, 1])
    assert choose_truth(data, "auto") == "labels"
    with pytest.raises(ConfigError, match="no raters' votes"):
        choose_truth(data, "votes")


def test_the_part_is_the_test_split_unless_another_is_named() -> None:
    data = dataset(("a", "b"), [0, 1, 0], splits=("train", "train", "test"))
    assert [len(part_of(data, s)[0]) for s in (None, "train", "all")] == [1, 2, 3]
    assert part_of(data, None)[1] == "test"
    with pytest.raises(NoInputError, match=r"train \(2\), test \(1\)"):
        part_of(data, "validation")


def test_faces_that_a_model_may_know_are_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    data = dataset(("a", "b"), [0, 1], splits=("train", "train"))
    assert part_of(data, "train")[1] == "train"  # asked for
    assert not caplog.records
    assert part_of(data, None)[1] == "train"
    assert "has no test split: figures are of all its faces" in caplog.text
