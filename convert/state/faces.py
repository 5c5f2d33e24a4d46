"""Reads faces whose state the teachers told, as patches that training crops are cut from."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.state.outputs import EYE_LEFT, EYE_RIGHT, MOUTH, ROLL, SMILE, YAW, N, targets
from edge.crop import crop_face
from edge.errors import ConfigError, NoInputError
from edge.geometry import Box

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]
PATCH = 128  # pixels: twice the crop, so that turning and shifting it does not leave the picture
MARGIN = 0.5  # of the patch: the box's longer side is half of it
HELD_OUT = 8  # one in so many people is kept for judging
HELD_OUT_OF = {"closed_eyes": 3}  # the same where more are needed to judge
KEPT = ("yawn", "masks_chandrika")
"""Archives and sources of which no training sees more than `FILMS`."""
FILMS = ("Yawning_",)
"""What names of a film's frames begin with that is trained on, whole, though the rest is kept."""
MASKED = ("masks853", "masks_chandrika")
"""Sources in which most mouths are covered: what the teachers say of these is a guess."""
# Degrees: rows where MediaPipe's pose and OpenVINO's are further apart are left out. Pitch after
# taking off how much lower OpenVINO's says (3.7 degrees on LFW).
APART = np.array([12.0, 20.0, 10.0])
LOWER = np.array([0.0, 3.7, 0.0])
# Where the detector's box lies about the box of the 68 points, in its sides: medians on LFW.
BOX_OF_POINTS = np.array([0.010, -0.326, -0.018, -0.018])


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Faces:
    """Faces, row by row."""

    patches: Luma  # (n, PATCH, PATCH)
    landmarks: Floats  # (n, 5, 2), pixels of the patch
    sides: Floats  # (n, 2), width and height of the face in the stored picture, pixels
    values: Floats  # (n, 7), `OUTPUTS` in their units; NaN: not known
    pose_net: Floats  # (n, 3), what the other teacher says; NaN: nothing
    hidden: NDArray[np.bool_]  # (n,): the mouth is most likely covered
    source: NDArray[np.str_]  # (n,)
    name: NDArray[np.str_]  # (n,), of the picture

    def __len__(self) -> int:
        return len(self.patches)

    def take(self, rows: NDArray[Any]) -> Faces:
        """Return some rows, by indices or a mask."""
        return Faces(*(getattr(self, f.name)[rows] for f in fields(self)))


def joined(parts: Sequence[Faces]) -> Faces:
    """Return all rows of several; at least one."""
    return Faces(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Faces)))


def patch_of(luma: Luma, box: Box) -> tuple[Luma, float, float, float]:
    """Return the patch around a box, and (scale, left, top) of it: patch = (x - left) * scale."""
    patch = crop_face(luma, box, MARGIN, PATCH, PATCH)
    side = max(box.width, box.height) * (1 + 2 * MARGIN)
    cx, cy = box.centre
    return patch, PATCH / side, cx - side / 2, cy - side / 2


def person(name: str) -> str:
    """Return whom a picture shows as far as its name says: `Given_Name_0001.jpg`."""
    stem = name.rsplit("/", 1)[-1].split(".", 1)[0]
    return stem.rsplit("_", 1)[0] if stem[:1].isupper() else stem


def held_out(faces: Faces) -> NDArray[np.bool_]:
    """Return which rows are kept for judging: sources but for `FILMS`, one person in `HELD_OUT`.

    The same in every run and every archive, so that nobody is on both sides; more of the archives
    in `HELD_OUT_OF`, whose names are not those of people.
    """
    of_person = [
        zlib.crc32(person(str(name)).encode()) % HELD_OUT_OF.get(str(source), HELD_OUT) == 0
        for name, source in zip(faces.name, faces.source, strict=True)
    ]
    kept = np.isin(faces.source, KEPT)
    film = np.array([str(name).startswith(FILMS) for name in faces.name], bool)
    return np.where(kept, ~film, of_person)


