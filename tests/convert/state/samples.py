"""Drawn faces in the archives' layout: pose, eyes and mouth are drawn as the labels say."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from convert.state.label import SHAPES

SIDE = 96  # pixels of a picture
BOX = (28.0, 20.0, 40.0, 52.0)


def face(rng: np.random.Generator, shut: bool, yawn: float, yaw: float) -> np.ndarray:
    """Return a picture (SIDE, SIDE) of a drawn face in the middle."""
    out = np.full((SIDE, SIDE), int(rng.integers(30, 120)), np.uint8)
    cv2.ellipse(out, (48, 46), (20, 26), 0, 0, 360, 190, -1)
    nose = 48 + round(yaw * 0.25)
    cv2.line(out, (nose, 42), (nose, 50), 120, 2)
    for x in (40, 56):
        cv2.ellipse(out, (x, 38), (5, 1 if shut else 4), 0, 0, 360, 30, -1)
    cv2.ellipse(out, (48, 60), (7, 1 + round(8 * yawn)), 0, 0, 360, 40, -1)
    noise = rng.normal(0, 3, out.shape)
    return np.clip(out + noise, 0, 255).astype(np.uint8)


def landmarks() -> list[float]:
    return [40, 38, 56, 38, 48, 50, 42, 60, 54, 60]


def labels(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return labels of n faces as the teachers' archives hold them."""
    yaw = rng.uniform(-30, 30, n)
    pose = np.column_stack([yaw, np.zeros(n), np.zeros(n)])
    blink = np.where(rng.random(n) < 0.5, 0.05, 0.7)
    jaw = rng.uniform(0, 1, n)
    smile = rng.uniform(0, 1, n)
    return {
        "valid": np.ones(n, bool),
        "pose": pose.astype(np.float16),
        "pose_net": (pose - [0, 3.7, 0]).astype(np.float16),
        "shapes": np.column_stack([blink, blink, jaw, smile, smile]).astype(np.float16),
        "shape_names": np.array(SHAPES),
    }


def pictures(told: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    files = []
    for pose, shapes in zip(told["pose"], told["shapes"], strict=True):
        luma = face(rng, bool(shapes[0] > 0.5), float(shapes[2]), float(pose[0]))
        files.append(np.asarray(cv2.imencode(".jpg", luma)[1]).reshape(-1))
    return {
        "jpeg": np.concatenate(files),
        "offsets": np.cumsum([0, *(len(f) for f in files)]),
    }


def points(n: int) -> np.ndarray:
    """Return 68 points and two irises, roughly where they belong in the drawing."""
    out = np.zeros((70, 2), np.float32)
    out[:17] = np.column_stack([np.linspace(29, 67, 17), 50 + 20 * np.sin(np.linspace(0, 3.1, 17))])
    out[17:27] = np.column_stack([np.linspace(34, 62, 10), np.full(10, 33)])
    out[27:36] = np.column_stack([np.full(9, 48), np.linspace(38, 52, 9)])
    out[36:42] = [[35, 38], [38, 35], [42, 35], [45, 38], [42, 41], [38, 41]]
    out[42:48] = out[36:42] + np.array([16, 0])
    out[48:68] = np.column_stack([np.linspace(41, 55, 20), np.full(20, 60)])
    out[68:] = [[40, 38], [56, 38]]
    return np.repeat(out[None], n, axis=0)


def data_folder(root: Path, n: int = 80) -> Path:
    """Write a data folder with n faces in lfw/ and fewer elsewhere."""
    rng = np.random.default_rng(3)
    for name in ("lfw", "state", "drivers", "photos"):
        (root / name).mkdir(parents=True)
    rows = np.array([[*BOX, *landmarks(), 0.9]], np.float32)

    def names(k: int, start: int = 0) -> np.ndarray:
        return np.array([f"Person{start + i}_Name_0001.jpg" for i in range(k)])

    told = labels(n, rng)
    np.savez(root / "state" / "lfw_state.npz", **told)
    faces = np.column_stack([np.arange(n), np.repeat(rows, n, axis=0)]).astype(np.float32)
    np.savez(root / "lfw" / "lfw_faces.npz", **pictures(told, rng), names=names(n), faces=faces)
    k = n // 4
    told = labels(k, rng)
    np.savez(
        root / "state" / "keypoints.npz", **told, **pictures(told, rng), names=names(k, 1000),
        points=points(k).astype(np.float16), points68=points(k)[:, :68].astype(np.float16),
    )  # fmt: skip
    for name, classes in (("closed_eyes", ("closed", "open")), ("yawn", ("not marked", "yawn"))):
        told = labels(k, rng)
        if name == "closed_eyes":
            told["shapes"][:, :2] = 0.7
        marked = np.zeros(k, int) if name == "closed_eyes" else (told["shapes"][:, 2] > 0.5)
        np.savez(
            root / "drivers" / f"{name}.npz", **told, **pictures(told, rng),
            names=np.array([f"frame-{i}" for i in range(k)]), faces=np.repeat(rows, k, axis=0),
            labels=marked.astype(np.int8), label_names=np.array(classes),
        )  # fmt: skip
    told = labels(k, rng)
    sources = np.array(
        ["utkface | x/y @ 1 | . | none stated | faces", "masks_chandrika | m | . | MIT | masks"]
    )
    kind = np.arange(k) % 2
    whole = [("m/with_mask/" if i % 4 == 1 else "u/") + f"{i}.jpg" for i in range(k)]
    np.savez(
        root / "photos" / "positives.npz", **pictures(told, rng), names=np.array(whole),
        source=kind, sources=sources, kind=np.zeros(k, int), kinds=np.array(["adult"]),
        faces=np.column_stack([np.arange(k), np.repeat(rows, k, axis=0)]),
        ignore=np.zeros((0, 5), np.float32),
    )  # fmt: skip
    np.savez(
        root / "photo_labels.npz", picture=np.arange(k), faces=np.repeat(rows, k, axis=0), **told
    )
    eyes = rng.integers(60, 200, (16, 24, 24)).astype(np.uint8)
    np.savez(root / "state" / "eyes.npz", images=eyes, open=np.arange(16) % 2)
    return root
