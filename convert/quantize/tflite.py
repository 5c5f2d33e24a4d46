"""Runs the TensorFlow Lite converter: one float model in, the bytes of one `.tflite` out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.crops import to_input
from convert.load import FloatModel, use_tensorflow
from convert.quiet import quiet
from edge.errors import ConfigError

Faces = NDArray[np.uint8]
MODES = ("int8", "int16x8", "float16", "dynamic", "float32")
# TFLite runs these on its reference kernels, one value at a time.
SLOW_MODES = ("int16x8",)


def to_tflite(model: FloatModel, mode: str, faces: Faces) -> bytes:
    """Return the converted model.

    `int8` and `int16x8` are calibrated on `faces`; weights are quantised per channel. An int8
    model has int8 input and output; every other mode takes and gives float32.

    Args:
        model: what `load_float` returned.
        mode: one of `MODES`.
        faces: (n, height, width) uint8 luma; used by the integer modes only.

    Raises:
        ConfigError: the converter cannot express the model (its own words were shown before), or
            it is a SavedModel of logits.
        UnavailableError: there is no TensorFlow.
    """
    use_tensorflow()
    if model.logits:
        raise ConfigError(
            f"{model.path}: a SavedModel that ends in logits; allowed: one that ends in a softmax, "
            "or a Keras file, to which one is added"
        )

    def converter(lite: Any) -> Any:
        if model.keras:
            return lite.TFLiteConverter.from_keras_model(model.network)
        return lite.TFLiteConverter.from_saved_model(str(model.path))

    def calibration() -> Iterator[NDArray[np.float32]]:
        return (to_input(face[None], model.input) for face in spanning(faces))

    return run_converter(converter, mode, calibration, str(model.path))


def run_converter(
    make: Callable[[Any], Any],
    mode: str,
    calibration: Callable[[], Iterator[NDArray[np.float32]]],
    name: str,
) -> bytes:
    """Return what the converter that `make(tf.lite)` gives makes in `mode`.

    Args:
        make: called with output to standard output and error held back.
        mode: one of `MODES`.
        calibration: gives the inputs to calibrate on, shape (1, height, width, channels) each.
        name: of the model, for the message.

    Raises:
        ConfigError: the converter cannot express the model; its own words were shown before.
    """
    import tensorflow as tf

    lite: Any = tf.lite
    try:
        with quiet():
            converter = make(lite)
            if mode != "float32":
                converter.optimizations = [lite.Optimize.DEFAULT]
            if mode == "float16":
                converter.target_spec.supported_types = [tf.float16]
            if mode in ("int8", "int16x8"):
                converter.representative_dataset = lambda: ([x] for x in calibration())
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
        raise ConfigError(f"{name}: cannot become {mode} TFLite: {reason}") from e


def spanning(faces: Faces) -> Faces:
    """Let two pixels of one face be 0 and 255, so that the input's range is that of luma."""
    out = faces.copy()
    if len(out):
        out[0, 0, 0], out[0, -1, -1] = 0, 255
    return out
