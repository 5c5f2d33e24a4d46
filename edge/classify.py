"""Scores faces: crop, check that it can be judged, run the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.config import Classify
from edge.errors import ConfigError
from edge.geometry import Box, Points, roll
from edge.image import resize
from edge.messages import Frame, Reason, Scores, Track
from edge.model.manifest import MODEL, InputSpec, Manifest, load_manifest
from edge.model.tflite import Network
from edge.prior import Floats, as_vector, ratios, wanted_prior, weighed
from edge.rates import RateLimiter, RateScale

# s: a box carried on for longer without a detection is not scored: it may hold anything by now.
STALE_S = 0.6
# degrees: a head tilted by less is not turned upright. The model knows small tilts: measured up to
# 10 degrees, turning gains nothing (docs/detector.md), and most faces keep the cheaper crop.
MIN_ROLL = 10.0
MIN_RATE = 1.0  # 1/s: minimum scoring rate per face, or windows would be empty
QUALITY_SIDE = 48  # pixels: sharpness is measured at FER2013's size, so that one limit fits all


def crop_face(
    luma: NDArray[np.uint8], box: Box, margin: float, width: int, height: int
) -> NDArray[np.uint8]:
    """Cut a square around a face and bring it to the model's size.

    The side is the longer side of `box`, plus `margin` times that on each side. Where the square
    reaches past the frame, the border pixels are repeated.

    Args:
        luma: shape (rows, columns).
        box: pixels of `luma`; may reach past it, not lie wholly outside.
        margin: fraction of the side added on each side; negative cuts into the box.
        width: pixels of the result.
        height: pixels of the result.

    Returns:
        Shape (height, width).

    Raises:
        ValueError: the box has no area, or lies outside.
    """
    rows, columns = luma.shape
    side = max(box.width, box.height) * (1 + 2 * margin)
    cx, cy = box.centre
    left, top = round(cx - side / 2), round(cy - side / 2)
    right, bottom = left + max(round(side), 1), top + max(round(side), 1)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(right, columns), min(bottom, rows)
    if side <= 0 or x0 >= x1 or y0 >= y1:
        raise ValueError(f"box {box} has no part in a frame of {columns}x{rows}")
    part = luma[y0:y1, x0:x1]
    pads = (y0 - top, bottom - y1, x0 - left, right - x1)
    if any(pads):
        part = np.asarray(cv2.copyMakeBorder(part, *pads, cv2.BORDER_REPLICATE), np.uint8)
    return resize(part, width, height)


def crop_upright(
    luma: NDArray[np.uint8], box: Box, degrees: float, margin: float, width: int, height: int
) -> NDArray[np.uint8]:
    """Cut the same square as `crop_face`, turned about its middle so that a tilted head stands.

    `degrees` is how far the head is tilted, clockwise in the picture; the rest is as there.
    """
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    reach = abs(cos) + abs(sin)  # side of the upright square around the turned one
    n = max(width, height)
    side = round(n * reach)
    around = crop_face(luma, box, ((1 + 2 * margin) * reach - 1) / 2, side, side)
    across = ((np.arange(width) - (width - 1) / 2) * n / width).astype(np.float32)
    down = ((np.arange(height) - (height - 1) / 2) * n / height).astype(np.float32)[:, None]
    middle = np.float32((side - 1) / 2)
    x = middle + np.float32(cos) * across - np.float32(sin) * down
    y = middle + np.float32(sin) * across + np.float32(cos) * down
    upright = cv2.remap(around, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(upright, np.uint8)


def crop_for(
    spec: InputSpec, luma: NDArray[np.uint8], box: Box, landmarks: Points | None = None
) -> NDArray[np.uint8]:
    """Cut out a face for a model's input, upright by its eyes where `landmarks` are given.

    Raises:
        ValueError: the box has no area, or lies outside.
    """
    degrees = roll(landmarks, box) if landmarks else 0.0
    if abs(degrees) < MIN_ROLL:
        return crop_face(luma, box, spec.margin, spec.width, spec.height)
    return crop_upright(luma, box, degrees, spec.margin, spec.width, spec.height)


def sharpness(face: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian, at 48 pixels and relative to contrast.

    The focus measure of Pech-Pacheco et al. 2000, divided by the variance of luma so that a dim
    face is not taken for a blurred one. Medians measured on FER2013: 0.7 as they are, 0.06 after a
    Gaussian blur of 1 pixel, 0.02 after 1.5, 0.01 after 2; people before a camera have 0.2 to 0.6.
    """
    small = resize(face, QUALITY_SIDE, QUALITY_SIDE)
    # OpenCV's own mean and deviation take a quarter of NumPy's time on so small a picture.
    _, edges = cv2.meanStdDev(cv2.Laplacian(small, cv2.CV_16S))
    _, luma = cv2.meanStdDev(small)
    return float(edges[0, 0] ** 2 / (luma[0, 0] ** 2 + 1.0))


