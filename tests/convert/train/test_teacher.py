"""Teachers: which are taken, and what they say together."""

from __future__ import annotations

import json

import numpy as np
import pytest

from convert.evaluate.scorer import FolderScorer
from convert.train.teacher import described, load_teachers, taking_turns
from edge.errors import EdgeError
from edge.model.manifest import find_model

CLASSES = FolderScorer(find_model("emotion")).labels


def test_several_teachers_take_turns_with_the_mean_over_both_views() -> None:
    faces = np.random.default_rng(1).integers(0, 256, (3, 48, 48), np.uint8)
    names = ("emotion", "fer2013")
    teacher = taking_turns(load_teachers(names, CLASSES))
    flipped = np.ascontiguousarray(faces[:, :, ::-1])
    for step in range(4):
        scorer = FolderScorer(find_model(names[step % 2]))
        one, other = scorer.predict(faces), scorer.predict(flipped)
        averages_flips = scorer.model.manifest.provenance.get("flip", False)
        assert np.allclose(one, other) == averages_flips
        np.testing.assert_allclose(teacher(faces, step), (one + other) / 2, atol=1e-6)
        np.testing.assert_allclose(teacher(flipped, step), (one + other) / 2, atol=1e-6)


def test_the_record_says_which_teacher_it_was() -> None:
    [teacher] = load_teachers(["fer2013"], CLASSES)
    manifest = json.loads((find_model("fer2013") / "manifest.json").read_text())
    assert described(teacher.path) == {
        "name": "fer2013/model.tflite",
        "sha256": manifest["sha256"],
    }


def test_a_teacher_of_other_classes_is_refused_by_name() -> None:
    with pytest.raises(EdgeError, match=r"--teacher emotion: scores .*; allowed, .*: yes, no") as e:
        load_teachers(["emotion"], ("yes", "no"))
    assert e.value.exit_code == 78


def test_a_teacher_of_more_classes_teaches_those_there_are() -> None:
    faces = np.random.default_rng(1).integers(0, 256, (3, 48, 48), np.uint8)
    [teacher] = load_teachers(["emotion"], ("happy", "angry"))
    assert teacher.labels == ("happy", "angry")
    whole = FolderScorer(find_model("emotion")).predict(faces)
    wanted = whole[:, [CLASSES.index("happy"), CLASSES.index("angry")]]
    total = wanted.sum(axis=1, keepdims=True)
    found = teacher.predict(faces)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    for row, score, sum_ in zip(found, wanted, total, strict=True):
        np.testing.assert_allclose(row, score / sum_ if sum_ > 1e-6 else 0.5, atol=1e-6)


@pytest.mark.parametrize("given", ["missing.keras", "missing"])
def test_a_missing_teacher(given: str) -> None:
    with pytest.raises(EdgeError, match="missing") as e:
        load_teachers([given], CLASSES)
    assert e.value.exit_code == 66
