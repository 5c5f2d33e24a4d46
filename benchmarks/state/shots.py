"""Photographs that sequences are composed of: open eyes, shut ones, yawns, turned heads."""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.reaction.morph import SIDE, Picture, Points, Portrait, displacement
from convert.state.faces import FILMS, HELD_OUT, HELD_OUT_OF, person

HEAD = 1.0  # radius of a head, in widths of its face
FACE = 65.0  # pixels: width of a face in a portrait, LFW's
MIDDLE = 20.0  # pixels: LFW's person is in the middle, others are not
MIN_WIDTH = 50.0  # pixels of a face as it is stored
# By the teacher: lids that are up, lids that are down (docs of the data: 0.5 is passed by 91 % of
# closed eyes), a mouth that is shut.
LIDS_UP, LIDS_DOWN, MOUTH_SHUT = 0.3, 0.6, 0.08
# Degrees of yaw, pitch and roll: an ordinary driver's, well within the cone. Some photographs lie
# on their side.
STRAIGHT = (12.0, 10.0, 30.0)
EYES = (slice(36, 42), slice(42, 48))  # of the 68 points


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One face of one photograph."""

    portrait: Portrait
    source: str
    name: str
    person: str
    trained: bool  # the shipped network was trained on it, or on this person
    pose: tuple[float, float, float]  # degrees, of the teacher
    blink: tuple[float, float]  # of the teacher, least and most of both eyes: 1 is shut
    jaw: float  # of the teacher: 0 is shut

    @property
    def straight(self) -> bool:
        """Return whether the head points ahead."""
        return all(abs(angle) <= most for angle, most in zip(self.pose, STRAIGHT, strict=True))

    @property
    def awake(self) -> bool:
        """Return whether it shows open eyes and a shut mouth, seen from the front."""
        return self.straight and self.blink[1] < LIDS_UP and self.jaw < MOUTH_SHUT


def trained_on(source: str, name: str) -> bool:
    """Return whether `convert.state.faces.held_out` leaves a picture to training."""
    if source == "yawn":
        return name.startswith(FILMS)
    every = HELD_OUT_OF.get(source, HELD_OUT)
    # `closed_eyes` is split by the name with its label behind, as training read it.
    stem = person(f"{name} closed" if source == "closed_eyes" else name)
    return zlib.crc32(stem.encode()) % every != 0


def lfw(data: Path, only: Collection[str] = ()) -> list[Shot]:
    """Return faces of Labeled Faces in the Wild that look ahead or blink; `only`: by picture."""
    with np.load(data / "lfw" / "lfw_faces.npz") as d:
        faces, names, jpeg, offsets = d["faces"], d["names"], d["jpeg"], d["offsets"]
    with np.load(data / "state" / "lfw_state.npz") as d:
        told = _told(d)
    middle = faces[:, 1:3] + faces[:, 3:5] / 2
    good = told["valid"] & (faces[:, 3] >= MIN_WIDTH)
    good &= (np.abs(middle - SIDE / 2) < MIDDLE).all(1)
    # A file of 59 MB: only what can be used is decoded.
    awake = (told["blink"][:, 1] < LIDS_UP) & (told["jaw"] < MOUTH_SHUT)
    good &= (np.abs(told["pose"]) <= STRAIGHT).all(1)
    good &= awake | (told["blink"][:, 0] > LIDS_DOWN)
    if only:
        good &= np.isin(names[faces[:, 0].astype(int)], list(only))
    out = []
    for k in np.flatnonzero(good):
        i = int(faces[k, 0])
        picture = np.asarray(cv2.imdecode(jpeg[offsets[i] : offsets[i + 1]], 0), np.uint8)
        portrait = Portrait(picture, told["points"][k, :68], HEAD * float(faces[k, 3]))
        out.append(_shot(portrait, "lfw", str(names[i]), person(str(names[i])), told, int(k)))
    return out


def drivers(data: Path, name: str) -> list[Shot]:
    """Return the faces of `closed_eyes`, or of `yawn`, where a film is a person."""
    with np.load(data / "drivers" / f"{name}.npz") as d:
        faces, names, jpeg, offsets = d["faces"], d["names"], d["jpeg"], d["offsets"]
        labels = [str(d["label_names"][k]) for k in d["labels"]]
        told = _told(d)
    out = []
    for k in np.flatnonzero(told["valid"]):
        # Unmarked faces of `yawn` may have an open mouth: they are told from yawns by the jaw.
        picture = np.asarray(cv2.imdecode(jpeg[offsets[k] : offsets[k + 1]], 0), np.uint8)
        if picture.shape != (SIDE, SIDE):
            continue
        portrait = Portrait(picture, told["points"][k, :68], HEAD * float(faces[k, 2]))
        film = re.split(r"frame|-\d|_\d|_mp4", str(names[k]))[0]
        who = film if name == "yawn" else str(names[k])
        shot = _shot(portrait, name, str(names[k]), who, told, int(k))
        out.append(replace(shot, source=f"{name}: {labels[k]}"))
    return out


def videos(data: Path) -> list[Shot]:
    """Return frames of videos (YouTube Faces): the same person with several poses and lids."""
    with np.load(data / "state" / "keypoints.npz") as d:
        names, jpeg, offsets = d["names"], d["jpeg"], d["offsets"]
        told = _told(d)
    out = []
    for k in np.flatnonzero(told["valid"]):
        picture = np.asarray(cv2.imdecode(jpeg[offsets[k] : offsets[k + 1]], 0), np.uint8)
        name = str(names[k])
        portrait = normal(picture, told["points"][k, :68])
        out.append(_shot(portrait, "keypoints", name, person(name), told, int(k)))
    return out


def normal(picture: Picture, points: Points) -> Portrait:
    """Return a portrait with a face of `FACE` pixels in its middle, cut out of any picture."""
    low, high = points.min(0), points.max(0)
    scale = FACE / max(float(high[0] - low[0]), 1.0)
    middle = (low + high) / 2
    matrix = np.array(
        [[scale, 0, SIDE / 2 - scale * middle[0]], [0, scale, SIDE / 2 - scale * middle[1]]]
    )
    cut = cv2.warpAffine(picture, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    moved = cv2.transform(points[None].astype(np.float32), matrix)[0]
    # What lies beyond the picture is streaks: no more of it is shown than of the picture.
    room = min(*middle, *(np.array(picture.shape[::-1]) - middle)) * scale
    radius = min(HEAD * FACE, max(float(room) * 1.1, 0.75 * FACE))
    return Portrait(np.asarray(cut, np.uint8), moved.astype(np.float32), radius)


def with_eyes_of(face: Portrait, other: Portrait) -> Portrait:
    """Return `face` with the eyes of `other`, warped into their place and as bright as it is."""
    move = displacement(face.points, other.points - face.points)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    eyes = cv2.remap(
        other.picture,
        x + move[..., 0],
        y + move[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    mask = np.zeros((SIDE, SIDE), np.float32)
    width = float(np.ptp(face.points[36:48, 0]))
    for eye in EYES:
        cx, cy = face.points[eye].mean(0)
        axes = (round(0.24 * width), round(0.17 * width))
        cv2.ellipse(mask, (round(float(cx)), round(float(cy))), axes, 0, 0, 360, 1.0, -1)
    return replace(face, picture=_laid_over(face.picture, eyes, mask, 0.04 * width, 0.35 * width))


def with_face_of(face: Portrait, other: Portrait) -> Portrait:
    """Return `other`'s face in the head, hair and surroundings of `face`; it may be cut tight."""
    matrix, _ = cv2.estimateAffinePartial2D(other.points, face.points, method=cv2.LMEDS)
    if matrix is None:
        raise ValueError("landmarks without extent")
    laid = cv2.warpAffine(other.picture, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    points = cv2.transform(other.points[None], matrix)[0].astype(np.float32)
    low, high = points.min(0), points.max(0)
    brow = points[17:27].mean(0)
    above = brow + 0.35 * (brow - points[8])  # a forehead: a third of brow to chin
    hull = cv2.convexHull(np.vstack([points, above[None]]).astype(np.float32))
    mask = np.zeros((SIDE, SIDE), np.float32)
    cv2.fillConvexPoly(mask, hull.astype(np.int32), 1.0)
    width = float(high[0] - low[0])
    picture = _laid_over(face.picture, laid, mask, 0.05 * width, 0.5 * width)
    return Portrait(picture, points, face.radius)


def _laid_over(
    under: Picture, over: NDArray[Any], mask: NDArray[np.float32], soft: float, light: float
) -> Picture:
    """Blend `over` in by a mask with a soft edge; its light becomes that of what is under it."""
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), soft), np.float32)
    below, above = under.astype(np.float32), over.astype(np.float32)
    gain = (cv2.GaussianBlur(below, (0, 0), light) + 8) / (
        cv2.GaussianBlur(above, (0, 0), light) + 8
    )
    above = above * np.clip(gain, 0.4, 2.5)
    return np.asarray(np.clip(below + mask * (above - below) + 0.5, 0, 255), np.uint8)


