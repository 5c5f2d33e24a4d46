"""The detector's network as ONNX: pictures of any size in, the maps of all levels out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from convert.detector.network import MULTIPLE, PARTS, STRIDES, Shape, build
from convert.quantize.onnx import Case, Floats, Graph, Luma, checked_onnx, metadata
from edge.model.manifest import Manifest

Maps = dict[str, Floats]
OUTPUTS = tuple(f"{part}{stride}" for stride in STRIDES for part in PARTS)


def checked_detector(
    model: Any, shape: Shape, manifest: Manifest, pictures: Sequence[Luma], seed: int
) -> tuple[bytes, dict[str, object]]:
    """Return the ONNX model and what the manifest says about it; raises as `checked_onnx`.

    Args:
        model: of `network.build`, at the pictures' size.
        shape: of that network.
        manifest: of the folder that it goes into.
        pictures: (height, width) each, on which all maps are compared with Keras'.
        seed: of two pictures of noise at another size, compared too.
    """

    def cases() -> Iterator[Case]:
        for luma in pictures:
            yield luma[None], maps_of(model, luma[None])
        height, width = pictures[0].shape[0] + MULTIPLE, pictures[0].shape[1] + 2 * MULTIPLE
        other = build(height, width, shape)
        other.set_weights(model.get_weights())
        noise = np.random.default_rng(seed).integers(0, 256, (2, height, width), np.uint8)
        yield noise, maps_of(other, noise)

    return checked_onnx(detector_graph(model, manifest), cases())


def detector_graph(model: Any, manifest: Manifest) -> Graph:
    """Return raw luma to `score8`, `box8`, `landmarks8` and those of 16 and 32, as int8's maps.

    Both sides of a picture must be multiples of `MULTIPLE`; the metadata has `decode`.
    """
    network = _any_size(model)

    def maps(luma: Any) -> tuple[Any, ...]:
        found = network(luma, training=False)
        return tuple(found[name] for name in OUTPUTS)

    about = metadata(manifest, decode=manifest.decode)
    return Graph(maps, OUTPUTS, (None, None), "pictures", "the Keras network", about)


def maps_of(model: Any, luma: Luma) -> Maps:
    """Return what the Keras network says of pictures (n, height, width), output by output."""
    x = luma[..., None].astype(np.float32)
    return {name: np.asarray(y, np.float32) for name, y in model(x).items()}


def _any_size(model: Any) -> Any:
    import keras

    luma = keras.Input((None, None, 1), name=model.inputs[0].name)
    other = keras.models.clone_model(model, input_tensors=luma)
    other.set_weights(model.get_weights())
    return other
