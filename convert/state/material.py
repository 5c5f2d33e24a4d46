"""What a state network is judged on: crops of held-out faces, spoilt, and labelled pictures."""

from __future__ import annotations

import csv
import math
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.state.augment import cut
from convert.state.cover import clear_glasses, dark_glasses, mask, with_eyes
from convert.state.faces import KEPT, PATCH, Faces, archive, box_of_points, held_out, person
from convert.state.outputs import EYE_LEFT, EYE_RIGHT, YAW
from convert.state.teacher import FIELD, FRAME, angles
from edge.image import resize

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]
WIDTHS = (96, 64, 48, 40, 32, 24)  # pixels of a face in the picture
CONDITIONS = (
    "as they are", "box of another detector", "clear glasses", "dark glasses", "mask", "dark",
    "very dark", "against the light", "infra-red", "out of focus", "turned by 20", "turned by 40",
)  # fmt: skip
EYES_BY_HAND = Path(__file__).with_name("eyes_fer2013.csv")
# Points of the iBUG scheme whose partners in the canonical face are at the same place: corners of
# eyes and mouth, bridge and tip of the nose, below it, chin.
RIGID = {36: 33, 39: 133, 42: 362, 45: 263, 27: 168, 30: 4, 33: 2, 48: 61, 54: 291, 8: 152}


