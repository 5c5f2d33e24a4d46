"""The small folder set of the table of architectures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.four_classes import CLASSES, four_classes
from convert.data.dataset import EMOTIONS, Dataset


def data() -> Dataset:
    """Seven faces of each emotion in training and one in the test; of one nobody is sure."""
    votes, splits, names = [], [], []
    for c in range(len(EMOTIONS)):
        for k in range(8):
            row = np.zeros(len(EMOTIONS), np.float32)
            row[c] = 10
            if k == 6:
                row[c], row[(c + 1) % len(EMOTIONS)] = 5, 5
            votes.append(row)
            splits.append("public_test" if k == 7 else "train")
            names.append(f"{EMOTIONS[c]}-{k}.png")
    return Dataset(
        EMOTIONS, tuple(names), tuple(splits), (4, 4), votes=np.array(votes),
        loader=lambda at: np.stack([np.full((4, 4), i, np.uint8) for i in at]),
    )  # fmt: skip


def test_faces_of_which_raters_are_sure_in_folders_of_their_class(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert four_classes(data(), out, each=4) == {"train": [4] * 4, "test": [1] * 4}
    every = data()
    for path in out.glob("*/*/*.png"):
        split, name = path.relative_to(out).parts[:2]
        at = every.names.index(path.name)
        assert path.stem.startswith(name) and not path.stem.endswith("6")
        assert every.splits[at] == {"train": "train", "test": "public_test"}[split]
        assert (cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) == at).all()
    assert len(list(out.glob("*/*/*.png"))) == 5 * len(CLASSES)


def test_it_is_the_same_again_and_mixes_with_nothing(tmp_path: Path) -> None:
    def written(name: str) -> list[str]:
        four_classes(data(), tmp_path / name, each=3)
        return sorted(p.name for p in (tmp_path / name).glob("*/*/*.png"))

    assert written("a") == written("b")
    with pytest.raises(FileExistsError):
        four_classes(data(), tmp_path / "a")
