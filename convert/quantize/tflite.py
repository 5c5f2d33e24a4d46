"""Runs the TensorFlow Lite converter: one float model in, the bytes of one `.tflite` out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.crops import to_input
from convert.load import FloatModel, use_tensorflow
from convert.quiet import quiet
from edge.errors import ConfigError

Faces = NDArray[np.uint8]
MODES = ("int8", "int16x8", "float16", "dynamic", "float32")


def to_tflite(model: FloatModel, mode: str, faces: Faces) -> bytes:
    """Return the converted model.

    `int8` and `int16x8` are calibrated on `faces`; weights are quantised per channel. An int8
    model has int8 input and output; every other mode takes and gives float32.

    Args:
        model: what `load_float` returned.
        mode: one of `MODES`.
        faces: (n, height, width) uint8 luma; used by the integer modes only.

    Raises:
        ConfigError: the converter cannot express the model; its own words were shown before.
        UnavailableError: there is no TensorFlow.
    """
    use_tensorflow()
    import tensorflow as tf

    def calibration() -> Iterator[list[NDArray[np.float32]]]:
        for face in _spanning(faces):
            yield [to_input(face[None], model.input)]

    lite: Any = tf.lite
    try:
        with quiet():
            if model.keras:
                converter = lite.TFLiteConverter.from_keras_model(model.network)
            else:
                converter = lite.TFLiteConverter.from_saved_model(str(model.path))
            if mode != "float32":
                converter.optimizations = [lite.Optimize.DEFAULT]
            if mode == "float16":
                converter.target_spec.supported_types = [tf.float16]
            if mode in ("int8", "int16x8"):
                converter.representative_dataset = calibration
                ops = lite.OpsSet
                converter.target_spec.supported_ops = [
                    ops.TFLITE_BUILTINS_INT8
                    if mode == "int8"
                    else ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
                ]
            if mode == "int8":
                converter.inference_input_type = tf.int8
                converter.inference_output_type = tf.int8
            return bytes(converter.convert())
    except Exception as e:  # the converter raises nearly everything
        words = str(e).strip().splitlines()
        reason = words[0] if words else type(e).__name__
        raise ConfigError(f"{model.path}: cannot become {mode} TFLite: {reason}") from e


def _spanning(faces: Faces) -> Faces:
    """Let two pixels of one face be 0 and 255, so that the input's range is that of luma."""
    out = faces.copy()
    if len(out):
        out[0, 0, 0], out[0, -1, -1] = 0, 255
    return out
