"""The one file that names concrete classes: turns a configuration into a pipeline."""

from __future__ import annotations

import logging
import random
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2

from edge import __version__, host
from edge.baseline import BaselineCorrector
from edge.camera import open_camera
from edge.classify import MIN_RATE as LEAST_SCORE_RATE
from edge.classify import Model, NoEmotions, TrackClassifier
from edge.config import Config
from edge.config_rules import asked_states
from edge.configfile import effective
from edge.contract import ModelInfo
from edge.detect import open_detector
from edge.errors import ConfigError
from edge.events import EventRules
from edge.model.manifest import MODEL, Manifest, find_model
from edge.model.sandbox import load_in_subprocess
from edge.model.tflite import import_runtime, runtime_version
from edge.motion import MotionGate
from edge.mouth import yawn_mouth
from edge.pipeline import Pipeline, check_labels
from edge.prior import RATERS
from edge.publish import Identity
from edge.rates import BudgetKeeper, RateLimiter, RateScale
from edge.smooth import TemporalSmoother
from edge.stages import (
    Camera,
    Clock,
    Control,
    FaceDetector,
    Judge,
    Observer,
    Publisher,
    StateEstimator,
)
from edge.still import StillnessDetector
from edge.track import FaceTracker

if TYPE_CHECKING:
    from edge.state import StateModel

log = logging.getLogger(__name__)

LEAST_DETECT_RATE = 2.0  # 1/s: any less, and boxes are too old for their faces to be scored

# In place of the emotion model where `classify.enabled` is false.
NO_MODEL = ModelInfo(name="", sha256="", labels=[], runtime="")

PublisherMaker = Callable[[Identity], Publisher]  # who speaks is known once models are loaded


@dataclass(frozen=True, slots=True)
class Models:
    """What is loaded once, however many recordings go through it."""

    emotion: Model | None  # None: `classify` is off
    detector: FaceDetector
    attributes: Sequence[tuple[str, Model, float]]  # (name, model, rate)
    state: StateModel | None  # None: neither `state` nor `classify.check_rate` wants it


def load_models(config: Config) -> Models:
    """Load and warm every model that the configuration names.

    Raises:
        EdgeError: what is missing or wrong, and what to do.
    """
    return Models(
        load_emotion(config) if config.classify.enabled else None,
        load_detector(config),
        [(a.name, load_attribute(a.model, a.name, config), a.rate) for a in config.attribute],
        load_state(config) if asked_states(config) else None,
    )


def build(
    config: Config,
    clock: Clock,
    control: Control,
    rng: random.Random,
    *,
    boot_id: str,
    models: Models | None = None,
    camera: Camera | None = None,
    publisher: PublisherMaker,
    observers: Sequence[Observer] = (),
    cpu_s: Callable[[], float] | None = None,
) -> Pipeline:
    """Load everything, warm, and return the pipeline; the camera is not yet running.

    Args:
        config: effective configuration.
        clock: the only source of time.
        control: shared with requests from outside and signals.
        rng: source of track ids and of back-off times.
        boot_id: identifies this boot in events.
        models: loaded before, for the same configuration.
        camera: instead of the configured one.
        publisher: makes what events are handed to.
        observers: see `edge.stages.Observer`.
        cpu_s: processor time of this process, s; None: work as if there were no budget.

    Raises:
        EdgeError: what is missing or wrong, and what to do.
    """
    # One core is the budget; OpenCV's own threads cost more than they gain on small pictures.
    cv2.setNumThreads(1)
    models = models or load_models(config)
    model, attributes = models.emotion, models.attributes
    told = models.state if config.state.enabled else None
    labels = model.labels if model else []
    identity = Identity(
        base=config.mqtt.base,
        device=device_name(config),
        boot_id=boot_id,
        version=__version__,
        model=_info(model) if model else NO_MODEL,
        detector=config.detect.name,
        attributes=tuple(_info(m) for _, m, _ in attributes),
        state_model=_state_info(told) if told else None,
        config=effective(config),
    )
    camera = camera or open_camera(config.camera, clock, rng)
    scale = RateScale()

    def whole_cpu_s() -> float:
        return (cpu_s() if cpu_s else 0.0) + camera.stats().decoder_cpu_s

    return Pipeline(
        config=config,
        labels=labels,
        trained=model.manifest.prior if model else {},
        camera=camera,
        budget=BudgetKeeper(
            config.budget, scale, whole_cpu_s if cpu_s else None, host.temperature_c, host.throttled
        ),
        motion=MotionGate(config.motion, config.track.lost_s, lids=config.watches_lids()),
        detector=models.detector,
        detect_limiter=RateLimiter(config.detect.rate, scale, LEAST_DETECT_RATE),
        tracker=FaceTracker(config.track, rng),
        stillness=StillnessDetector(config.track),
        classifier=TrackClassifier(
            model,
            config.classify,
            attributes=attributes,
            scale=scale,
            yawn_mouth=yawn_mouth(config),
        )
        if model
        else NoEmotions(),
        baseline=BaselineCorrector(labels, config.baseline),
        smoother=TemporalSmoother(
            labels,
            config.smooth,
            {a.name: a.window_s for a in config.attribute},
            tell_state=config.state.enabled,
        ),
        rules=EventRules(config.alerts()),
        publisher=publisher(identity),
        observers=observers,
        state=state_stage(models.state, config, scale),
        judges=_judges(config) if told else (),
    )


