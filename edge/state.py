"""What a face is doing: runs the state model on tracked faces and says what is sure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.config_face import State
from edge.crop import crop_turned, tilt
from edge.errors import ConfigError
from edge.geometry import Box, Points, turned_pose
from edge.messages import Eyes, FaceState, Frame, Track
from edge.model.crop_network import CropNetwork
from edge.model.manifest import StateOutput
from edge.rates import RateLimiter, RateScale

NOTHING = FaceState()  # what is said of a face that cannot be judged
# s: a box carried on for longer without a detection may hold anything by now.
STALE_S = 0.6
MIN_RATE = 5.0  # 1/s, whatever the budget: any less, and eyes shut for half a second are missed
MAX_LOG_SD = 20.0  # a bound against nonsense: e to the 20th is far above any limit
# The two constants of the one-euro filter (Casiez, Roussel and Vogel, CHI 2012) that are not in
# the configuration.
SPEED_HZ = 1.0  # cutoff for the speed, the paper's value
BETA = 0.03  # Hz of cutoff per degree a second


def decode(row: NDArray[np.floating], outputs: Sequence[StateOutput]) -> dict[str, float | None]:
    """Return each value by its name in its unit; None where the network is unsure of it.

    Args:
        row: (2N,) values, then the logarithms of their standard deviations, both in units of
            `scale`.
        outputs: N, what the values are.
    """
    values, log_sds = row[: len(outputs)].tolist(), row[len(outputs) :].tolist()
    found: dict[str, float | None] = {}
    for output, value, log_sd in zip(outputs, values, log_sds, strict=True):
        sd = output.scale * math.exp(min(log_sd, MAX_LOG_SD))
        sure = sd <= output.known_below and math.isfinite(value)  # a NaN is never below
        low, high = (0.0, 1.0) if output.unit == "share" else (-180.0, 180.0)
        found[output.name] = min(max(output.scale * value, low), high) if sure else None
    return found


class StateModel:
    """A state model's folder, loaded, checked and warm."""

    def __init__(self, folder: Path, runtime: str = "auto", threads: int = 1) -> None:
        """Load the folder, check its sha256 and shapes against the manifest, infer once.

        Raises:
            ConfigError: it is no state model, manifest and model do not fit, or it cannot be run.
            UnavailableError: there is no TFLite runtime that works.
        """
        self._net = CropNetwork(folder, ("state",), runtime, threads)
        self.manifest = self._net.manifest
        self.runtime = self._net.runtime
        wanted = (1, 2 * len(self.manifest.outputs))
        if self._net.output_shapes != [wanted]:
            raise ConfigError(
                f"{folder}: the model's output is {self._net.output_shapes}, the manifest has "
                f"{len(self.manifest.outputs)} outputs; allowed: {wanted}, values and deviations"
            )
        self._net.run(self._net.grey())

    def crop(
        self, luma: NDArray[np.uint8], box: Box, landmarks: Points | None = None
    ) -> tuple[NDArray[np.uint8], float]:
        """Return a face of the input's size, upright by its eyes, and the degrees it was turned.

        Raises:
            ValueError: the box has no area, or lies outside.
        """
        degrees = tilt(landmarks, box)
        return crop_turned(self.manifest.input, luma, box, degrees), degrees

    def infer(self, face: NDArray[np.uint8], turned: float = 0.0) -> FaceState:
        """Return the state of a face.

        Args:
            face: luma of the input's size.
            turned: degrees by which it was turned upright.
        """
        found = decode(self._net.run(face), self.manifest.outputs)
        yaw, pitch, roll = (found.get(name) for name in ("yaw", "pitch", "roll"))
        if turned:  # back as the picture was: that takes all three
            if yaw is None or pitch is None or roll is None:
                yaw = pitch = roll = None
            else:
                yaw, pitch, roll = turned_pose(yaw, pitch, roll, turned)
        return FaceState(
            yaw=yaw,
            pitch=pitch,
            roll=roll,
            eyes=Eyes(found.get("eye_left"), found.get("eye_right")),
            mouth=found.get("mouth"),
            smile=found.get("smile"),
        )


