"""MediaPipe's Face Landmarker as a teacher: 478 points, head pose and expression values of a face.

The way of MediaPipe's own graphs (Apache 2.0): an upright square around the face, looked at twice,
the second time around the points of the first; the expression network on 146 of the points; the
pose by fitting the canonical face to them (`face_geometry/libs/geometry_pipeline.cc`).
"""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError, NoInputError, UnavailableError

Luma = NDArray[np.uint8]
Floats = NDArray[np.float64]
SIDE = 256  # pixels: the landmark network's input
AROUND = 1.5  # sides of the square looked at, in face sizes
FIELD = math.radians(63)  # vertical field of view that MediaPipe assumes
FRAME = 2.0  # faces: as wide as LFW's pictures around theirs, on which the labels agree
NEAR = 1.0  # near plane of its camera; any value gives the same pose
RIGHT_EYE, LEFT_EYE = 33, 263  # outer corners, the person's own sides
FILES = ("face_landmarks_detector.tflite", "face_blendshapes.tflite", "geometry.npz")


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Taught:
    """What the teacher says of one face."""

    presence: float  # 0 to 1: that there is a face
    points: Floats  # (478, 2), pixels of the picture
    pose: Floats  # yaw, pitch, roll in degrees; signs as in docs/state.md
    shapes: dict[str, float]  # expression values by MediaPipe's names, 0 to 1