def read_faces(folder: Path, photo_labels: Path | None = None) -> Faces:
    """Read all faces of the data folder whose label can be trusted.

    Args:
        folder: laid out as docs/state.md says: lfw/, state/, drivers/, photos/.
        photo_labels: what `label-state` wrote for photos/positives.npz; None: without these.

    Raises:
        NoInputError: a file is missing.
        ConfigError: a file is something else.
    """
    parts = [
        _of_pictures(folder / "lfw" / "lfw_faces.npz", folder / "state" / "lfw_state.npz", "lfw"),
        _of_points(folder / "state" / "keypoints.npz"),
        _of_drivers(folder / "drivers" / "closed_eyes.npz", "closed_eyes"),
        _of_drivers(folder / "drivers" / "yawn.npz", "yawn"),
    ]
    if photo_labels is not None:
        parts.append(_of_photos(folder / "photos" / "positives.npz", photo_labels))
    return joined(parts)


def archive(path: Path, *keys: str) -> dict[str, NDArray[Any]]:
    """Return arrays of a NumPy archive.

    Raises:
        NoInputError: there is no such file.
        ConfigError: it lacks one of them.
    """
    if not path.is_file():
        raise NoInputError(f"{path}: no such file")
    try:
        with np.load(path, allow_pickle=False) as z:
            return {key: z[key] for key in keys}
    except (KeyError, ValueError, OSError, zipfile.BadZipFile, zlib.error, EOFError) as e:
        raise ConfigError(f"{path}: not an archive with {', '.join(keys)}: {e}") from e


class _Rows:
    """Collects rows of one archive."""

    def __init__(self, path: Path, jpeg: Luma, offsets: NDArray[np.int64]) -> None:
        self._path, self._jpeg, self._offsets = path, jpeg, offsets
        self._last = -1
        self._luma: Luma = np.zeros((1, 1), np.uint8)
        self.patches: list[Luma] = []
        self.landmarks: list[Floats] = []
        self.sides: list[tuple[float, float]] = []

    def picture(self, index: int) -> Luma:
        if index != self._last:
            part = self._jpeg[self._offsets[index] : self._offsets[index + 1]]
            luma = cv2.imdecode(part, cv2.IMREAD_GRAYSCALE) if len(part) else None
            if luma is None:
                raise ConfigError(f"{self._path}: picture {index} cannot be decoded")
            self._luma, self._last = np.asarray(luma, np.uint8), index
        return self._luma

    def add(self, index: int, box: Box, landmarks: NDArray[np.floating]) -> None:
        patch, scale, left, top = patch_of(self.picture(index), box)
        self.patches.append(patch)
        self.landmarks.append(((landmarks - [left, top]) * scale).astype(np.float32))
        self.sides.append((box.width, box.height))

    def faces(
        self,
        values: Floats,
        pose_net: Floats,
        source: Sequence[str],
        name: Sequence[str],
    ) -> Faces:
        n = len(self.patches)
        hidden = np.isin(np.array(source, str), MASKED)
        return Faces(
            np.array(self.patches, np.uint8).reshape(n, PATCH, PATCH),
            np.array(self.landmarks, np.float32).reshape(n, 5, 2),
            np.array(self.sides, np.float32).reshape(n, 2),
            values.astype(np.float32).reshape(n, N),
            pose_net.astype(np.float32).reshape(n, 3),
            hidden.reshape(n),
            np.array(source, "<U16").reshape(n),
            np.array(name, "<U96").reshape(n),
        )


LABELS = ("valid", "pose", "pose_net", "shapes", "shape_names")


def _values(a: dict[str, NDArray[Any]], rows: NDArray[np.intp]) -> Floats:
    names = [str(n) for n in a["shape_names"]]
    return targets(a["pose"][rows], a["shapes"][rows], names)


