"""`python -m benchmarks.four_classes FER2013 OUT`: a small folder set of four classes of FER2013.

It is of the kind that people collect themselves: a few hundred pictures a class, in folders whose
names are right. Faces count for the class on which their raters agree; those of the public test
are its test split. Training faces are drawn as evenly as there are, the rest is left out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from convert.data.dataset import Dataset
from convert.data.open import open_dataset

CLASSES = ("angry", "happy", "neutral", "sad")
EACH = 386  # training faces a class: 1,544 in all


def four_classes(data: Dataset, out: Path, each: int = EACH, seed: int = 1) -> dict[str, list[int]]:
    """Write `out`/split/class/name.png; return the faces written by split, in `CLASSES`' order.

    Raises:
        FileExistsError: `out` is there: what it holds would get mixed.
    """
    out.mkdir(parents=True)
    majority, splits = data.majority(), np.array(data.splits)
    rng = np.random.default_rng(seed)
    counts: dict[str, list[int]] = {}
    for split, theirs in (("train", "train"), ("test", "public_test")):
        for name in CLASSES:
            of_class = majority == data.classes.index(name)
            found = np.flatnonzero(of_class & (splits == theirs))
            if split == "train":
                found = np.sort(rng.permutation(found)[:each])
            folder = out / split / name
            folder.mkdir(parents=True)
            for face, at in zip(data.faces(found), found, strict=True):
                path = folder / f"{Path(data.names[at]).stem}.png"
                cv2.imwrite(str(path), face)
            counts.setdefault(split, []).append(len(found))
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.four_classes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, help="FER2013 with the votes of FER+")
    parser.add_argument("out", type=Path, help="a folder that is not there yet")
    parser.add_argument("--each", type=int, default=EACH, help="training faces a class")
    args = parser.parse_args()
    data = open_dataset(args.data)
    if data.votes is None:
        sys.exit(f"{args.data}: has no votes of raters; allowed: FER2013 with FER+")
    try:
        counts = four_classes(data, args.out, args.each)
    except FileExistsError:
        sys.exit(f"{args.out}: exists; allowed: a new folder")
    for split, of_class in counts.items():
        said = ", ".join(f"{n} {name}" for name, n in zip(CLASSES, of_class, strict=True))
        print(f"{split}: {sum(of_class)} faces: {said}")


if __name__ == "__main__":
    main()