class Teacher:
    """The networks, loaded."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        """Load them from `folder`.

        Raises:
            NoInputError: a file is missing.
            ConfigError: a file is not what its name says.
            UnavailableError: there is no TFLite runtime.
        """
        for name in FILES:
            if not (folder / name).is_file():
                raise NoInputError(f"{folder / name}: no such file")
        try:
            with np.load(folder / FILES[2], allow_pickle=False) as archive:
                self._subset = archive["subset"].astype(int)
                self._names = [str(n) for n in archive["names"]]
                self._basis = archive["basis"].astype(int)
                self._weights = archive["weights"].astype(float)
                self._mesh = archive["mesh"].astype(float)[self._basis].T
        except (KeyError, ValueError, zipfile.BadZipFile) as e:
            raise ConfigError(f"{folder / FILES[2]}: not the teacher's constants: {e}") from e
        self._landmarks = _interpreter(folder / FILES[0], threads)
        self._blendshapes = _interpreter(folder / FILES[1], threads)

    def look(self, luma: Luma, face: NDArray[np.float32]) -> Taught:
        """Return what it says of a face.

        Args:
            luma: shape (rows, columns).
            face: x, y, width, height, then x, y of right eye and left eye, pixels of `luma`.
        """
        x, y, w, h = (float(v) for v in face[:4])
        turn = math.atan2(float(face[7] - face[5]), float(face[6] - face[4]))
        points, presence = self._pass(luma, x + w / 2, y + h / 2, AROUND * max(w, h), turn)
        turn = math.atan2(*(points[LEFT_EYE] - points[RIGHT_EYE])[1::-1])
        cx, cy, size = _square(points, turn)
        points, presence = self._pass(luma, cx, cy, AROUND * size, turn)
        return Taught(presence, points[:, :2], self._pose(points, size), self._shapes(points))

    def _pass(
        self, luma: Luma, cx: float, cy: float, side: float, turn: float
    ) -> tuple[Floats, float]:
        """Return points (478, 3) in pixels of the picture, z to its scale, and the presence."""
        k = side / SIDE
        cos, sin = k * math.cos(turn), k * math.sin(turn)
        half = (SIDE - 1) / 2
        to_picture = np.array(
            [[cos, -sin, cx - cos * half + sin * half], [sin, cos, cy - sin * half - cos * half]]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(
            luma, to_picture, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        grey = (crop.astype(np.float32) / 255)[None, :, :, None]
        outputs = _run(self._landmarks, np.repeat(grey, 3, axis=3))
        raw = next(o for o in outputs if o.size == 478 * 3).reshape(478, 3).astype(float)
        # The presence is the first of the two single outputs, a logit.
        logit = float(next(o for o in outputs if o.size == 1).reshape(-1)[0])
        flat = raw[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
        return np.column_stack([flat, raw[:, 2] * k]), 1 / (1 + math.exp(-logit))

    def _shapes(self, points: Floats) -> dict[str, float]:
        chosen = points[self._subset, :2].astype(np.float32)
        values = _run(self._blendshapes, chosen[None])[0].reshape(-1)
        return dict(zip(self._names, (float(v) for v in values), strict=True))

    def _pose(self, points: Floats, size: float) -> Floats:
        """Return the angles as if a camera looked straight at the face.

        MediaPipe's camera looks at the picture's middle, so that the angles of a face at the border
        depend on where it is; here the picture is `FRAME` faces wide and the face in its middle.
        """
        middle = (points[:, :2].max(axis=0) + points[:, :2].min(axis=0)) / 2
        high = 2 * NEAR * math.tan(FIELD / 2)
        k = high / (FRAME * size)
        screen = np.stack(
            [(points[:, 0] - middle[0]) * k, (middle[1] - points[:, 1]) * k, points[:, 2] * k]
        )
        depth = float(screen[2, :468].mean())
        screen = screen[:, self._basis]
        scale = self._fit(screen * np.array([[1.0], [1.0], [-1.0]]))[1]
        scale *= self._fit(_unprojected(screen, depth, scale))[1]
        return angles(self._fit(_unprojected(screen, depth, scale))[0])

    def _fit(self, points: Floats) -> tuple[Floats, float]:
        """Return rotation and scale that bring the canonical face to points (3, n)."""
        w = self._weights / self._weights.sum()
        a = self._mesh - (self._mesh * w).sum(axis=1, keepdims=True)
        b = points - (points * w).sum(axis=1, keepdims=True)
        u, _, vt = np.linalg.svd((b * w) @ a.T)
        sign = np.diag([1.0, 1.0, float(np.sign(np.linalg.det(u @ vt)))])
        rotation = u @ sign @ vt
        scale = float(((rotation @ a) * b * w).sum() / (a * a * w).sum())
        return rotation, scale


def angles(rotation: Floats) -> Floats:
    """Return yaw, pitch and roll in degrees of a rotation (3, 3) of the canonical face.

    Axes: x to the picture's right, y up, z to the camera. Yaw and pitch are where the face looks,
    roll is about that direction: R = Ry Rx Rz.
    """
    x, y, z = rotation[:, 2]
    yaw, pitch = math.atan2(float(x), float(z)), math.asin(float(np.clip(y, -1, 1)))
    roll = -math.atan2(float(rotation[1, 0]), float(rotation[1, 1]))
    return np.degrees([yaw, pitch, roll])


def rotation_of(pose: NDArray[np.floating]) -> Floats:
    """Return the rotation (3, 3) of yaw, pitch and roll in degrees; the reverse of `angles`."""
    (sy, sp, sr), (cy, cp, cr) = np.sin(np.radians(pose)), np.cos(np.radians(pose))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_z = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    out: Floats = about_y @ about_x @ about_z
    return out


def _unprojected(screen: Floats, depth: float, scale: float) -> Floats:
    z = (screen[2] - depth + NEAR) / scale
    return np.stack([screen[0] * z / NEAR, screen[1] * z / NEAR, -z])


def _square(points: Floats, turn: float) -> tuple[float, float, float]:
    """Return centre and side of the upright-turned square around points."""
    cos, sin = math.cos(turn), math.sin(turn)
    rotation = np.array([[cos, sin], [-sin, cos]])
    turned = points[:, :2] @ rotation.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    cx, cy = rotation.T @ ((low + high) / 2)
    return float(cx), float(cy), float((high - low).max())


def _interpreter(path: Path, threads: int) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as e:
        raise UnavailableError(f"the teachers need ai-edge-litert: {e}") from e
    try:
        interpreter = Interpreter(str(path), num_threads=threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as e:
        raise ConfigError(f"{path}: not a network that can be run: {e}") from e
    return interpreter


def _run(interpreter: Any, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return [interpreter.get_tensor(o["index"]) for o in interpreter.get_output_details()]
