"""Scores faces: crop, check that it can be judged, run the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.config_emotion import Classify
from edge.crop import crop_for, sharpness
from edge.errors import ConfigError
from edge.geometry import Box, Points, yaw
from edge.messages import Frame, Reason, Scores, Track
from edge.model.crop_network import CropNetwork
from edge.mouth import CoveredMouth, WideMouth, seems_to_yawn
from edge.prior import Floats, as_vector, ratios, wanted_prior, weighed
from edge.rates import RateLimiter, RateScale

# s: a box carried on for longer without a detection is not scored: it may hold anything by now.
STALE_S = 0.6
MIN_RATE = 1.0  # 1/s: minimum scoring rate per face, or windows would be empty


class Model:
    """A classifier folder, loaded, checked and warm."""

    def __init__(self, folder: Path, runtime: str = "auto", threads: int = 1) -> None:
        """Load the folder, check its sha256 and shapes against the manifest, infer once.

        Raises:
            ConfigError: manifest and model do not fit, or the model cannot be run.
            UnavailableError: there is no TFLite runtime that works.
        """
        self._net = CropNetwork(folder, ("emotion", "attribute"), runtime, threads)
        self.manifest = self._net.manifest
        self.runtime = self._net.runtime
        classes = (1, len(self.manifest.labels))
        if self._net.output_shapes != [classes]:
            raise ConfigError(
                f"{folder}: the model's output is {self._net.output_shapes}, "
                f"the manifest has {len(self.manifest.labels)} labels"
            )
        total = float(self._net.run(self._net.grey()).sum())
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
        scores = np.maximum(self._net.run(face), np.float32(0))
        return np.asarray(scores / max(float(scores.sum()), 1e-6), np.float32)


def turned_away(track: Track, config: Classify) -> bool:
    """Return whether a head is turned further than it may be to be scored.

    By its state where that is known; its yaw else by its landmarks, where it has them.
    """
    state = track.state
    aside = state.yaw if state is not None else None
    if aside is None and track.landmarks is not None:
        aside = yaw(track.landmarks)
    if aside is not None and abs(aside) > config.max_yaw:
        return True
    pitch = state.pitch if state is not None else None
    return pitch is not None and (abs(pitch) > config.max_pitch or -pitch > config.max_bowed)


@dataclass(slots=True)
class _Known:
    """What is known of one track: when it is next scored, and its mouth."""

    emotion: RateLimiter
    attribute: dict[str, RateLimiter]
    mouth: WideMouth = field(default_factory=WideMouth)
    covered: CoveredMouth = field(default_factory=CoveredMouth)


class TrackClassifier:
    """Scores each track at a bounded rate: the emotion, and the attributes where configured."""

    def __init__(
        self,
        model: Model,
        config: Classify,
        *,
        attributes: Sequence[tuple[str, Model, float]] = (),
        scale: RateScale | None = None,
        yawn_mouth: float | None = None,
    ) -> None:
        """Score as the section `classify` says.

        Args:
            model: of emotions.
            config: the section; its model, runtime and threads are not read.
            attributes: (name, model, rate) of other classifiers.
            scale: fraction of the rates that the budget allows.
            yawn_mouth: opening of a mouth from which a face is not scored, see `edge.mouth`;
                None: it is scored however wide that is open.
        """
        self._model = model
        self._attributes = attributes
        self._scale = scale
        self._prior: tuple[Floats, Floats] | None = None  # ratios to that of training, and itself
        self._known: dict[str, _Known] = {}
        self.configure(config, yawn_mouth)

    def configure(self, config: Classify, yawn_mouth: float | None = None) -> None:
        """Go on by other settings; model, runtime and threads are not among them."""
        self._config = config
        self._yawn_mouth = yawn_mouth
        trained = self._model.manifest.prior
        self._prior = None
        if trained:  # else scores stay as the model gives them
            labels = self._model.labels
            wanted = wanted_prior(config.prior, labels, trained)
            self._prior = ratios(as_vector(trained, labels), wanted), wanted
        for known in self._known.values():
            known.emotion.rate = config.rate

    def classify(self, frame: Frame, tracks: Sequence[Track]) -> tuple[Scores, ...]:
        """Return scores, or the reason for none, of those that are due; pictures never are."""
        self._known = {t.id: self._known.get(t.id) or self._new() for t in tracks}
        living = [t for t in tracks if not t.still]
        out = [Scores(t.id, None, Reason.NOT_SCORED) for t in living[self._config.max_faces :]]
        for track in living[: self._config.max_faces]:
            known = self._known[track.id]
            there = not track.gone and frame.t - track.seen <= STALE_S
            if self._yawning(frame.t, track, known.mouth):  # it keeps its emotion and its turn
                answers = self._beside(frame, track, known) if there else {}
                if answers:
                    out.append(Scores(track.id, None, None, answers))
                continue
            if there and known.emotion.due(frame.t):
                out.append(self._one(frame, track, known))
        return tuple(out)

    def _yawning(self, t: float, track: Track, mouth: WideMouth) -> bool:
        if self._yawn_mouth is None:
            return False
        opening = track.state.mouth if track.state is not None else None
        return mouth.update(t, opening, self._yawn_mouth)

    def _new(self) -> _Known:
        return _Known(
            RateLimiter(self._config.rate, self._scale, MIN_RATE),
            {name: RateLimiter(rate, self._scale) for name, _, rate in self._attributes},
        )

    def _one(self, frame: Frame, track: Track, known: _Known) -> Scores:
        if unfit := self._unfit(track):
            if track.state is not None and track.state.yaw is not None:
                known.covered.turned()
            return Scores(track.id, None, unfit)
        hidden = self._hidden(frame.t, track, known)
        if hidden and not self._attributes:
            return Scores(track.id, None, hidden)
        face = self._face(frame, track)
        if isinstance(face, Reason):
            return Scores(track.id, None, hidden or face)
        answers = self._ask(frame, track, known)
        if hidden:
            return Scores(track.id, None, hidden, answers)
        scores = self._model.infer(face)
        if self._prior is not None:
            scores = weighed(scores, *self._prior)
        return Scores(track.id, scores, None, answers)

    def _beside(self, frame: Frame, track: Track, known: _Known) -> dict[str, dict[str, float]]:
        """Return the attributes that are due of a face whose emotion is not asked now."""
        if not self._attributes or self._unfit(track):
            return {}
        return (
            {} if isinstance(self._face(frame, track), Reason) else self._ask(frame, track, known)
        )

    def _unfit(self, track: Track) -> Reason | None:
        """Return why no model can judge a face by where it is, None if they can."""
        if min(track.box.width, track.box.height) < self._config.min_face_px:
            return Reason.TOO_SMALL
        return Reason.TURNED_AWAY if turned_away(track, self._config) else None

    def _hidden(self, t: float, track: Track, known: _Known) -> Reason | None:
        """Return why no emotion can be read off a mouth, None if it can."""
        if known.covered.update(t, track.state) and not self._config.score_covered:
            return Reason.COVERED
        if seems_to_yawn(track.state) and not self._config.score_yawns:
            return Reason.YAWNING
        return None

    def _face(self, frame: Frame, track: Track) -> NDArray[np.uint8] | Reason:
        """Return a face as the emotion model takes it, or why its picture is not good enough."""
        try:
            face = self._model.crop(frame.luma, track.box, self._landmarks(track))
        except ValueError:  # carried out of the frame
            return Reason.NO_FACE
        if cv2.mean(face)[0] < self._config.min_brightness:
            return Reason.LOW_LIGHT
        return Reason.BLURRED if sharpness(face) < self._config.min_sharpness else face

    def _ask(self, frame: Frame, track: Track, known: _Known) -> dict[str, dict[str, float]]:
        """Return what the additional classifiers say that are due."""
        answers = {}
        for name, model, _ in self._attributes:
            if known.attribute[name].due(frame.t):
                try:
                    face = model.crop(frame.luma, track.box, self._landmarks(track))
                except ValueError:  # a negative margin takes a part that is outside of the frame
                    continue
                answers[name] = dict(zip(model.labels, model.infer(face).tolist(), strict=True))
        return answers

    def _landmarks(self, track: Track) -> Points | None:
        return track.landmarks if self._config.upright else None


class NoEmotions:
    """The stage where `classify.enabled` is false: it knows no model and says so of every face."""

    def configure(self, config: Classify, yawn_mouth: float | None = None) -> None:
        """Nothing to go by."""

    def classify(self, _frame: Frame, tracks: Sequence[Track]) -> tuple[Scores, ...]:
        """Return the reason for no scores, for each living face."""
        return tuple(Scores(t.id, None, Reason.EMOTION_OFF) for t in tracks if not t.still)
