"""Which photographs become sequences: pairs of one person (LFW), labelled faces (FER2013)."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.reaction.morph import SIDE, Keyframe, Picture, Portrait
from edge.classify import Model
from edge.config import Detect
from edge.detect import open_detector
from edge.geometry import Box

# Of each emotion. LFW has hardly any disgust and fear; there FER2013's faces stand in.
PAIRS = {"happy": 12, "surprise": 12, "angry": 10, "sad": 10}
LABELLED = {"disgust": 10, "fear": 10, "angry": 6}
RESTS = 20  # people who only rest
SURE = 0.7  # least score of a photograph that is taken for its emotion
STRAIGHT_DEG = 20.0  # most yaw and pitch: beyond, two photographs cannot be morphed
MIN_WIDTH = 50.0  # pixels of a face
HEAD = 1.0  # radius of a head, in widths of its face
MIDDLE = 20.0  # pixels: LFW's person is in the middle, others are not
NEUTRAL_S, APEX_S, AFTER_S = 3.0, 3.0, 2.5
REST_S, REST_STEP_S = 12.0, 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """What is shown, and what it is."""

    name: str
    source: str  # lfw, fer2013 or rest
    emotion: str  # at the apex; neutral for rest
    portraits: list[Portrait]
    keyframes: list[Keyframe]
    onset: float = 0.0  # s: the face begins to move
    apex: float = 0.0  # s: it is all there
    offset: float = 0.0  # s: it begins to go
    rest: float = 0.0  # s: it is gone
    seed: int = field(default=0)


def sequences(data: Path, seed: int = 0) -> list[Sequence]:
    """Return all sequences, the same for the same data, emotion model and seed."""
    rng = np.random.default_rng(seed)
    model = Model(Path(__file__).resolve().parents[2] / "models" / "emotion")
    people = _people(data, model)
    return [
        *_pairs(people, model.labels, rng),
        *_labelled(data, rng),
        *_rests(people, rng),
    ]


def rooms(data: Path) -> list[Picture]:
    """Return pictures of rooms without anybody, (480, 640), a little out of focus."""
    with np.load(data / "photos" / "negatives.npz") as d:
        kinds, kind = [str(k) for k in d["kinds"]], d["kind"]
        of = np.flatnonzero(kind == kinds.index("home"))[:400:10]
        jpeg, offsets = d["jpeg"], d["offsets"]
        pictures = [cv2.imdecode(jpeg[offsets[i] : offsets[i + 1]], 0) for i in of]
    return [
        np.asarray(cv2.GaussianBlur(cv2.resize(p, (640, 480)), (0, 0), 2), np.uint8)
        for p in pictures
    ]


@dataclass(slots=True, eq=False)
class _Person:
    """Photographs of one person, each with its scores."""

    portraits: list[Portrait] = field(default_factory=list)
    scores: list[NDArray[np.float32]] = field(default_factory=list)
    calm: list[bool] = field(default_factory=list)  # mouth neither smiling nor open


def _people(data: Path, model: Model) -> dict[str, _Person]:
    with np.load(data / "lfw" / "lfw_faces.npz") as d:
        faces, names, jpeg, offsets = d["faces"], d["names"], d["jpeg"], d["offsets"]
    with np.load(data / "state" / "lfw_state.npz") as d:
        pose, points, valid = d["pose"].astype(float), d["points"].astype(np.float32), d["valid"]
        shape = dict(zip(map(str, d["shape_names"]), d["shapes"].astype(float).T, strict=True))
    smile = (shape["mouthSmileLeft"] + shape["mouthSmileRight"]) / 2
    centre = faces[:, 1:3] + faces[:, 3:5] / 2
    usable = valid & (np.abs(pose[:, :2]) < STRAIGHT_DEG).all(1) & (faces[:, 3] >= MIN_WIDTH)
    usable &= (np.abs(centre - SIDE / 2) < MIDDLE).all(1)
    largest: dict[int, int] = {}
    for k in np.flatnonzero(usable):
        i = int(faces[k, 0])
        if i not in largest or faces[k, 3] > faces[largest[i], 3]:
            largest[i] = int(k)
    by_name = defaultdict(list)
    for i, k in largest.items():
        by_name[str(names[i]).rsplit("_", 1)[0]].append((i, k))
    people: dict[str, _Person] = {}
    for name, rows in sorted(by_name.items()):
        if len(rows) < 2:
            continue
        person = people[name] = _Person()
        for i, k in rows[:12]:
            picture = np.asarray(cv2.imdecode(jpeg[offsets[i] : offsets[i + 1]], 0), np.uint8)
            marks = faces[k, 5:15].reshape(5, 2).tolist()
            box = Box(*(float(v) for v in faces[k, 1:5]))
            crop = model.crop(picture, box, tuple((x, y) for x, y in marks))
            person.portraits.append(Portrait(picture, points[k, :68], HEAD * float(faces[k, 3])))
            person.scores.append(model.infer(crop))
            person.calm.append(bool(smile[k] < 0.15 and shape["jawOpen"][k] < 0.05))
    return people


def _acted(
    name: str,
    source: str,
    emotion: str,
    calm: list[Portrait],
    shown: list[Portrait],
    rng: np.random.Generator,
) -> Sequence:
    """A resting face (one or two photographs) that becomes another, holds it, and goes back."""
    onset = NEUTRAL_S
    apex = onset + rng.uniform(0.3, 0.8)
    offset = apex + APEX_S
    rest = offset + rng.uniform(0.3, 0.8)
    last_calm, first_shown = len(calm) - 1, len(calm)
    keys = [(0.0, 0), (onset, last_calm), (apex, first_shown)]
    keys += [(offset, first_shown + len(shown) - 1), (rest, last_calm), (rest + AFTER_S, 0)]
    return Sequence(
        name,
        source,
        emotion,
        [*calm, *shown],
        keys,
        onset,
        apex,
        offset,
        rest,
        int(rng.integers(1 << 31)),
    )


def _pairs(
    people: dict[str, _Person], labels: list[str], rng: np.random.Generator
) -> list[Sequence]:
    out = []
    neutral = labels.index("neutral")
    used: set[str] = set()
    for emotion, wanted in PAIRS.items():
        which = labels.index(emotion)
        found = []
        for name, person in people.items():
            best = [int(s.argmax()) if s.max() >= SURE else -1 for s in person.scores]
            calm = [i for i, b in enumerate(best) if b == neutral and person.calm[i]]
            shown = [i for i, b in enumerate(best) if b == which]
            if calm and shown and name not in used:
                found.append((name, calm[:2], shown[:2]))
        for n in rng.permutation(len(found))[:wanted]:
            name, calm, shown = found[n]
            used.add(name)
            person = people[name]
            a, b = ([person.portraits[i] for i in part] for part in (calm, shown))
            out.append(_acted(name, "lfw", emotion, a, b, rng))
    return out


def _labelled(data: Path, rng: np.random.Generator) -> list[Sequence]:
    with (data / "fer2013" / "labels.csv").open() as f:
        rows = [r for r in csv.DictReader(f) if r["split"] == "public_test"]
    detector = open_detector(
        Detect(name="yunet", model=str(next((data / "detectors").glob("*yunet*.onnx"))), width=SIDE)
    )
    votes = {e: np.array([int(r[f"votes_{e}"]) for r in rows]) for e in ("neutral", *LABELLED)}
    # The clearest first: those that most raters agree on.
    neutral = iter(np.argsort(-votes["neutral"], kind="stable"))
    mosaics: dict[str, Any] = {}
    out = []
    for emotion, wanted in LABELLED.items():
        made = 0
        for i in np.argsort(-votes[emotion], kind="stable"):
            if made == wanted or votes[emotion][i] < 5:
                break
            shown = _portrait(data, rows[i], mosaics, detector)
            if shown is None:
                continue
            calm = None
            while calm is None:
                calm = _portrait(data, rows[next(neutral)], mosaics, detector)
            out.append(_acted(rows[i]["name"], "fer2013", emotion, [calm], [shown], rng))
            made += 1
    return out


def _portrait(data: Path, row: Any, mosaics: dict[str, Any], detector: Any) -> Portrait | None:
    """A face of FER2013 in the middle of a picture, with the five landmarks of YuNet."""
    if row["file"] not in mosaics:
        mosaics[row["file"]] = cv2.imread(str(data / "fer2013" / row["file"]), 0)
    y, x = int(row["tile"]) // 160 * 48, int(row["tile"]) % 160 * 48
    face = cv2.resize(mosaics[row["file"]][y : y + 48, x : x + 48], (80, 80))
    picture = np.asarray(cv2.copyMakeBorder(face, 40, 40, 40, 40, cv2.BORDER_REPLICATE), np.uint8)
    faces = detector.detect(picture)
    near = [f for f in faces if f.landmarks and 40 < f.box.width < 110]
    if not near or not all(40 < c < 120 for c in near[0].box.centre):
        return None
    return Portrait(picture, np.array(near[0].landmarks, np.float32), 56.0)  # to its corners


def _rests(people: dict[str, _Person], rng: np.random.Generator) -> list[Sequence]:
    """People with several photographs on which the mouth is closed and does not smile."""
    calm = {n: [p.portraits[i] for i, c in enumerate(p.calm) if c] for n, p in people.items()}
    names = [n for n, portraits in calm.items() if len(portraits) >= 4]
    out = []
    for k in rng.permutation(len(names))[:RESTS]:
        name = names[k]
        portraits = calm[name][:6]
        steps = round(REST_S / REST_STEP_S) + 1
        keys = [(i * REST_STEP_S, i % len(portraits)) for i in range(steps)]
        seed = int(rng.integers(1 << 31))
        out.append(Sequence(name, "rest", "neutral", portraits, keys, seed=seed))
    return out
