"""Anything that scores faces, behind one method; model folders run through the device's code."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from convert.crops import Faces, to_size
from edge.classify import Model
from edge.model.manifest import MANIFEST, MODEL, InputSpec


class Scorer(Protocol):
    """Scores faces of any size."""

    @property
    def name(self) -> str:
        """For tables."""

    @property
    def labels(self) -> tuple[str, ...]:
        """C names in the order of the scores."""

    @property
    def labels_from(self) -> str:
        """Who named the labels: see `convert.labels`, or the manifest."""

    @property
    def input(self) -> InputSpec:
        """How luma becomes input."""

    @property
    def path(self) -> Path:
        """The file, or the folder of a SavedModel."""

    def predict(self, faces: Faces, /) -> NDArray[np.float32]:
        """Return probabilities, (n, C), of (n, height, width) uint8 luma."""


class FolderScorer:
    """A model folder, run by `edge.classify.Model`, so that what is evaluated is what runs."""

    def __init__(
        self,
        folder: Path,
        runtime: str = "auto",
        *,
        file: Path | None = None,
        labels_from: str = MANIFEST,
    ) -> None:
        """Load and check the folder; raises what `edge.classify.Model` raises.

        `file` is where the model really lies when `folder` was made for it, `labels_from` who
        named its labels.
        """
        self.model = Model(folder, runtime, threads=1)
        self.path = file or folder / MODEL
        self.name = self.model.manifest.name
        self.labels = tuple(self.model.labels)
        self.input = self.model.manifest.input
        self.labels_from = labels_from

    def predict(self, faces: Faces) -> NDArray[np.float32]:
        """Return probabilities, (n, C), of (n, height, width) uint8 luma."""
        out = np.empty((len(faces), len(self.labels)), np.float32)
        for i, face in enumerate(to_size(faces, self.input)):
            out[i] = self.model.infer(face)
        return out
