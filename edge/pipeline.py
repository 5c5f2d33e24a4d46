"""The stages that `build` chose, and other settings for them while they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from edge.config import Config
from edge.config_emotion import Alert, Baseline
from edge.config_rules import asked_states
from edge.errors import ConfigError
from edge.motion import MotionGate
from edge.mouth import yawn_mouth
from edge.prior import wanted_prior
from edge.rates import BudgetKeeper, RateLimiter
from edge.stages import (
    BaselineStage,
    Camera,
    Classifier,
    FaceDetector,
    Judge,
    Observer,
    Publisher,
    Rules,
    Smoother,
    StateEstimator,
    Stillness,
    Tracker,
)

# Sections that take effect at once, and which of their keys take a restart all the same: models
# are loaded before the first frame, where a crash of their runtime does no harm.
LIVE = (
    "budget",
    "motion",
    "detect",
    "track",
    "classify",
    "state",
    "attention",
    "drowsiness",
    "baseline",
    "audience",
    "smooth",
    "alert",
    "output",
    "log",
)
RESTART = {
    "detect": ("name", "model", "refine"),
    "classify": ("enabled", "model", "runtime", "threads", "check_rate"),
    "state": ("enabled", "model"),
}


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """What became of a new configuration; keys are `section.key`."""

    live: tuple[str, ...]  # changed, and in effect
    restart: tuple[str, ...]  # changed, and in effect after a restart


@dataclass(slots=True)
class Pipeline:
    """The stages, in the order of a frame's way, and the configuration that is in effect."""

    config: Config
    labels: Sequence[str]  # of the emotion model
    trained: Mapping[str, float]  # how frequent each was in its training; {}: not known
    camera: Camera
    budget: BudgetKeeper
    motion: MotionGate
    detector: FaceDetector
    detect_limiter: RateLimiter
    tracker: Tracker
    stillness: Stillness
    classifier: Classifier
    baseline: BaselineStage
    smoother: Smoother
    rules: Rules
    publisher: Publisher
    observers: Sequence[Observer] = field(default_factory=tuple)
    state: StateEstimator | None = None  # None: nobody wants to know it
    judges: Sequence[Judge] = field(default_factory=tuple)  # none where `state.enabled` is false

    def configure(self, config: Config) -> Reconfigured:
        """Take what can change while it runs; faces in view stay in view.

        Called by the loop's thread, between two frames.

        Raises:
            ConfigError: it does not fit the models in use; everything stays as it was.
        """
        check_labels(config, self.labels, self.trained)
        now = with_live_keys(self.config, config)
        result = Reconfigured(tuple(differences(self.config, now)), tuple(differences(now, config)))
        self.budget.configure(now.budget)
        self.motion.configure(now.motion, now.track.lost_s, lids=now.watches_lids())
        self.detector.configure(now.detect)
        self.detect_limiter.rate = now.detect.rate
        self.tracker.configure(now.track)
        self.stillness.configure(now.track)
        if self.state is not None and (asked := asked_states(now)) is not None:
            self.state.configure(asked)
        self.classifier.configure(now.classify, yawn_mouth(now))
        self.baseline.configure(now.baseline)
        if self.trained and now.classify.prior != self.config.classify.prior:
            self.baseline.forget()
        self.smoother.configure(now.smooth)
        for judge in self.judges:
            judge.configure(now)
        self.rules.configure(now.alerts())
        self.publisher.configure(now)
        self.config = now
        return result


def check_labels(config: Config, labels: Sequence[str], trained: Mapping[str, float]) -> None:
    """Check what refers to the emotion model's labels.

    Args:
        config: to be checked.
        labels: of the emotion model; empty: there is none.
        trained: how frequent each was in its training; {}: not known.

    Raises:
        ConfigError: a label that the model does not have, or a prior that cannot be had with it.
    """
    if not labels:  # classify.enabled is false: nothing refers to them
        return
    prior = config.classify.prior
    if not isinstance(prior, str):
        if not trained:
            raise ConfigError(
                "classify.prior: got shares; allowed: raters or equal, as the manifest of "
                f"{config.classify.model} does not say how frequent emotions were in its training"
            )
        try:
            wanted_prior(prior, labels, trained)
        except ValueError as e:
            raise ConfigError(f"classify.{e}") from e
    of = config.baseline
    unknown = [e for e in of.emotions if e not in labels]
    # The usual list is for any model: of four classes, say.
    if of.enabled and of.emotions != Baseline().emotions and unknown:
        raise ConfigError(
            f"baseline.emotions: got {', '.join(unknown)}; allowed: {', '.join(labels)}"
        )
    for i, alert in enumerate(config.alerts()):
        unknown = [e for e in alert.emotions if e not in labels]
        if alert.enabled and unknown:
            section = "alert" if isinstance(config.alert, Alert) else f"alert[{i}]"
            raise ConfigError(
                f"{section}.emotions: got {', '.join(unknown)}; allowed: {', '.join(labels)}"
            )


def with_live_keys(running: Config, wanted: Config) -> Config:
    """Return `running` with those keys of `wanted` that can change while it runs."""
    sections = {name: getattr(wanted, name) for name in LIVE}
    for name, keys in RESTART.items():
        now = getattr(running, name)
        kept = {key: getattr(now, key) for key in keys}
        sections[name] = msgspec.structs.replace(sections[name], **kept)
    if wanted.state.enabled and not running.state.enabled:  # nobody knows yet who looks
        audience = msgspec.structs.replace(wanted.audience, enabled=running.audience.enabled)
        sections["audience"] = audience
    return msgspec.structs.replace(running, **sections)


def differences(a: Config, b: Config) -> list[str]:
    """Return the keys, `section.key`, in which two configurations differ."""
    found = []
    for section in a.__struct_fields__:
        one, other = getattr(a, section), getattr(b, section)
        if isinstance(one, msgspec.Struct) and isinstance(other, msgspec.Struct):
            keys = one.__struct_fields__
            found += [f"{section}.{k}" for k in keys if getattr(one, k) != getattr(other, k)]
        elif one != other:
            found.append(section)
    return found