def load_emotion(config: Config) -> Model:
    """Return the emotion model, warm; check what refers to its labels.

    Raises:
        ConfigError: it is missing, wrong, or not an emotion model.
        UnavailableError: there is no TFLite runtime that works.
    """
    model = _classifier(config.classify.model, config)
    if model.manifest.task != "emotion":
        raise ConfigError(
            f"classify.model: {config.classify.model}: its task is {model.manifest.task}; "
            "allowed: emotion"
        )
    check_labels(config, model.labels, model.manifest.prior)
    if not model.manifest.prior and config.classify.prior != RATERS:
        log.warning(
            "classify.prior: %s does not say how frequent emotions were in its training (prior in "
            "its manifest): its scores stay as they are",
            config.classify.model,
        )
    return model


def load_attribute(name_or_path: str, name: str, config: Config) -> Model:
    """Return an additional classifier, warm.

    Raises:
        ConfigError: it is missing or wrong; the message names the attribute.
    """
    try:
        return _classifier(name_or_path, config)
    except ConfigError as e:
        raise ConfigError(f"attribute {name}: {e}") from e


def load_state(config: Config) -> StateModel:
    """Return the model that says what a face is doing, warm.

    Raises:
        ConfigError: it is missing, wrong, or not a state model.
        UnavailableError: there is no TFLite runtime that works.
    """
    from edge.state import StateModel  # here, so that it is not even read where nobody wants it

    of = config.classify
    try:
        folder = find_model(config.state.model)
        import_runtime(of.runtime)
        return load_in_subprocess(
            f"{folder / MODEL}", lambda: StateModel(folder, of.runtime, of.threads)
        )
    except ConfigError as e:
        raise ConfigError(f"state.model: {e}") from e


def state_stage(
    model: StateModel | None, config: Config, scale: RateScale | None = None
) -> StateEstimator | None:
    """Return the stage that gives tracks their state, None where nobody wants to know it.

    See `edge.state.TrackStateEstimator` and `edge.config_rules.asked_states`.
    """
    section = asked_states(config)
    if model is None or section is None:
        return None
    from edge.state import MIN_RATE, TrackStateEstimator

    # Eyes are watched; whether a face can be scored need not be known oftener than it is scored.
    least = MIN_RATE if config.state.enabled else LEAST_SCORE_RATE
    return TrackStateEstimator(model, section, scale, least=least)


def _judges(config: Config) -> tuple[Judge, ...]:
    from edge.attention import AttentionJudge
    from edge.drowsiness import DrowsinessJudge

    return AttentionJudge(config), DrowsinessJudge(config)


def load_detector(config: Config) -> FaceDetector:
    """Return the face detector, warm.

    Raises:
        ConfigError: its model is missing or cannot be run.
        UnavailableError: OpenCV or the TFLite runtime lacks what it needs.
    """
    of = config.classify
    return load_in_subprocess(
        f"detect.name: {config.detect.name}",
        lambda: open_detector(config.detect, runtime=of.runtime, threads=of.threads),
    )


def _classifier(name_or_path: str, config: Config) -> Model:
    folder, of = find_model(name_or_path), config.classify
    import_runtime(of.runtime)  # once, not in each child
    return load_in_subprocess(f"{folder / MODEL}", lambda: Model(folder, of.runtime, of.threads))


def device_name(config: Config) -> str:
    """Return the configured name, else the host's, made fit for a topic."""
    if config.device.name:
        return config.device.name
    host = socket.gethostname().split(".", 1)[0]
    fit = "".join(c if c not in "/+#\0" and not c.isspace() else "-" for c in host)
    return fit or "device"


def _info(model: Model) -> ModelInfo:
    return _described(model.manifest, model.labels, model.runtime)


def _state_info(model: StateModel) -> ModelInfo:
    return _described(model.manifest, [o.name for o in model.manifest.outputs], model.runtime)


def _described(manifest: Manifest, labels: list[str], runtime: str) -> ModelInfo:
    return ModelInfo(
        name=manifest.name,
        sha256=manifest.sha256,
        labels=list(labels),
        prior=dict(manifest.prior),
        runtime=runtime_version(runtime),
    )