def trusted(pose: NDArray[np.floating], pose_net: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return for which rows (n, 3) the two teachers' poses go together."""
    gap = np.abs(pose.astype(float) - pose_net.astype(float) - LOWER)
    out: NDArray[np.bool_] = (gap <= APART).all(axis=1)
    return out


def _of_pictures(path: Path, labels: Path, source: str) -> Faces:
    a = archive(path, "jpeg", "offsets", "names", "faces")
    told = archive(labels, *LABELS)
    if len(told["valid"]) != len(a["faces"]):
        raise ConfigError(f"{labels}: {len(told['valid'])} rows for {len(a['faces'])} faces")
    good = told["valid"] & trusted(told["pose"], told["pose_net"])
    rows = np.flatnonzero(good)
    out = _Rows(path, a["jpeg"], a["offsets"])
    for row in rows:
        face = a["faces"][row]
        out.add(int(face[0]), Box(*map(float, face[1:5])), face[5:15].reshape(5, 2))
    names = [str(a["names"][int(i)]) for i in a["faces"][rows, 0]]
    return out.faces(_values(told, rows), told["pose_net"][rows], [source] * len(rows), names)


def box_of_points(points: NDArray[np.floating]) -> Box:
    """Return about where the detector's box is, by the 68 points (68, 2) of a face."""
    low, high = points.min(axis=0), points.max(axis=0)
    w, h = high - low
    x0, y0, x1, y1 = BOX_OF_POINTS
    left, top = low[0] + x0 * w, low[1] + y0 * h
    return Box(
        float(left), float(top), float(high[0] + x1 * w - left), float(high[1] + y1 * h - top)
    )


def _of_points(path: Path) -> Faces:
    a = archive(path, "jpeg", "offsets", "names", "points", *LABELS)
    rows = np.flatnonzero(a["valid"] & trusted(a["pose"], a["pose_net"]))
    out = _Rows(path, a["jpeg"], a["offsets"])
    for row in rows:
        points = a["points"][row].astype(np.float32)
        out.add(int(row), box_of_points(points[:68]), points[[68, 69, 30, 48, 54]])
    names = [str(a["names"][row]) for row in rows]
    return out.faces(_values(a, rows), a["pose_net"][rows], [path.stem] * len(rows), names)


def _of_drivers(path: Path, source: str) -> Faces:
    a = archive(path, "jpeg", "offsets", "names", "faces", "labels", "label_names", *LABELS)
    rows = np.flatnonzero(a["valid"])
    values = _values(a, rows)
    values[~trusted(a["pose"][rows], a["pose_net"][rows]), YAW : ROLL + 1] = np.nan
    shut = np.array([a["label_names"][k] == "closed" for k in a["labels"][rows]], bool)
    for k in (EYE_LEFT, EYE_RIGHT):
        values[shut, k] = 0.0  # a person said so
    out = _Rows(path, a["jpeg"], a["offsets"])
    for row in rows:
        face = a["faces"][row]
        out.add(int(row), Box(*map(float, face[:4])), face[4:14].reshape(5, 2))
    names = [f"{a['names'][row]} {a['label_names'][a['labels'][row]]}" for row in rows]
    return out.faces(values, a["pose_net"][rows], [source] * len(rows), names)


def _of_photos(path: Path, labels: Path) -> Faces:
    a = archive(path, "jpeg", "offsets", "names", "source", "sources")
    told = archive(labels, "picture", "faces", "valid", "pose", "shapes", "shape_names")
    sources = [str(s).split(" | ")[0] for s in a["sources"]]
    of_row = np.array([sources[a["source"][i]] for i in told["picture"]], str)
    # The frames of YouTube are those of keypoints.npz, where they have more labels.
    use = told["valid"] & ~np.char.startswith(of_row, "youtube")
    rows = np.flatnonzero(use)
    values = _values(told, rows)
    covered = np.isin(of_row[rows], MASKED)
    for k in (MOUTH, SMILE):
        values[covered, k] = np.nan
    out = _Rows(path, a["jpeg"], a["offsets"])
    for row in rows:
        face = told["faces"][row]
        out.add(int(told["picture"][row]), Box(*map(float, face[:4])), face[4:14].reshape(5, 2))
    names = [str(a["names"][i]) for i in told["picture"][rows]]
    renamed = ["photos_yawn" if s == "yawn" else str(s) for s in of_row[rows]]
    return out.faces(values, np.full((len(rows), 3), np.nan, np.float32), renamed, names)
