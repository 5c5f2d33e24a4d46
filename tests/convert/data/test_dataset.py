from __future__ import annotations

import numpy as np
import pytest

from convert.data.dataset import Dataset


def make(votes: list[list[int]]) -> Dataset:
    n = len(votes)
    pixels = np.arange(n * 4, dtype=np.uint8).reshape(n, 2, 2)
    return Dataset(
        classes=("a", "b", "c"),
        names=tuple(f"f{i}" for i in range(n)),
        splits=tuple("train" if i % 2 else "test" for i in range(n)),
        size=(2, 2),
        loader=lambda idx: pixels[idx],
        labels=np.zeros(n, np.int64),
        votes=np.array(votes, np.float32),
        attributes={"sex": tuple("fm"[i % 2] for i in range(n))},
    )


def test_majority_needs_more_than_half_and_five_raters() -> None:
    data = make([[6, 4, 0], [5, 5, 0], [4, 0, 0], [5, 0, 0], [0, 0, 0]])
    assert data.majority().tolist() == [0, -1, -1, 0, -1]


def test_shares_add_up_to_one_or_are_nothing() -> None:
    assert make([[1, 3, 0], [0, 0, 0]]).vote_distribution().tolist() == [[0.25, 0.75, 0], [0, 0, 0]]


def test_a_selection_of_a_selection_keeps_all_columns_together() -> None:
    part = make([[i, 0, 0] for i in range(8)]).split("train").select(np.array([2, 0]))
    assert part.names == ("f5", "f1")
    assert part.attributes["sex"] == ("m", "m")
    assert part.votes is not None and part.votes[:, 0].tolist() == [5, 1]
    assert part.faces()[:, 0, 0].tolist() == [20, 4]
    assert part.faces(np.array([1]))[0, 0, 0] == 4


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="labels: got 1 values for 2 names"):
        Dataset(
            ("a",),
            ("x", "y"),
            ("train",) * 2,
            (2, 2),
            lambda i: np.zeros((0, 2, 2), np.uint8),
            labels=np.zeros(1, np.int64),
        )


def test_test_split_is_the_public_test_where_there_is_one() -> None:
    data = make([[1, 0, 0]] * 4)
    assert data.test_split() == "test"
    assert data.split("train").test_split() is None
    assert data.split_counts() == {"test": 2, "train": 2}
