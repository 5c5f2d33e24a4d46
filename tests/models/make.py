"""Make the tiny classifiers that the tests of the interpreter use; needs TensorFlow.

Untrained but not trivial: class 0, 1 or 2 by whether the picture is dark, grey or bright.
Run it from the top of a checkout: python tests/models/make.py
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf  # noqa: TID251  # run by hand, never by a test

HERE = Path(__file__).resolve().parent
LABELS = ["dark", "grey", "bright"]
SIDE = 16  # pixels
# name: unit, scale, known_below
STATE = {
    "yaw": ("deg", 90.0, 15.0),
    "pitch": ("deg", 90.0, 15.0),
    "roll": ("deg", 45.0, 10.0),
    "eye_left": ("share", 1.0, 0.2),
    "eye_right": ("share", 1.0, 0.2),
    "mouth": ("share", 1.0, 0.2),
    "smile": ("share", 1.0, 0.2),
}


def network(channels: int) -> keras.Model:
    picture = keras.Input((16, 16, channels), batch_size=1)
    mean = keras.layers.GlobalAveragePooling2D()(picture)
    out = keras.layers.Dense(3, activation="softmax", name="shares")(mean)
    model = keras.Model(picture, out)
    # Input in [-1, 1]: dark and bright by its sign, grey by the bias.
    weights = np.tile(np.array([[-8.0, 0.0, 8.0]], np.float32) / channels, (channels, 1))
    model.layers[-1].set_weights([weights, np.array([0.0, 2.0, 0.0], np.float32)])
    return model


def state_network() -> keras.Model:
    """Linear in the picture, so that a test can paint what it wants to be told.

    Yaw: right half brighter than the left; pitch: upper half brighter than the lower; an eye or the
    mouth: how bright its quarter, or the lower half, is. The darker the whole, the less sure.
    """
    picture = keras.Input((SIDE, SIDE, 1), batch_size=1)
    n = len(STATE)
    out = keras.layers.Dense(2 * n, name="state")(keras.layers.Flatten()(picture))
    model = keras.Model(picture, out)
    whole = np.ones((SIDE, SIDE), np.float32) / SIDE**2
    right, upper = np.zeros_like(whole), np.zeros_like(whole)
    right[:, SIDE // 2 :] = 1
    upper[: SIDE // 2] = 1
    quarter_left, quarter_right = 4 * whole * right * upper, 4 * whole * (1 - right) * upper
    values = [
        whole * (2 * right - 1),  # yaw: -1 to 1
        whole * (2 * upper - 1),  # pitch
        0 * whole,  # roll
        quarter_left / 2,  # the person's own left eye is to the right in the picture
        quarter_right / 2,
        whole * (1 - upper),
        0 * whole,
    ]
    weights = np.stack([v.ravel() for v in values] + [-2 * whole.ravel()] * n, axis=1)
    bias = np.array([0, 0, 0, 0.5, 0.5, 0.5, 0.25] + [-2.0] * n, np.float32)
    model.layers[-1].set_weights([weights.astype(np.float32), bias])
    return model


def convert(name: str, channels: int, *, int8: bool) -> None:
    converter = tf.lite.TFLiteConverter.from_keras_model(network(channels))
    if int8:
        ramp = np.linspace(-1, 1, 64, dtype=np.float32)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [np.full((1, 16, 16, channels), v, np.float32)] for v in ramp
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    write(name, converter.convert(), channels, int8=int8, task="emotion", labels=LABELS)


def convert_state() -> None:
    content = tf.lite.TFLiteConverter.from_keras_model(state_network()).convert()
    outputs = [
        {"name": name, "unit": unit, "scale": scale, "known_below": known}
        for name, (unit, scale, known) in STATE.items()
    ]
    write("tiny-state", content, 1, int8=False, task="state", labels=[], outputs=outputs)


def write(name: str, content: bytes, channels: int, *, int8: bool, **more: object) -> None:
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / "model.tflite").write_bytes(content)
    manifest = {
        "name": name,
        **more,
        "input": {
            "width": SIDE,
            "height": SIDE,
            "channels": channels,
            "mean": 127.5,
            "scale": 1 / 127.5,
            "margin": 0.0,
        },
        "quantisation": "int8" if int8 else "float32",
        "sha256": hashlib.sha256(content).hexdigest(),
        "metrics": {},
        "provenance": {"made by": "tests/models/make.py"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    convert("tiny-float", 1, int8=False)
    convert("tiny-int8", 1, int8=True)
    convert("tiny-rgb", 3, int8=True)
    convert_state()
