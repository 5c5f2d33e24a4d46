"""Faces, tracks and a tiny classifier for the tests of scoring."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.classify import Model, TrackClassifier
from edge.config_emotion import Classify
from edge.geometry import Box
from edge.messages import Eyes, FaceState, Frame, Track

MODELS = Path(__file__).resolve().parents[2] / "models"
EVERYTHING = Classify(min_face_px=8, min_sharpness=0.0, min_brightness=0.0, max_faces=2)


def spoilt(tmp_path: Path, **manifest: object) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(MODELS / "tiny-int8", folder)
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | manifest))
    return folder


def track(name: str, x: float, width: float = 40, seen: float = 0.0) -> Track:
    return Track(name, Box(x, 20, width, width), 0.9, 0.0, seen, (320, 240))


def grey_frame(t: float, luma: int = 128) -> Frame:
    rng = np.random.default_rng(5)
    noise = rng.integers(-20, 20, (240, 320))
    return Frame(round(t * 30), t, np.clip(luma + noise, 0, 255).astype(np.uint8))


def classifier(config: Classify = EVERYTHING, **more: Any) -> TrackClassifier:
    return TrackClassifier(Model(MODELS / "tiny-int8"), config, **more)


AWAKE = Eyes(0.9, 0.9)


def with_mouth(t: float, opening: float | None) -> Track:
    return replace(track("a", 20, seen=t), state=FaceState(mouth=opening, eyes=AWAKE))


AHEAD_STATE = FaceState(yaw=2.0, pitch=1.0, roll=0.0, mouth=0.1)


MASKED_STATE = FaceState(yaw=2.0, pitch=1.0, roll=0.0, mouth=None)


def reasons(c: TrackClassifier, states: Sequence[FaceState | None], dt: float) -> list[Any]:
    out = []
    for n, state in enumerate(states):
        t = n * dt
        (scored,) = c.classify(grey_frame(t), [replace(track("a", 20, seen=t), state=state)])
        out.append(scored.reason)
    return out


def limits(size: int, sharpness: float, brightness: float) -> Classify:
    return Classify(min_face_px=size, min_sharpness=sharpness, min_brightness=brightness)