@dataclass(slots=True)
class OneEuro:
    """A low-pass that is slow at rest and quick in motion (Casiez, Roussel and Vogel 2012)."""

    value: float | None = None
    speed: float = 0.0  # per second
    t: float = 0.0  # s

    def update(self, t: float, sample: float | None, rest_s: float) -> float | None:
        """Return the filtered value.

        Args:
            t: seconds, never decreasing.
            sample: degrees; None: not known, and what was before is forgotten.
            rest_s: time constant at rest, seconds; 0: no filter.
        """
        dt, self.t = t - self.t, t
        if sample is None or self.value is None or rest_s <= 0:
            self.value, self.speed = sample, 0.0
        elif dt > 0:
            self.speed += _weight(SPEED_HZ, dt) * ((sample - self.value) / dt - self.speed)
            cutoff = 1 / (2 * math.pi * rest_s) + BETA * abs(self.speed)
            self.value += _weight(cutoff, dt) * (sample - self.value)
        return self.value


def _weight(cutoff_hz: float, dt_s: float) -> float:
    return 1 - math.exp(-2 * math.pi * cutoff_hz * dt_s)


@dataclass(slots=True)
class _Known:
    """What is known of one track."""

    limiter: RateLimiter
    state: FaceState = NOTHING
    t: float | None = None  # s: when it was measured
    yaw: OneEuro = field(default_factory=OneEuro)
    pitch: OneEuro = field(default_factory=OneEuro)
    roll: OneEuro = field(default_factory=OneEuro)


class TrackStateEstimator:
    """Gives tracks their state, each at a bounded rate."""

    def __init__(
        self,
        model: StateModel,
        config: State,
        scale: RateScale | None = None,
        *,
        least: float = MIN_RATE,
    ) -> None:
        """Say what the section `state` wants.

        Args:
            model: of the state.
            config: the section; `enabled` and `model` are not read.
            scale: fraction of the rate that the budget allows.
            least: rate that stays whatever the budget, 1/s.
        """
        self._model = model
        self._scale = scale
        self._least = least
        self._known: dict[str, _Known] = {}
        self.configure(config)

    def configure(self, config: State) -> None:
        """Go on by other settings; `enabled` and `model` are not among them."""
        self._config = config
        for known in self._known.values():
            known.limiter.rate = config.rate

    def update(self, frame: Frame, tracks: Sequence[Track]) -> tuple[Track, ...]:
        """Return `tracks` in their order, each with its `state` and `state_t`.

        A track that is not due keeps its last state. A picture, a face beyond `state.max_faces`,
        and one that cannot be judged now have a state with nothing in it.
        """
        self._known = {k.id: self._known.get(k.id) or self._new() for k in tracks}
        judged = [k.id for k in tracks if not k.still][: self._config.max_faces]
        return tuple(self._one(frame, k, judged=k.id in judged) for k in tracks)

    def _new(self) -> _Known:
        return _Known(RateLimiter(self._config.rate, self._scale, self._least))

    def _one(self, frame: Frame, track: Track, *, judged: bool) -> Track:
        known = self._known[track.id]
        if not judged or frame.t - track.seen > STALE_S:
            known.state, known.t = NOTHING, frame.t
        elif not track.gone and known.limiter.due(frame.t):
            measured = self._measure(frame, track)
            rest_s = self._config.smooth_s
            known.state = FaceState(
                yaw=known.yaw.update(frame.t, measured.yaw, rest_s),
                pitch=known.pitch.update(frame.t, measured.pitch, rest_s),
                roll=known.roll.update(frame.t, measured.roll, rest_s),
                eyes=measured.eyes,  # as they are: a blink of 0.1 s must be seen
                mouth=measured.mouth,
                smile=measured.smile,
            )
            known.t = frame.t
        return replace(track, state=known.state, state_t=known.t)

    def _measure(self, frame: Frame, track: Track) -> FaceState:
        if min(track.box.width, track.box.height) < self._config.min_face_px:
            return NOTHING
        try:
            face, turned = self._model.crop(frame.luma, track.box, track.landmarks)
        except ValueError:  # carried out of the frame
            return NOTHING
        if cv2.mean(face)[0] < self._config.min_brightness:
            return NOTHING
        return self._model.infer(face, turned)
