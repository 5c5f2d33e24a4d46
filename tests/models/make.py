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


def network(channels: int) -> keras.Model:
    picture = keras.Input((16, 16, channels), batch_size=1)
    mean = keras.layers.GlobalAveragePooling2D()(picture)
    out = keras.layers.Dense(3, activation="softmax", name="shares")(mean)
    model = keras.Model(picture, out)
    # Input in [-1, 1]: dark and bright by its sign, grey by the bias.
    weights = np.tile(np.array([[-8.0, 0.0, 8.0]], np.float32) / channels, (channels, 1))
    model.layers[-1].set_weights([weights, np.array([0.0, 2.0, 0.0], np.float32)])
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
    content = converter.convert()
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / "model.tflite").write_bytes(content)
    manifest = {
        "name": name,
        "task": "emotion",
        "labels": LABELS,
        "input": {
            "width": 16,
            "height": 16,
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
