"""Where a model looks: class-activation maps, gradients, or what covering a patch changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.crops import Faces, to_input
from convert.evaluate.scorer import Scorer
from convert.load import FloatModel
from edge.errors import UsageError

Maps = NDArray[np.float32]  # (n, rows, columns), any size and range; larger: more evidence
PATCH = 1 / 5  # of the side, covered for an occlusion map
STRIDE = 1 / 12  # of the side, between two patches
FIFTH = 0.2  # of a face, deleted to test a map
NAMES = ("class activation map", "Grad-CAM", "occlusion")


@dataclass(frozen=True, slots=True)
class Method:
    """A way of explaining: `maps(faces, classes)` returns (n, rows, columns)."""

    name: str
    maps: Callable[[Faces, NDArray[np.intp]], Maps]


def methods_for(scorer: Scorer) -> list[Method]:
    """Return how this model can be explained.

    - `class activation map` (Zhou et al. 2016) where global average pooling is followed by at
      most one dense layer;
    - `Grad-CAM` (Selvaraju et al. 2017) for Keras models, on TensorFlow;
    - `occlusion` (Zeiler and Fergus 2014) for everything, `.tflite` among it.
    """
    out = []
    if isinstance(scorer, FloatModel) and scorer.keras:
        pooled = _pooling(scorer.network)
        if pooled is not None:
            out.append(Method("class activation map", lambda f, c: _cam(scorer, pooled, f, c)))
        import keras

        last = _last_maps(scorer.network)
        if last is not None and keras.backend.backend() == "tensorflow":
            out.append(Method("Grad-CAM", lambda f, c: _grad_cam(scorer, last, f, c)))
    out.append(Method("occlusion", lambda f, c: _occlusion(scorer, f, c)))
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """Maps of n faces, and how far the score falls without their top and their bottom fifth."""

    method: str
    maps: Maps
    top: float  # mean drop of the class's score when the fifth with most evidence is deleted
    bottom: float  # the same for the fifth with least


def explain(
    scorer: Scorer, faces: Faces, classes: NDArray[np.intp], *, method: str | None = None
) -> Explained:
    """Return the maps of the method that finds most of what the model goes by.

    Which that is depends on the architecture, so it is measured on these very faces, by deletion
    (Petsiuk et al. 2018): what a map calls evidence must cost the score more than what it does not.

    Args:
        scorer: the model.
        faces: (n, height, width).
        classes: (n,) to explain.
        method: the name of the one to use; None: the best.

    Raises:
        UsageError: this model cannot be explained by that one.
    """
    methods = methods_for(scorer)
    if method is not None:
        chosen = [m for m in methods if m.name == method]
        if not chosen:
            names = ", ".join(m.name for m in methods)
            raise UsageError(f"--method: got {method!r}; allowed for {scorer.name}: {names}")
        methods = chosen
    found = []
    for m in methods:
        maps = m.maps(faces, classes)
        top, bottom = (_deleted(scorer, faces, classes, maps, most=most) for most in (True, False))
        found.append(Explained(m.name, maps, top, bottom))
    return max(found, key=lambda e: e.top - e.bottom)


def _deleted(
    scorer: Scorer, faces: Faces, classes: NDArray[np.intp], maps: Maps, *, most: bool
) -> float:
    """Return how far the score falls, on average, without a fifth of each face."""
    rows = np.arange(len(faces))
    before = scorer.predict(faces)[rows, classes]
    out = faces.copy()
    height, width = faces.shape[1:]
    for face, map_ in zip(out, maps, strict=True):
        heat = cv2.resize(map_, (width, height), interpolation=cv2.INTER_CUBIC).ravel()
        # Stable, so that a flat map chooses the same pixels each time.
        order = np.argsort(-heat if most else heat, kind="stable")[: round(FIFTH * heat.size)]
        face.reshape(-1)[order] = round(float(face.mean()))
    return float((before - scorer.predict(out)[rows, classes]).mean())


def _pooling(network: Any) -> tuple[Any, Any] | None:
    """Return the pooling layer and the dense one after it (None: the maps are the classes)."""
    layers = network.layers
    kinds = [type(layer).__name__ for layer in layers]
    if "GlobalAveragePooling2D" not in kinds:
        return None
    at = len(kinds) - 1 - kinds[::-1].index("GlobalAveragePooling2D")
    after = [n for n, k in zip(layers[at + 1 :], kinds[at + 1 :], strict=True) if k != "Dropout"]
    dense = [n for n in after if type(n).__name__ == "Dense"]
    if len(dense) > 1 or any(
        type(n).__name__ not in ("Dense", "Softmax", "Activation") for n in after
    ):
        return None
    return layers[at], dense[0] if dense else None


def _last_maps(network: Any) -> Any:
    """Return the last feature maps, (n, rows, columns, channels), as a tensor of the network.

    That is what the last layer that takes maps takes. Networks inside a network are passed over:
    their tensors are not those of the whole.
    """
    for layer in reversed(network.layers):
        if hasattr(layer, "layers") or not getattr(layer, "_inbound_nodes", ()):
            continue
        taken = layer.input if not isinstance(layer.input, list | tuple) else None
        if taken is not None and len(taken.shape) == 4 and taken is not network.inputs[0]:
            return taken
    return None


def _cam(
    model: FloatModel, pooled: tuple[Any, Any], faces: Faces, classes: NDArray[np.intp]
) -> Maps:
    import keras

    pooling, dense = pooled
    until = keras.Model(model.network.inputs[0], pooling.input)
    maps = np.asarray(until.predict(to_input(faces, model.input), verbose=0))
    if dense is None:
        return np.asarray(maps[np.arange(len(faces)), :, :, classes], np.float32)
    kernel = np.asarray(dense.get_weights()[0])  # (channels, C)
    return np.asarray(np.einsum("nijk,kn->nij", maps, kernel[:, classes]), np.float32)


def _grad_cam(model: FloatModel, last: Any, faces: Faces, classes: NDArray[np.intp]) -> Maps:
    import keras
    import tensorflow as tf

    both = keras.Model(model.network.inputs[0], [last, model.network.outputs[0]])
    with tf.GradientTape() as tape:
        maps, scores = both(to_input(faces, model.input), training=False)
        tape.watch(maps)
        chosen = tf.gather(tf.math.log(scores + 1e-9), classes, axis=1, batch_dims=1)
    weights = tf.reduce_mean(tape.gradient(chosen, maps), axis=(1, 2), keepdims=True)
    return np.asarray(tf.nn.relu(tf.reduce_sum(weights * maps, axis=3)), np.float32)


def _occlusion(scorer: Scorer, faces: Faces, classes: NDArray[np.intp]) -> Maps:
    side = scorer.input.height
    resized = np.stack([cv2.resize(f, (side, side), interpolation=cv2.INTER_AREA) for f in faces])
    patch, stride = max(2, round(PATCH * side)), max(1, round(STRIDE * side))
    starts = range(0, side - patch + 1, stride)
    rows = np.arange(len(faces))
    before = scorer.predict(resized.astype(np.uint8))[rows, classes]
    out = np.zeros((len(faces), len(starts), len(starts)), np.float32)
    for i, y in enumerate(starts):
        for j, x in enumerate(starts):
            covered = resized.astype(np.uint8).copy()
            covered[:, y : y + patch, x : x + patch] = 128
            out[:, i, j] = before - scorer.predict(covered)[rows, classes]
    return out


def overlay(face: NDArray[np.uint8], map_: NDArray[np.float32], side: int) -> NDArray[np.uint8]:
    """Return the face, (h, w) luma, with its map over it: (side, side, 3) BGR."""
    grey = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)
    heat = cv2.resize(map_, (side, side), interpolation=cv2.INTER_CUBIC)
    low, high = float(heat.min()), float(heat.max())
    level = (heat - low) / max(high - low, 1e-9)
    colours = cv2.applyColorMap(np.rint(level * 255).astype(np.uint8), cv2.COLORMAP_TURBO)
    mixed = cv2.addWeighted(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), 0.55, colours, 0.45, 0)
    return mixed.astype(np.uint8)
