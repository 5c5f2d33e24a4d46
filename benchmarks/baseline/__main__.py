"""`python -m benchmarks.baseline`: what learning a resting face brings and costs, on photographs.

There are no long recordings of people at rest. Instead, each neutral face of FER2013's public test
is taken for somebody's resting face, and every other face for an expression of that person.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.common import ROOT, data_folder, publish
from benchmarks.prior.__main__ import fer2013
from edge.baseline import SHOWN, TINY, factors
from edge.classify import Model
from edge.config_emotion import Baseline
from edge.prior import as_vector, reweigh

COLUMNS = (
    ("bound", "a score is divided by at most"),
    ("corrected", "resting faces that are corrected"),
    ("rest", "of these neutral"),
    ("negative", "angry, disgust, fear, sad of theirs right"),
    ("others", "happy, surprise, neutral of theirs right"),
    ("all", "accuracy over all pairs"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.baseline", description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "emotion")
    args = parser.parse_args()
    model, usual = Model(args.model), Baseline()
    labels, trained = model.labels, as_vector(model.manifest.prior, model.labels)
    raw, truth = fer2013(data_folder(), model)
    scores = reweigh(raw, trained, np.full(len(labels), 1 / len(labels)))
    chosen = np.array([label in usual.emotions for label in labels])
    neutral = labels.index("neutral")
    logs = np.log(np.maximum(scores, TINY))
    rests = (logs - logs[:, [neutral]])[truth == neutral]
    rows = []
    for bound in (1.0, 2.0, usual.bound, 8.0):
        rights: dict[str, list[float]] = {k: [] for k in ("rest", "negative", "others", "all")}
        needed = 0
        for own, rest in zip(scores[truth == neutral], rests, strict=True):
            applied = factors(rest, chosen, bound)
            right = (scores * applied).argmax(1) == truth
            rights["all"].append(right.mean())
            if factors(rest, chosen, usual.bound).min() >= SHOWN:
                continue
            needed += 1
            rights["rest"].append(float((own * applied).argmax() == neutral))
            rights["negative"].append(right[chosen[truth]].mean())
            rights["others"].append(right[~chosen[truth]].mean())
        rows.append(
            {
                "bound": f"{bound:g}" + (" (off)" if bound == 1 else ""),
                "corrected": needed / len(rests),
                **{k: float(np.mean(v)) for k, v in rights.items()},
            }
        )
    publish(
        "baseline",
        "What learning a resting face brings and costs",
        COLUMNS,
        [{k: v if isinstance(v, str) else round(v, 4) for k, v in r.items()} for r in rows],
        [
            f"{len(rests)} neutral faces of FER2013's public test (the raters' majority), each as "
            f"somebody's resting face; all {len(truth)} faces as that person's expressions. Equal "
            "prior.",
            "A stand-in: the faces are of many people, so nothing here says how a person's own "
            "expressions differ from that person's rest.",
        ],
        model=args.model.name,
    )


if __name__ == "__main__":
    main()