class Model:
    """A classifier folder, loaded, checked and warm."""

    def __init__(self, folder: Path, runtime: str = "auto", threads: int = 1) -> None:
        """Load the folder, check its sha256 and shapes against the manifest, infer once.

        Raises:
            ConfigError: manifest and model do not fit, or the model cannot be run.
            UnavailableError: there is no TFLite runtime that works.
        """
        self.manifest: Manifest = load_manifest(folder)
        if self.manifest.task == "face":
            raise ConfigError(f"{folder}: task is face; allowed here: emotion, attribute")
        self._net = Network(folder / MODEL, runtime, threads)
        self.runtime = self._net.runtime
        spec = self.manifest.input
        wanted = (1, spec.height, spec.width, spec.channels)
        if self._net.input_shape != wanted:
            raise ConfigError(
                f"{folder}: the model's input is {self._net.input_shape}, "
                f"the manifest says {wanted}"
            )
        classes = (1, len(self.manifest.labels))
        if self._net.output_shapes != [classes]:
            raise ConfigError(
                f"{folder}: the model's output is {self._net.output_shapes}, "
                f"the manifest has {len(self.manifest.labels)} labels"
            )
        self._table = self._net.input_table(spec.mean, spec.scale)
        grey = np.full((spec.height, spec.width), 128, np.uint8)
        total = float(self._raw(grey).sum())
        if not 0.9 <= total <= 1.1:
            raise ConfigError(f"{folder}: scores add up to {total:.2f}; allowed: 1, a softmax")

    @property
    def labels(self) -> list[str]:
        """Classes in the order of the scores."""
        return self.manifest.labels

    def crop(
        self, luma: NDArray[np.uint8], box: Box, landmarks: Points | None = None
    ) -> NDArray[np.uint8]:
        """Cut out a face as the manifest says; see `crop_for`."""
        return crop_for(self.manifest.input, luma, box, landmarks)

    def infer(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return scores, shape (classes,), adding up to 1, of a face of the input's size."""
        scores = np.maximum(self._raw(face), np.float32(0))
        return np.asarray(scores / max(float(scores.sum()), 1e-6), np.float32)

    def _raw(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
        tensor = cv2.LUT(face, self._table)
        if self.manifest.input.channels == 3:
            tensor = np.repeat(tensor[:, :, None], 3, axis=2)
        return self._net.run(tensor.reshape(self._net.input_shape))[0].reshape(-1)


@dataclass(slots=True)
class _Limiters:
    """When a track is next scored, and what its attributes were."""

    emotion: RateLimiter
    attribute: dict[str, RateLimiter]
    known: dict[str, tuple[str, float]] = field(default_factory=dict)


class TrackClassifier:
    """Scores each track at a bounded rate: the emotion, and the attributes where configured."""

    def __init__(
        self,
        model: Model,
        config: Classify,
        *,
        attributes: Sequence[tuple[str, Model, float]] = (),
        scale: RateScale | None = None,
    ) -> None:
        """Score as the section `classify` says.

        Args:
            model: of emotions.
            config: the section; its model, runtime and threads are not read.
            attributes: (name, model, rate) of other classifiers.
            scale: fraction of the rates that the budget allows.
        """
        self._model = model
        self._attributes = attributes
        self._scale = scale
        self._prior: tuple[Floats, Floats] | None = None  # ratios to that of training, and itself
        self._limiters: dict[str, _Limiters] = {}
        self.configure(config)

    def configure(self, config: Classify) -> None:
        """Go on by other settings; model, runtime and threads are not among them."""
        self._config = config
        trained = self._model.manifest.prior
        self._prior = None
        if trained:  # else scores stay as the model gives them
            labels = self._model.labels
            wanted = wanted_prior(config.prior, labels, trained)
            self._prior = ratios(as_vector(trained, labels), wanted), wanted
        for limiters in self._limiters.values():
            limiters.emotion.rate = config.rate

    def classify(self, frame: Frame, tracks: Sequence[Track]) -> tuple[Scores, ...]:
        """Return scores, or the reason for none, of those that are due; pictures never are."""
        self._limiters = {t.id: self._limiters.get(t.id) or self._new() for t in tracks}
        living = [t for t in tracks if not t.still]
        out = [Scores(t.id, None, Reason.NOT_SCORED) for t in living[self._config.max_faces :]]
        for track in living[: self._config.max_faces]:
            limiters = self._limiters[track.id]
            if frame.t - track.seen <= STALE_S and limiters.emotion.due(frame.t):
                out.append(self._one(frame, track, limiters))
        return tuple(out)

    def _new(self) -> _Limiters:
        return _Limiters(
            RateLimiter(self._config.rate, self._scale, MIN_RATE),
            {name: RateLimiter(rate, self._scale) for name, _, rate in self._attributes},
        )

    def _one(self, frame: Frame, track: Track, limiters: _Limiters) -> Scores:
        if min(track.box.width, track.box.height) < self._config.min_face_px:
            return Scores(track.id, None, Reason.TOO_SMALL)
        landmarks = track.landmarks if self._config.upright else None
        try:
            face = self._model.crop(frame.luma, track.box, landmarks)
        except ValueError:  # carried out of the frame
            return Scores(track.id, None, Reason.NO_FACE)
        if cv2.mean(face)[0] < self._config.min_brightness:
            return Scores(track.id, None, Reason.LOW_LIGHT)
        if sharpness(face) < self._config.min_sharpness:
            return Scores(track.id, None, Reason.BLURRED)
        for name, model, _ in self._attributes:
            if limiters.attribute[name].due(frame.t):
                probabilities = model.infer(model.crop(frame.luma, track.box, landmarks))
                best = int(probabilities.argmax())
                limiters.known[name] = (model.labels[best], float(probabilities[best]))
        scores = self._model.infer(face)
        if self._prior is not None:
            scores = weighed(scores, *self._prior)
        return Scores(track.id, scores, None, dict(limiters.known))
