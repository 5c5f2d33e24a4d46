"""The state network as ONNX: a crop's luma in, values and logarithms of their deviations out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from convert.quantize.onnx import Case, Graph, Luma, checked_onnx, metadata
from convert.state.predict import CHUNK, rows_of
from edge.model.manifest import Manifest

OUTPUT = "state"


def checked_state(model: Any, manifest: Manifest, crops: Luma) -> tuple[bytes, dict[str, object]]:
    """Return the ONNX model and what the manifest says about it; raises as `checked_onnx`.

    Args:
        model: the Keras network.
        manifest: of the folder that it goes into.
        crops: (n, size, size), on which it is compared with Keras.
    """

    def cases() -> Iterator[Case]:
        for k in range(0, len(crops), CHUNK):
            part = crops[k : k + CHUNK]
            yield part, {OUTPUT: rows_of(model, part)}

    return checked_onnx(state_graph(model, manifest), cases())


def state_graph(model: Any, manifest: Manifest) -> Graph:
    """Return raw luma (n, size, size, 1) to `state` (n, 14), as the int8 file's rows.

    The metadata has `outputs`: name, unit and scale of the seven values.
    """
    size = (manifest.input.height, manifest.input.width)
    about = metadata(manifest, outputs=msgspec.to_builtins(manifest.outputs))

    def state(luma: Any) -> tuple[Any, ...]:
        return (model(luma, training=False),)

    return Graph(state, (OUTPUT,), size, "faces", "the Keras network", about)
