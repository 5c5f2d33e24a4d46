"""`emotion-convert explain`: pictures of where a model looks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.arguments import new_file, seed
from convert.data import open_dataset
from convert.evaluate.attention import NAMES, explain, overlay
from convert.evaluate.source import as_seen, open_scorer, wanted_truth
from convert.evaluate.truth import add_truth_option, part_of, truth_of
from convert.model_options import add_model_options, model_options
from edge.errors import StorageError, UsageError

SIDE = 96  # pixels of a face in the picture
CAPTION = 30  # pixels of two lines of text under a face


def add_parser(subparsers: Any) -> None:
    """Add `explain` to the command line."""
    p = subparsers.add_parser(
        "explain",
        help="draw where a model looks",
        description="Draw activation maps over faces: a row a class, the face and its map. Of "
        "class activation maps, Grad-CAM and occlusion, the one that finds most of what this model "
        "goes by: deleting the top fifth of a face must cost its score more than the bottom fifth.",
    )
    p.add_argument("model", help="a path, or the name of a shipped model")
    p.add_argument("data", type=Path, help="a data set: folder or table")
    p.add_argument(
        "--out", type=new_file, required=True, metavar="PNG", help="the picture to write"
    )
    p.add_argument("--split", help="default: the data's test split")
    p.add_argument("--each", type=int, default=5, help="faces of every class (default %(default)s)")
    p.add_argument("--seed", type=seed, default=1, help="of their choice (default %(default)s)")
    p.add_argument("--method", choices=NAMES, help="default: the best of them, as measured")
    add_truth_option(p)
    add_model_options(p)
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Choose faces, ask the model, draw."""
    if not 1 <= args.each <= 50:
        raise UsageError(f"--each: got {args.each}; allowed: 1 to 50")
    data = open_dataset(args.data)
    scorer = open_scorer(args.model, model_options(args), data.classes)
    part, split = part_of(as_seen(data, args.data, scorer), args.split)
    truth = truth_of(part, scorer.labels, wanted_truth(scorer, args.truth, part))
    everyone = truth.classes if truth is not None else np.zeros(len(part), np.int64)
    chosen = choose(everyone, args.each, args.seed)
    faces = part.faces(chosen)
    scores = scorer.predict(faces)
    best = scores.argmax(axis=1)
    found = explain(scorer, faces, best, method=args.method)
    cells = []
    for i, face in enumerate(faces):
        words = [f"{scorer.labels[best[i]]} {scores[i, best[i]]:.2f}"]
        if truth is not None:
            words.append(f"({scorer.labels[everyone[chosen[i]]]})")
        cells.append(_cell(face, overlay(face, found.maps[i], SIDE), words))
    picture = sheet(cells, everyone[chosen], args.each)
    done, png = cv2.imencode(".png", picture)
    if not done:
        raise StorageError(f"{args.out}: the picture cannot be encoded")
    args.out.write_bytes(png.tobytes())
    print(
        f"{args.out}: {found.method} of {scorer.name} on {len(faces)} faces of {split}; deleting "
        f"the top fifth costs {found.top:.2f} of the score, the bottom fifth {found.bottom:.2f}"
    )
    return 0


def choose(classes: NDArray[np.int64], each: int, seed: int) -> NDArray[np.intp]:
    """Return indices of up to `each` random faces of every class, class by class; -1 is none."""
    rng = np.random.default_rng(seed)
    of_class = [rng.permutation(np.flatnonzero(classes == c))[:each] for c in np.unique(classes)]
    kept = [c for c in of_class if len(c) and classes[c[0]] >= 0]
    return np.concatenate(kept) if kept else np.array([], np.intp)


def _cell(
    face: NDArray[np.uint8], explained: NDArray[np.uint8], words: Sequence[str]
) -> NDArray[np.uint8]:
    plain = cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    pair = np.hstack([cv2.cvtColor(plain, cv2.COLOR_GRAY2BGR), explained])
    caption = np.full((CAPTION, pair.shape[1], 3), 255, np.uint8)
    for line, text in enumerate(words):
        cv2.putText(
            caption, text, (4, 12 + 14 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (30, 30, 30), 1,
            cv2.LINE_AA,
        )  # fmt: skip
    return cv2.copyMakeBorder(
        np.vstack([pair, caption]), 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=(255, 255, 255)
    ).astype(np.uint8)


def sheet(
    cells: Sequence[NDArray[np.uint8]], classes: NDArray[np.int64], each: int
) -> NDArray[np.uint8]:
    """Return one picture, (rows, columns, 3) BGR: a row a class, `each` cells wide."""
    blank = np.full_like(cells[0], 255)
    rows = []
    for c in np.unique(classes):
        row = [cell for cell, k in zip(cells, classes, strict=True) if k == c]
        rows.append(np.hstack(row + [blank] * (each - len(row))))
    return np.vstack(rows)