def _told(d: Any) -> dict[str, NDArray[Any]]:
    shape = dict(zip(map(str, d["shape_names"]), d["shapes"].astype(float).T, strict=True))
    both = np.stack([shape["eyeBlinkLeft"], shape["eyeBlinkRight"]], 1)
    return {
        "valid": d["valid"],
        "pose": d["pose"].astype(float),
        "points": d["points"].astype(np.float32),
        "blink": np.stack([both.min(1), both.max(1)], 1),
        "jaw": shape["jawOpen"],
    }


def _shot(
    portrait: Portrait, source: str, name: str, who: str, told: dict[str, NDArray[Any]], k: int
) -> Shot:
    yaw, pitch, roll = (float(v) for v in told["pose"][k])
    least, most = (float(v) for v in told["blink"][k])
    trained = trained_on(source, name)
    return Shot(
        portrait, source, name, who, trained, (yaw, pitch, roll), (least, most), told["jaw"][k]
    )


def nearest(shot: Shot, among: list[Shot], rng: np.random.Generator, best: int = 8) -> Shot:
    """Return one of the `best` most alike in pose and brightness."""

    def apart(other: Shot) -> float:
        light = np.log((_light(shot) + 8) / (_light(other) + 8))
        return float(np.hypot(*np.subtract(shot.pose[:2], other.pose[:2])) + 8 * abs(light))

    return sorted(among, key=apart)[int(rng.integers(min(best, len(among))))]


def _light(shot: Shot) -> float:
    x, y = shot.portrait.points.mean(0).round().astype(int)
    part = shot.portrait.picture[max(y - 25, 0) : y + 25, max(x - 25, 0) : x + 25]
    return float(part.mean())
