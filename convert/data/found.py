"""Cuts faces out of photographs as the device does, with its own detector."""

from __future__ import annotations

from pathlib import Path

import msgspec

from convert.data.dataset import Faces
from convert.data.errors import DataError
from edge.config import Detect
from edge.crop import crop_for
from edge.detect import open_detector
from edge.messages import Face
from edge.model.manifest import InputSpec
from edge.tools.analyze.faces import find_faces


class FoundFace:
    """Takes the largest face of each picture, upright, with the margin of a model's input.

    Where a face is, is remembered: a picture is decoded more than once.
    """

    def __init__(self, spec: InputSpec, config: Detect | None = None) -> None:
        """Cut out as the model of `spec` sees faces.

        Raises:
            EdgeError: the detector cannot be had.
        """
        self._spec = spec
        self._config = config or Detect()
        self._detector = open_detector(self._config)
        self._faces: dict[Path, Face] = {}

    def __call__(self, path: Path, grey: Faces, size: tuple[int, int], /) -> Faces:
        """Return the largest face, luma of `size` (height, width).

        Raises:
            DataError: there is none.
        """
        if path not in self._faces:
            found = find_faces(self._detector, self._config, grey)
            if not found:
                raise DataError(path, "no face found in it")
            self._faces[path] = found[0]
        face = self._faces[path]
        spec = msgspec.structs.replace(self._spec, height=size[0], width=size[1])
        return crop_for(spec, grey, face.box, face.landmarks)
