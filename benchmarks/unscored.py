"""`python -m benchmarks.unscored`: is a face that is not scored one that would be scored wrongly?

Faces of FER2013's public test with an emotion that most raters saw, enlarged, through detector,
state network and emotion model, under the equal prior; grouped by what the network says of pose and
mouth. And of photographed yawns: how many are told.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import data_folder, publish
from convert.data.mosaic import read_mosaic
from edge.build import load_models
from edge.config_emotion import Classify
from edge.configfile import load
from edge.messages import FaceState, Reason
from edge.tools.analyze.scene import Scenes

SCALE = 3  # times: 48 pixels become 144
ROOM = 60  # pixels round them: a face that fills the picture is not what the detector is for
# Of a photograph's light and sharpness, and of doubt, nothing is asked here.
AS_IS = (
    "state.enabled=true",
    "classify.min_sharpness=0",
    "classify.min_brightness=0",
    "smooth.floor=0",
)
EVERYBODY = (
    *AS_IS,
    "classify.max_yaw=90",
    "classify.max_pitch=90",
    "classify.max_bowed=90",
    "classify.score_covered=true",
    "classify.score_yawns=true",
)
LIMITS = Classify()
COLUMNS = (
    ("who", "faces"),
    ("count", "how many"),
    ("share", "of all"),
    ("right", "right"),
    ("ahead", "the same emotions on heads that look ahead"),
)
AHEAD = 10.0  # degrees: a head turned, raised and bowed by less looks ahead


@dataclass(frozen=True, slots=True)
class Judged:
    """A face: what the network says of it, what most raters saw, and whether that is said."""

    state: FaceState | None  # None: no face was found
    reason: Reason | None  # why the defaults do not score it
    emotion: str
    right: bool  # where everybody is scored


Belongs = Callable[[Judged], bool]


def because(reason: Reason | None) -> Belongs:
    return lambda j: j.reason is reason


def eyeless(face: Judged) -> bool:
    """Return whether a mouth is told and neither eye."""
    state = face.state
    if state is None or state.mouth is None:
        return False
    return state.eyes is None or (state.eyes.left is None and state.eyes.right is None)


def aside(low: float, high: float) -> Belongs:
    def belongs(face: Judged) -> bool:
        yaw = face.state.yaw if face.state is not None else None
        return yaw is not None and low <= abs(yaw) < high

    return belongs


def pitched(low: float, high: float) -> Belongs:
    def belongs(face: Judged) -> bool:
        pitch = face.state.pitch if face.state is not None else None
        return pitch is not None and low <= pitch < high

    return belongs


GROUPS: tuple[tuple[str, Belongs], ...] = (
    ("scored", because(None)),
    ("`turned_away`", because(Reason.TURNED_AWAY)),
    ("`covered`", because(Reason.COVERED)),
    ("`yawning`", because(Reason.YAWNING)),
    ("a mouth told and no eyes", eyeless),
    *((f"turned aside by {a} to {b}°", aside(a, b)) for a, b in pairwise((0, 10, 20, 25, 30))),
    ("by 30 to 35°", aside(30, 35)),
    ("by 35° and more", aside(35, 91)),
    *((f"raised by {a} to {b}°", pitched(a, b)) for a, b in pairwise((10, 20, 30))),
    *((f"bowed by {a} to {b}°", pitched(-b, -a)) for a, b in pairwise((10, 15, 20, 25, 30))),
    ("by 30° and more", pitched(-91, -30)),
)


def faces(most: int | None) -> Iterator[tuple[NDArray[np.uint8], str]]:
    """Yield pictures of one face each, and what most raters saw."""
    data = read_mosaic(data_folder() / "fer2013").split("public_test")
    votes = np.asarray(data.votes)
    chosen = np.flatnonzero(votes.max(1) > votes.sum(1) / 2)[:most]
    for face, i in zip(data.faces(chosen), chosen, strict=True):
        best = int(votes[i].argmax())
        if best < len(data.classes):
            large = cv2.resize(face, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
            picture = cv2.copyMakeBorder(large, *[ROOM] * 4, cv2.BORDER_REPLICATE)
            yield np.asarray(picture, np.uint8), data.classes[best]


def judged(most: int | None = None) -> list[Judged]:
    """Return every face, as the defaults judge it and as if everybody were scored."""
    configs = [load(None, {}, sets) for sets in (AS_IS, EVERYBODY)]
    models, found = load_models(configs[0]), []
    as_is, everybody = (Scenes(models, config) for config in configs)
    for luma, emotion in faces(most):
        said = everybody.estimates(luma)
        if not said:
            found.append(Judged(None, Reason.NO_FACE, emotion, right=False))
            continue
        reason = as_is.estimates(luma)[0].reason
        found.append(Judged(said[0].state, reason, emotion, said[0].emotion == emotion))
    return found


def yawns(most: int | None = None) -> list[Reason | None]:
    """Return why photographed yawns are not scored; None: such a face is scored."""
    config = load(None, {}, AS_IS)
    scenes, out = Scenes(load_models(config), config), []
    with np.load(data_folder() / "drivers" / "yawn.npz") as d:
        jpeg, offsets = d["jpeg"], d["offsets"]
        marked = np.flatnonzero(d["labels"] == list(d["label_names"]).index("yawn"))[:most]
    for i in marked:
        luma = np.asarray(cv2.imdecode(jpeg[offsets[i] : offsets[i + 1]], 0), np.uint8)
        out += [e.reason for e in scenes.estimates(luma)[:1]]
    return out


def by_emotion(found: list[Judged]) -> str:
    """Return how many faces of each emotion seem to yawn, in words."""
    faces = Counter(j.emotion for j in found if j.state is not None)
    yawning = Counter(j.emotion for j in found if j.reason is Reason.YAWNING)
    return ", ".join(f"{yawning[e]} of {count} {e}" for e, count in faces.most_common())


def rows(found: list[Judged]) -> list[dict[str, Any]]:
    """Return how many faces each group has, and how many of them are right.

    Emotions are not as frequent in each group, and not as easy: beside it stands what would be
    right if each emotion were told as well as of heads that look ahead.
    """
    ahead: dict[str, list[bool]] = {}
    for j in found:
        if aside(0, AHEAD)(j) and pitched(-AHEAD, AHEAD)(j):
            ahead.setdefault(j.emotion, []).append(j.right)
    out: list[dict[str, Any]] = []
    for who, belongs in GROUPS:
        group = [j for j in found if belongs(j)]
        out.append({"who": who, "count": len(group), "share": round(len(group) / len(found), 4)})
        if group:
            out[-1]["right"] = round(float(np.mean([j.right for j in group])), 3)
            usual = [float(np.mean(ahead[j.emotion])) for j in group if j.emotion in ahead]
            out[-1]["ahead"] = round(float(np.mean(usual)), 3) if usual else None
    return out


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.unscored", description=__doc__)
    parser.add_argument("--most", type=int, help="faces; all without it")
    most = parser.parse_args().most
    found, yawners = judged(most), yawns(most)
    missed = sum(j.state is None for j in found)
    publish(
        "unscored",
        "Are faces that are not scored those that would be scored wrongly?",
        COLUMNS,
        rows(found),
        [
            f"{len(found)} faces of FER2013's public test with a majority of votes, enlarged "
            f"{SCALE} times; in {missed} the detector finds none. Equal prior; pose by the "
            f"state network; limits: aside {LIMITS.max_yaw:g}, raised {LIMITS.max_pitch:g}, "
            f"bowed {LIMITS.max_bowed:g} degrees.",
            f"`yawning`: {yawners.count(Reason.YAWNING)} of {len(yawners)} photographed yawns; of "
            f"the faces above {by_emotion(found)}.",
        ],
    )


if __name__ == "__main__":
    main()
