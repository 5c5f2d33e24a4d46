"""The Protocols between stages. Stages never import each other; `build` names the classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.config import Config, Detect, TrackKeys
from edge.config_emotion import Alert, Baseline, Classify, Smooth
from edge.config_face import State
from edge.contract import Health
from edge.errors import EdgeError
from edge.messages import (
    Estimate,
    Face,
    Frame,
    FromCamera,
    PipelineEvent,
    Reason,
    Scores,
    Status,
    Track,
)


class Clock(Protocol):
    """Where time comes from; tests hold a fake one."""

    def now(self) -> float:
        """Seconds, monotonic."""

    def wall(self) -> float:
        """Seconds since 1970, UTC; may jump."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True)
class CameraStats:
    """Counted since the start."""

    dropped: int = 0  # frames that came and were never processed
    reopened: int = 0
    description: str = ""  # what was granted: format, size, rate; for `check` and the log
    decoder_cpu_s: float = 0.0  # processor time of a child that decodes; not in this process's own


class Camera(Protocol):
    """A source of frames."""

    def frames(self) -> Iterator[FromCamera]:
        """Yield frames, newest only for live sources; ends with a file, or after `close()`.

        A live source never ends and never raises for a camera that went away: it yields
        `CameraSilent` about once a second for `camera.stall_s`, and then `CameraLost` until frames
        come again.

        Raises:
            NoInputError: a file, folder or first frame that cannot be had and never will be.
        """

    def stats(self) -> CameraStats:
        """Return the counts so far; from any thread."""

    def close(self) -> None:
        """Release the device and every thread and child; from any thread, any number of times."""


class FaceDetector(Protocol):
    """Finds faces in one frame; keeps nothing between frames."""

    def configure(self, config: Detect, /) -> None:
        """Go on by other settings; name and model are not among them."""

    def detect(self, luma: NDArray[np.uint8], /) -> tuple[Face, ...]:
        """Return the faces, best score first; empty when there are none."""


class Tracker(Protocol):
    """Says which face is which."""

    def configure(self, config: TrackKeys, /) -> None:
        """Go on by other settings; the tracks stay."""

    def update(self, frame: Frame, faces: Sequence[Face] | None, /) -> tuple[Track, ...]:
        """Return the confirmed tracks, largest first; `faces` None: no detection in this frame."""

    def reset(self) -> None:
        """Forget all tracks: the camera was away."""

    def demand(self) -> float:
        """Return the fraction of the detector's rate that is needed now, in (0, 1]."""


class Stillness(Protocol):
    """Tells pictures from living faces."""

    def configure(self, config: TrackKeys, /) -> None:
        """Go on by other settings."""

    def update(self, frame: Frame, tracks: Sequence[Track], /) -> tuple[Track, ...]:
        """Return `tracks` in their order, those of pictures marked `still`."""

    def reset(self) -> None:
        """Forget all tracks: the camera was away."""


class StateEstimator(Protocol):
    """Says what faces are doing: pose, eyes, mouth."""

    def configure(self, config: State, /) -> None:
        """Go on by other settings; `enabled` and `model` are not among them."""

    def update(self, frame: Frame, tracks: Sequence[Track], /) -> tuple[Track, ...]:
        """Return `tracks` in their order, each with its `state` and `state_t`.

        A track that is not due keeps its last state; a picture, and a face that cannot be judged,
        has one with nothing in it.
        """


class Classifier(Protocol):
    """Scores faces."""

    def configure(self, config: Classify, yawn_mouth: float | None, /) -> None:
        """Go on by other settings; model, runtime and threads are not among them.

        `yawn_mouth` is the opening of a mouth from which a face is not scored; None: there is none.
        """

    def classify(self, frame: Frame, tracks: Sequence[Track], /) -> tuple[Scores, ...]:
        """Return scores of those tracks that are due."""


class BaselineStage(Protocol):
    """Takes off what faces show at rest."""

    def configure(self, config: Baseline, /) -> None:
        """Go on by other settings; what was learned stays, unless it is switched off."""

    def forget(self) -> None:
        """Begin anew: scores are no longer what they were."""

    def update(
        self, t: float, tracks: Sequence[Track], scores: Sequence[Scores], /
    ) -> tuple[Scores, ...]:
        """Return `scores`, corrected."""


class Smoother(Protocol):
    """Turns scores into estimates."""

    def configure(self, config: Smooth, /) -> None:
        """Go on by other settings; what is known of the faces in view stays."""

    def update(
        self, t: float, tracks: Sequence[Track], scores: Sequence[Scores], /
    ) -> tuple[Estimate, ...]:
        """Return one estimate a track, in the order of `tracks`."""


class Judge(Protocol):
    """Says what faces are in, out of what they do over time: attention, drowsiness."""

    def update(self, t: float, estimates: Sequence[Estimate], /) -> tuple[Estimate, ...]:
        """Return `estimates` in their order, with more conditions and sums."""

    def configure(self, config: Config, /) -> None:
        """Go on by other settings; what is known of the faces in view stays."""


class Rules(Protocol):
    """Turns estimates into events."""

    def configure(self, alerts: Sequence[Alert], /) -> None:
        """Go on by other settings; an alert that is switched off ends."""

    def update(self, t: float, estimates: Sequence[Estimate], /) -> tuple[PipelineEvent, ...]:
        """Return what changed since the last call, in order."""

    def lose_sight(self, t: float, reason: Reason, /) -> tuple[PipelineEvent, ...]:
        """Return the events that follow from seeing nothing: alerts ended, faces left."""

    def announced(self, estimates: Sequence[Estimate], /) -> tuple[Estimate, ...]:
        """Return those estimates whose face subscribers were told of."""


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """How far the broker is behind."""

    depth: int = 0  # events not yet acknowledged
    lost: int = 0  # dropped because the outbox was full or failed
    oldest_s: float = 0.0  # age of the oldest event waiting
    refused: int = 0  # publishes that the broker refused
    problems: tuple[str, ...] = ()  # reasons for `health`: broker_away, outbox_memory, ...


class Publisher(Protocol):
    """Hands messages to the outside. Never blocks on a network, never raises for one."""

    def configure(self, config: Config, /) -> None:
        """Go on by other settings of `output`, and announce the configuration in effect."""

    def publish(self, event: PipelineEvent, /) -> None:
        """Stamp and keep an event until it was delivered."""

    def state(self, t: float, estimates: Sequence[Estimate], status: Status, /) -> None:
        """Offer the present; published when it changed, or `output.state_s` went by."""

    def health(self, health: Health, /) -> None:
        """Publish how the device is."""

    def stats(self) -> OutboxStats:
        """Return the counts so far."""

    def close(self, timeout_s: float, /) -> None:
        """Publish the last state and `offline`, wait for acknowledgements, stop all threads."""


class Observer(Protocol):
    """Looks over the loop's shoulder: replay's per-frame output, pictures with boxes."""

    def frame(self, frame: Frame, estimates: Sequence[Estimate], /) -> None:
        """Take one frame and what is known of every confirmed track in it."""


@dataclass(slots=True)
class Control:
    """What requests from outside and signals set, and the loop reads between two frames."""

    paused: bool = False
    stopping: bool = False
    failure: EdgeError | None = None  # why it stops, where that is not as asked
