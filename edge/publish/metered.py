"""Metrics where they can be had; where not, all else goes on and `health` says so."""

from __future__ import annotations

import dataclasses
import logging
import random
from collections.abc import Callable, Sequence

from edge.config import Config
from edge.contract import Health
from edge.errors import EdgeError
from edge.messages import Estimate, PipelineEvent
from edge.publish.identity import Identity
from edge.stages import Clock, Control, OutboxStats, Publisher

log = logging.getLogger(__name__)

UNAVAILABLE = "metrics_unavailable"  # reason in `health`
MISSING = (
    "the library prometheus-client is missing or too old; "
    "pip install 'emotion-edge[metrics]', or systemd/install --extras metrics"
)

Maker = Callable[[Config, Identity, Clock, Control, random.Random], Publisher]


def metered(maker: Maker) -> Maker:
    """Return a maker that puts the Prometheus endpoint before its publisher.

    Without the library, or with an address that cannot be used, the publisher works on and
    `metrics_unavailable` is among the reasons of `health`.
    """

    def make(
        config: Config, identity: Identity, clock: Clock, control: Control, rng: random.Random
    ) -> Publisher:
        inner = maker(config, identity, clock, control, rng)
        try:
            from edge.publish.metrics import MeteredPublisher

            return MeteredPublisher(inner, identity, config.metrics)
        except ImportError as e:
            why = f"metrics.enabled: {MISSING} ({e})"
        except EdgeError as e:
            why = str(e)
        log.warning("no metrics, all else goes on: %s", why)
        return Unmetered(inner)

    return make


class Unmetered:
    """A `Publisher` without the metrics that were asked for."""

    def __init__(self, inner: Publisher) -> None:
        self._inner = inner

    def publish(self, event: PipelineEvent, /) -> None:
        """Hand on."""
        self._inner.publish(event)

    def state(self, t: float, estimates: Sequence[Estimate], status: str, /) -> None:
        """Hand on."""
        self._inner.state(t, estimates, status)

    def health(self, health: Health, /) -> None:
        """Hand on."""
        self._inner.health(health)

    def stats(self) -> OutboxStats:
        """Return the counts of the publisher behind, and that there are no metrics."""
        stats = self._inner.stats()
        return dataclasses.replace(stats, problems=(*stats.problems, UNAVAILABLE))

    def close(self, timeout_s: float, /) -> None:
        """Close the publisher behind."""
        self._inner.close(timeout_s)
