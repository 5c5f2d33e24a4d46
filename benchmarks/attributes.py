"""`python -m benchmarks.attributes MODEL`: how often an attribute's label changes within a track.

On the clips, at the rate, window and margin as shipped, and at others. The published
gender model, which is not shipped, makes a folder MODEL with

    emotion-convert quantize gender_mini_XCEPTION.21-0.95.hdf5 --data fer2013 --out MODEL
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common import data_folder, publish
from benchmarks.replayed import replay
from edge.attributes import WINDOW_S
from edge.configfile import load
from edge.messages import Estimate, Frame
from edge.model.manifest import MANIFEST

CLIPS = ("sorry.mkv", "yes.mkv", "bird.mkv", "walk.mkv", "head-pose-face-detection-male.gif")
LATEST = 0.001  # s: a window that holds the latest answer only
RATES = (2.0, 30.0)  # answers a second: as shipped, and every frame
COLUMNS = (
    ("rate", "answers a second"),
    ("window_s", "window, s"),
    ("margin", "margin"),
    *((clip, Path(clip).stem) for clip in CLIPS),
    ("changes", "all clips"),
)


@dataclass(slots=True)
class Labels:
    """The labels that each track was given, and for how long it had any."""

    name: str
    of_track: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    seconds: float = 0.0
    last: float = 0.0

    def frame(self, frame: Frame, estimates: Sequence[Estimate], /) -> None:
        said = [(e.track.id, e.attributes.get(self.name)) for e in estimates]
        for track, answer in said:
            if answer is not None:
                self.of_track[str(track)].append(answer.label)
                self.seconds += frame.t - self.last
        self.last = frame.t

    def changes(self) -> int:
        """Return how often a label differs from the one before it of the same track."""
        pairs = (itertools.pairwise(said) for said in self.of_track.values())
        return sum(a != b for track in pairs for a, b in track)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attributes", description=__doc__)
    parser.add_argument("model", type=Path, help="folder of an attribute's model")
    args = parser.parse_args()
    clips = data_folder() / "clips"
    shipped = json.loads((args.model / MANIFEST).read_text())["input"]["margin"]
    margins, windows = dict.fromkeys((shipped, 0.0)), (WINDOW_S, LATEST)
    rows, seconds = [], 0.0
    for rate, window_s, margin in itertools.product(RATES, windows, margins):
        seen = {c: labels_of(clips / c, args.model, rate, window_s, margin) for c in CLIPS}
        changes = {clip: labels.changes() for clip, labels in seen.items()}
        seconds = sum(labels.seconds for labels in seen.values())
        rows.append(
            {
                "rate": rate,
                "window_s": "latest answer" if window_s == LATEST else window_s,
                "margin": margin,
                **changes,
                "changes": sum(changes.values()),
            }
        )
    publish(
        "attributes",
        "Changes of an attribute's label within a track",
        COLUMNS,
        rows,
        [
            f"The model is {args.model.resolve().name}; shipped: two answers a second, a window of "
            f"{WINDOW_S:g} s, and its manifest's margin of {shipped:g}. The faces have a label for "
            f"{seconds:.1f} s in all five clips together. Whether they are told rightly is not "
            "looked at.",
        ],
    )


def labels_of(clip: Path, model: Path, rate: float, window_s: float, margin: float) -> Labels:
    """Return what each track of a clip was called."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "model")
        shutil.copytree(model, folder)
        manifest = json.loads((folder / MANIFEST).read_text())
        manifest["input"]["margin"] = margin
        (folder / MANIFEST).write_text(json.dumps(manifest))
        text = f'[[attribute]]\nname = "own"\nmodel = "{folder}"\nrate = {rate}\n'
        text += f"window_s = {window_s}\n"
        Path(scratch, "config.toml").write_text(text)
        sets = (f"camera.source={clip}", "camera.every_frame=true", "camera.loop=false")
        config = load(Path(scratch, "config.toml"), {}, sets)
        seen = Labels("own")
        replay(config, observers=[seen])
    return seen


if __name__ == "__main__":
    main()
