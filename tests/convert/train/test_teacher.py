"""Teachers: which are taken, and what they say together."""

from __future__ import annotations

import numpy as np
import pytest

from convert.judge.scorer import FolderScorer
from convert.train.command import _teacher
from edge.errors import EdgeError
from edge.manifest import find_model

CLASSES = FolderScorer(find_model("emotion")).labels


def test_several_teachers_give_the_mean_over_both_views() -> None:
    faces = np.random.default_rng(1).integers(0, 256, (3, 48, 48), np.uint8)
    teacher = _teacher(["emotion", "fer2013"], CLASSES)
    assert teacher is not None
    scores = teacher(faces)
    scorers = [FolderScorer(find_model(n)) for n in ("emotion", "fer2013")]
    alone = [s.predict(v) for s in scorers for v in (faces, faces[:, :, ::-1])]
    np.testing.assert_allclose(scores, sum(alone) / 4, atol=1e-6)
    np.testing.assert_allclose(teacher(np.ascontiguousarray(faces[:, :, ::-1])), scores, atol=1e-6)
    assert not np.allclose(alone[0], alone[1])


def test_no_teacher() -> None:
    assert _teacher([], CLASSES) is None


def test_a_teacher_of_other_classes_is_refused_by_name() -> None:
    with pytest.raises(EdgeError, match=r"--teacher emotion: scores .*; allowed, .*: yes, no") as e:
        _teacher(["emotion"], ("yes", "no"))
    assert e.value.exit_code == 78


@pytest.mark.parametrize(("given", "code"), [("missing.keras", 66), ("missing", 78)])
def test_a_missing_teacher(given: str, code: int) -> None:
    with pytest.raises(EdgeError, match="missing") as e:
        _teacher([given], CLASSES)
    assert e.value.exit_code == code
