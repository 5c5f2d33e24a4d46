"""The second look as ONNX: a crop's luma in; score, box and landmarks out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from convert.quantize.onnx import Case, Graph, Luma, checked_onnx, metadata
from edge.detect.refine import PARTS
from edge.model.manifest import Manifest

OUTPUTS = tuple(PARTS.values())
CHUNK = 100  # crops compared at once


def checked_refine(model: Any, manifest: Manifest, crops: Luma) -> tuple[bytes, dict[str, object]]:
    """Return the ONNX model and what the manifest says about it; raises as `checked_onnx`.

    Args:
        model: of `network.build`.
        manifest: of the folder that it goes into.
        crops: (n, size, size), on which all outputs are compared with Keras'.
    """

    def outputs(luma: Any) -> tuple[Any, ...]:
        said = model(luma, training=False)
        return tuple(said[name] for name in OUTPUTS)

    def cases() -> Iterator[Case]:
        for k in range(0, len(crops), CHUNK):
            part = crops[k : k + CHUNK]
            said = outputs(part[..., None].astype(np.float32))
            yield part, dict(zip(OUTPUTS, (np.asarray(y) for y in said), strict=True))

    size = (manifest.input.height, manifest.input.width)
    about = metadata(manifest, decode=manifest.decode)
    graph = Graph(outputs, OUTPUTS, size, "crops", "the Keras network", about)
    return checked_onnx(graph, cases())
