"""A classifier as ONNX: what luma becomes at its input, temperature, flip and softmax inside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from convert.crops import Faces, to_size
from convert.load import BATCH, FloatModel
from convert.quantize.onnx import Case, Floats, Graph, checked_onnx, metadata
from edge.model.manifest import Manifest

OUTPUT = "scores"


def checked_classifier(
    model: FloatModel, manifest: Manifest, faces: Faces, reference: Floats
) -> tuple[bytes, dict[str, object]]:
    """Return the ONNX model and what the manifest says about it; raises as `checked_onnx`.

    Args:
        model: what to convert.
        manifest: of the folder that it goes into.
        faces: (n, height, width) uint8 luma of any size.
        reference: what Keras says of them, (n, C).
    """
    luma = to_size(faces, model.input)

    def cases() -> Iterator[Case]:
        for i in range(0, len(luma), BATCH):
            yield luma[i : i + BATCH], {OUTPUT: reference[i : i + BATCH]}

    return checked_onnx(classifier_graph(model, manifest), cases())


def classifier_graph(model: FloatModel, manifest: Manifest) -> Graph:
    """Return raw luma (n, height, width, 1) to `scores` (n, C); metadata: `labels` and `prior`."""
    spec = model.input

    def scores(luma: Any) -> tuple[Any, ...]:
        import tensorflow as tf

        x = luma if (spec.mean, spec.scale) == (0, 1) else (luma - spec.mean) * spec.scale
        x = x if spec.channels == 1 else tf.repeat(x, spec.channels, axis=3)
        if model.keras:
            y = model.network(x, training=False)
        else:
            y = next(iter(model.network.signatures["serving_default"](x).values()))
        return (tf.nn.softmax(y) if model.logits else y,)

    return Graph(
        scores,
        (OUTPUT,),
        (spec.height, spec.width),
        "faces",
        model.path.name,
        metadata(manifest, labels=list(model.labels), prior=manifest.prior),
    )
