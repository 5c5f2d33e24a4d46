"""`python -m benchmarks.reaction`: how soon an emotion is announced, and how steadily."""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import ROOT, data_folder, publish
from benchmarks.reaction.streams import Stream, load, record, save
from edge.config_emotion import Smooth
from edge.geometry import Box
from edge.messages import UNKNOWN, Scores, Track
from edge.model.manifest import load_manifest
from edge.prior import as_vector, reweigh, wanted_prior
from edge.smooth import TemporalSmoother

Update = Callable[[float, Any], str]  # (seconds, scores) -> the label shown

CALM = "neutral"
AGO_S = 0.5  # before the onset: what is shown then counts as the resting face
COLUMNS = (
    ("what", "smoothing"),
    ("prior", "prior"),
    ("before", "neutral before"),
    ("right", "right at the apex"),
    ("announced_s", "announced after the apex began, median s"),
    ("slow_s", "nine in ten, s"),
    ("back_s", "neutral after the offset ended, median s"),
    ("wrong", "wrong labels a sequence"),
    ("changes", "changes a sequence"),
    ("restless", "changes a minute of rest"),
)


def smoother(labels: list[str], config: Smooth) -> Callable[[], Update]:
    """Return a maker of the daemon's own smoothing of one face."""

    def make() -> Update:
        inner = TemporalSmoother(labels, config)
        face = Track("face", Box(0, 0, 50, 60), 0.9, 0.0, 0.0, (640, 480))
        return lambda t, scores: inner.update(t, [face], [Scores("face", scores)])[0].emotion

    return make


def mode_of_ten(labels: list[str]) -> Callable[[], Update]:
    """Return a maker of what the classic loops do: the most frequent of the last ten labels."""

    def make() -> Update:
        last: deque[str] = deque(maxlen=10)

        def update(_t: float, scores: Any) -> str:
            last.append(labels[int(scores.argmax())])
            return statistics.mode(last)

        return update

    return make


def shown(stream: Stream, make: Callable[[], Update], reweighed: Any) -> list[tuple[float, str]]:
    """Return (seconds, label) of each frame with a face."""
    faces: dict[str, Update] = {}
    labels: dict[str, str] = {}
    out = []
    for sample in stream.samples:
        if sample.track is None:
            continue
        update = faces.setdefault(sample.track, make())
        if sample.scores is not None:
            scores = reweighed(np.array(sample.scores, np.float32))
            labels[sample.track] = update(sample.t, scores)
        out.append((sample.t, labels.get(sample.track, UNKNOWN)))
    return out


def figures(streams: list[Stream], make: Callable[[], Update], reweighed: Any) -> dict[str, Any]:
    """Return a row of the table."""
    before = right = acted = 0
    announced, back, wrong, changes, restless = [], [], [], [], []
    for stream in streams:
        seen = shown(stream, make, reweighed)
        known = list(itertools.dropwhile(lambda label: label == UNKNOWN, (x for _, x in seen)))
        changed = sum(a != b for a, b in itertools.pairwise(known))
        if stream.source == "rest":
            restless.append(changed * 60 / stream.samples[-1].t)
            continue
        acted += 1
        changes.append(changed)
        calm = [x for t, x in seen if stream.onset - AGO_S <= t < stream.onset]
        before += bool(calm) and calm[-1] == CALM
        apex = Counter(x for t, x in seen if stream.apex <= t < stream.offset)
        is_right = bool(apex) and apex.most_common(1)[0][0] == stream.emotion
        right += is_right
        wrong.append(len(set(known) - {UNKNOWN, CALM, stream.emotion}))
        first = (t for t, x in seen if stream.onset <= t < stream.offset and x == stream.emotion)
        announced += [t - stream.apex for t in itertools.islice(first, 1)]
        after = (t for t, x in seen if t >= stream.offset and x == CALM)
        back += [t - stream.rest for t in itertools.islice(after, 1) if is_right]
    return {
        "before": f"{before} of {acted}",
        "right": f"{right} of {acted}",
        "announced_s": float(np.median(announced)),
        "slow_s": float(np.quantile(announced, 0.9)),
        "back_s": float(np.median(back)),
        "wrong": float(np.mean(wrong)),
        "changes": round(float(np.mean(changes)), 2),
        "restless": float(np.mean(restless)) if restless else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reaction", description=__doc__)
    parser.add_argument("--detector", choices=("face", "yunet"), default="face")
    parser.add_argument("--fps", type=float, default=10.0, help="of the camera (default: 10)")
    parser.add_argument("--most", type=int, help="sequences; all of them where not given")
    parser.add_argument("--streams", type=Path, help="keep scores here, or begin with those kept")
    args = parser.parse_args()
    if args.streams and args.streams.is_file():
        streams = load(args.streams)
    else:
        streams = record(data_folder(), args.detector, args.fps, args.most)
        if args.streams:
            save(args.streams, streams)
    manifest = load_manifest(ROOT / "models" / "emotion")
    labels, trained = manifest.labels, as_vector(manifest.prior, manifest.labels)
    rows = []
    for prior in ("equal", "raters"):
        there = wanted_prior(prior, labels, manifest.prior)
        contenders = {
            "mode of the last ten labels, as classic loops": mode_of_ten(labels),
            "window of 1.5 s": smoother(labels, Smooth(react_s=0)),
            "window of 0.8 s": smoother(labels, Smooth(react_s=0, window_s=0.8)),
            "1.5 s, react_s 0.3": smoother(labels, Smooth(react_s=0.3)),
            "1.5 s, react_s 0.4 (default)": smoother(labels, Smooth()),
            "1.5 s, react_s 0.5": smoother(labels, Smooth(react_s=0.5)),
        }
        for what, make in contenders.items():
            found = figures(streams, make, lambda s, w=there: reweigh(s, trained, w))
            rows.append({"what": what, "prior": prior, **found})
    count = Counter(f"{s.source}: {s.emotion}" for s in streams)
    publish(
        "reaction",
        "How soon an emotion is announced, and how steadily",
        COLUMNS,
        rows,
        [
            "Sequences: a resting face for 3 s, an onset of 0.3 to 0.8 s, the apex for 3 s, an "
            "offset as long, rest. Morphs between photographs of one person (LFW), or "
            "of two people of FER2013's public test where raters agree; in a room, with a head "
            "that sways and a camera's noise; through the daemon's detector, tracker and model.",
            "At rest: people of whom LFW has several photographs without a smile, one becoming the "
            "next every 1.5 s; a change is no error there if the person looks cross on one.",
            "LFW's emotions are the model's own opinion of the photograph, FER2013's the raters': "
            "read times, not accuracy.",
            f"Sequences of each kind: {dict(count)}.",
        ],
        detector=args.detector,
        fps=args.fps,
    )


if __name__ == "__main__":
    main()