def judged(faces: Faces, *, calibrating: bool = False) -> Faces:
    """Return the held-out faces to judge on, or the others of them, to calibrate on.

    Sources of which no face is trained on are for judging only.
    """
    held = held_out(faces)
    second = np.array(
        [zlib.crc32(person(str(n)).encode()) // 24 % 3 == 0 for n in faces.name], bool
    )
    kept = np.isin(faces.source, KEPT)
    rows = held & second & ~kept if calibrating else held & (~second | kept)
    return faces.take(rows)


def central(patches: Luma, size: int) -> Luma:
    """Return the crops that the device would cut: the square of the box's longer side."""
    low, high = PATCH // 4, PATCH - PATCH // 4
    return np.stack([resize(p[low:high, low:high], size, size) for p in patches])


def narrowed(faces: Faces, width: int, size: int) -> Luma:
    """Return crops of the faces as `width` pixels wide ones; none is enlarged before."""
    out = []
    for patch, (w, h) in zip(central(faces.patches, PATCH // 2), faces.sides, strict=True):
        side = max(2, round(width * float(max(w, h)) / float(w)))
        small = resize(patch, side, side) if side < PATCH // 2 else patch
        out.append(resize(small, size, size))
    return np.stack(out)


def under(faces: Faces, condition: str, size: int, seed: int = 5) -> Luma:
    """Return crops of the faces under one of `CONDITIONS`."""
    rng = np.random.default_rng(seed)
    out = []
    for patch, points in zip(faces.patches, faces.landmarks, strict=True):
        turn, grow, shift = 0.0, 1.0, (0.0, 0.0)
        if condition == "box of another detector":
            grow = float(np.exp(rng.normal(0, 0.08)))
            dx, dy = rng.normal(0, 0.05, 2) * PATCH / 2
            shift = (float(dx), float(dy))
        elif condition == "clear glasses":
            patch = clear_glasses(patch, points, rng)
        elif condition == "dark glasses":
            patch = dark_glasses(patch, points, rng)
        elif condition == "mask":
            patch = mask(patch, points, rng)
        elif condition.startswith("turned by "):
            turn = float(condition.split()[-1])
        if (turn, grow, shift) == (0.0, 1.0, (0.0, 0.0)):
            crop = central(patch[None], size)[0]
        else:
            crop = cut(patch, turn, grow, shift, size)
        out.append(_lit(crop, condition, rng))
    return np.stack(out)


def _lit(crop: Luma, condition: str, rng: np.random.Generator) -> Luma:
    x: NDArray[np.floating] = crop.astype(np.float32)
    if condition == "dark":
        x = x * 0.25 + rng.normal(0, 2, x.shape)
    elif condition == "very dark":
        x = x * 0.12 + 4 + rng.normal(0, 2, x.shape)
    elif condition == "against the light":  # flat, in the shade
        x = 25 + x * 0.18 + rng.normal(0, 1.5, x.shape)
    elif condition == "infra-red":  # bright skin, a light beside the lens that falls off
        n = len(crop)
        r = np.hypot(*np.mgrid[-1 : 1 : n * 1j, -1 : 1 : n * 1j])
        x = (90 + 0.6 * x) * (1.15 - 0.35 * r) + rng.normal(0, 3, x.shape)
    elif condition == "out of focus":
        return np.asarray(cv2.GaussianBlur(crop, (0, 0), len(crop) * 0.03), np.uint8)
    else:
        return crop
    return np.clip(x, 0, 255).astype(np.uint8)


def eye_faces(path: Path, faces: Faces, seed: int = 5) -> tuple[Luma, NDArray[np.bool_]]:
    """Return patches of faces with eyes of `eyes.npz` put in, and whether these are open.

    Two eyes of one kind go over the eyes of one held-out face that looks ahead, in its light.
    """
    a = archive(path, "images", "open")
    rng = np.random.default_rng(seed)
    frontal = np.flatnonzero(np.abs(faces.values[:, YAW]) < 12)
    patches, kinds = [], []
    for kind in (0, 1):
        rows = rng.permutation(np.flatnonzero(a["open"] == kind))
        for one, two in zip(rows[::2], rows[1::2], strict=False):
            k = int(rng.choice(frontal))
            eyes = (a["images"][one], a["images"][two])
            patches.append(with_eyes(faces.patches[k], faces.landmarks[k], eyes))
            kinds.append(bool(kind))
    return np.stack(patches), np.array(kinds)


def happy_faces(folder: Path) -> tuple[Luma, NDArray[np.bool_]]:
    """Return FER2013's public-test faces on whose emotion at least eight of ten raters agree.

    Returns:
        Faces (n, 48, 48), and whether they are happy.
    """
    from convert.data.mosaic import read_mosaic

    data = read_mosaic(folder)
    rows = np.flatnonzero(np.array(data.splits) == "public_test")
    if data.votes is None:
        return np.zeros((0, 48, 48), np.uint8), np.zeros(0, bool)
    votes = data.votes[rows]
    sure = votes.max(axis=1) >= 0.8 * np.maximum(votes.sum(axis=1), 1)
    rows = rows[sure & (votes.sum(axis=1) > 0)]
    happy = data.votes[rows].argmax(axis=1) == data.classes.index("happy")
    return data.faces(rows), happy


def eyes_by_hand(folder: Path) -> tuple[Luma, NDArray[np.bool_], Floats] | None:
    """Return public-test faces of FER2013, a source never trained on, whose eyes were looked at.

    660 faces were drawn by chance, more of those whose eyes the first network called shut or half
    open; each was looked at without knowing what it had said. `eyes_fer2013.csv` has the 315 whose
    eyes are both clearly open or both clearly shut; narrow, lowered, hidden and unlike ones are
    not in it.

    Returns:
        Faces (n, 48, 48), whether both eyes are shut, and how many faces of the public test each
        stands for. None: `folder` is not FER2013, or lacks one of them.

    Raises:
        DataError: the folder's table or a mosaic is broken.
    """
    from convert.data.mosaic import is_mosaic, read_mosaic

    if not is_mosaic(folder):
        return None
    data = read_mosaic(folder)
    row_of = {name: k for k, name in enumerate(data.names)}
    with EYES_BY_HAND.open(encoding="utf-8", newline="") as f:
        labels = list(csv.DictReader(f))
    if not all(label["name"] in row_of for label in labels):
        return None
    faces = data.faces(np.array([row_of[label["name"]] for label in labels]))
    shut = np.array([label["eyes"] == "shut" for label in labels])
    return faces, shut, np.array([label["weight"] for label in labels], np.float32)


def keypoint_poses(path: Path, geometry: Path, faces: Faces) -> tuple[Floats, Floats]:
    """Return poses (n, 3) solved from points, of those `faces` that are of `path`.

    Returns:
        From the 68 points that the data's maker gave, and from those of the teacher: how far the
        way of solving alone is off. Rows of other sources are NaN.
    """
    a = archive(path, "names", "points", "points68")
    mesh = archive(geometry, "mesh")["mesh"].astype(float)
    row_of = {str(name): k for k, name in enumerate(a["names"])}
    given = np.full((len(faces), 3), np.nan, np.float32)
    told = given.copy()
    for k in np.flatnonzero(faces.source == path.stem):
        row = row_of[str(faces.name[k])]
        given[k] = solved(a["points68"][row].astype(float), mesh)
        told[k] = solved(a["points"][row][:68].astype(float), mesh)
    return given, told


def solved(points: NDArray[Any], mesh: NDArray[Any]) -> NDArray[np.float64]:
    """Return yaw, pitch and roll in degrees that bring the canonical face to 68 points."""
    box = box_of_points(points)
    cx, cy = box.centre
    focal = FRAME * max(box.width, box.height) / 2 / math.tan(FIELD / 2)
    camera = np.array([[focal, 0, cx], [0, focal, cy], [0, 0, 1.0]])
    flip = np.diag([1.0, -1.0, -1.0])  # OpenCV: y down, z away
    model = mesh[list(RIGID.values())] @ flip
    image = points[list(RIGID)].astype(float)
    _, turn, _ = cv2.solvePnP(
        model, image, camera, None, np.zeros(3), np.array([0, 0, 40.0]), True,
        cv2.SOLVEPNP_ITERATIVE,
    )  # fmt: skip
    return angles((flip @ cv2.Rodrigues(turn)[0] @ flip).astype(np.float64))


def eyes_of(values: Floats) -> Floats:
    """Return the openness of all eyes: the right ones, then the left ones."""
    return np.concatenate([values[:, EYE_RIGHT], values[:, EYE_LEFT]])
