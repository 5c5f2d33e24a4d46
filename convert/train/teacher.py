"""Teachers: trained models whose scores a network learns as well (Hinton et al. 2015)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from convert.load import model_digest
from convert.model_options import USUAL
from edge.errors import ConfigError

if TYPE_CHECKING:
    from convert.data.dataset import Faces
    from convert.evaluate.scorer import Scorer

# (n, h, w) luma and the step of the training to (n, classes) scores
Teacher = Callable[["Faces", int], NDArray[np.float32]]


def load_teachers(given: Sequence[str], classes: tuple[str, ...]) -> list[Scorer]:
    """Return the models that are named: Keras files, model folders or shipped models.

    Raises:
        EdgeError: one is missing, broken, or scores other classes.
    """
    return [_load(name, classes) for name in given]


class Restricted:
    """A teacher of more classes, asked for some of them: scores add up to 1 over those."""

    def __init__(self, scorer: Scorer, classes: tuple[str, ...]) -> None:
        """`classes` are all labels of `scorer`."""
        self._scorer = scorer
        self._columns = [scorer.labels.index(name) for name in classes]
        self.name, self.path, self.input = scorer.name, scorer.path, scorer.input
        self.labels, self.labels_from = classes, scorer.labels_from

    def predict(self, faces: Faces, /) -> NDArray[np.float32]:
        """Return probabilities among the classes, (n, C); even ones where it gives none."""
        scores = self._scorer.predict(faces)[:, self._columns]
        total = scores.sum(axis=1, keepdims=True)
        even = np.full_like(scores, 1 / scores.shape[1])
        return np.where(total > 1e-6, scores / np.maximum(total, 1e-6), even).astype(np.float32)


def taking_turns(teachers: Sequence[Scorer]) -> Teacher:
    """Return what asks one teacher a step, in turn, for a face and for its mirror image.

    The loss is linear in the targets, so that over the steps a network learns the mean of all
    teachers, for the time of one.
    """

    def scores(faces: Faces, step: int) -> NDArray[np.float32]:
        teacher = teachers[step % len(teachers)]
        flipped = np.ascontiguousarray(faces[:, :, ::-1])
        views = [teacher.predict(faces), teacher.predict(flipped)]
        mean: NDArray[np.float32] = np.mean(views, axis=0, dtype=np.float32)
        return mean

    return scores


def described(path: Path) -> dict[str, str]:
    """Return which model it was, for the record: file, its folder's name, and its sha256."""
    path = path.resolve()
    return {"name": f"{path.parent.name}/{path.name}", "sha256": model_digest(path)}


def _load(name: str, classes: tuple[str, ...]) -> Scorer:
    from convert.evaluate.source import open_scorer

    scorer = open_scorer(name, USUAL, classes)
    if scorer.labels == classes:
        return scorer
    if not set(classes) <= set(scorer.labels):
        raise ConfigError(
            f"--teacher {name}: scores {', '.join(scorer.labels)}; allowed, as in the data: "
            f"{', '.join(classes)}, or more"
        )
    return Restricted(scorer, classes)
