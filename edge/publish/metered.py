"""Metrics where they can be had; where not, all else goes on and `health` says so."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence

from edge import config, config_publish
from edge.contract import Health
from edge.messages import Estimate, PipelineEvent, Status
from edge.problems import Problem
from edge.publish.identity import Identity
from edge.stages import OutboxStats, Publisher

log = logging.getLogger(__name__)

MISSING = (
    "the library prometheus-client is missing or too old; "
    "pip install 'emotion-edge[metrics]', or systemd/install --extras metrics"
)

Maker = Callable[[Identity], Publisher]


def metered(maker: Maker, settings: config_publish.Metrics) -> Maker:
    """Return a maker that puts the Prometheus endpoint before its publisher.

    Without the library, and as long as the address cannot be used, the publisher works on and
    `metrics_unavailable` is among the reasons of `health`.
    """

    def make(identity: Identity) -> Publisher:
        inner = maker(identity)
        try:
            from edge.publish.metrics import MeteredPublisher

            return MeteredPublisher(inner, identity, settings)
        except ImportError as e:
            log.warning("no metrics, all else goes on: metrics.enabled: %s (%s)", MISSING, e)
            return Unmetered(inner)

    return make


class Unmetered:
    """A `Publisher` without the metrics that were asked for."""

    def __init__(self, inner: Publisher) -> None:
        self._inner = inner

    def configure(self, config: config.Config, /) -> None:
        """Hand on."""
        self._inner.configure(config)

    def publish(self, event: PipelineEvent, /) -> None:
        """Hand on."""
        self._inner.publish(event)

    def state(self, t: float, estimates: Sequence[Estimate], status: Status, /) -> None:
        """Hand on."""
        self._inner.state(t, estimates, status)

    def health(self, health: Health, /) -> None:
        """Hand on."""
        self._inner.health(health)

    def stats(self) -> OutboxStats:
        """Return the counts of the publisher behind, and that there are no metrics."""
        stats = self._inner.stats()
        return dataclasses.replace(stats, problems=(*stats.problems, Problem.METRICS_UNAVAILABLE))

    def close(self, timeout_s: float, /) -> None:
        """Close the publisher behind."""
        self._inner.close(timeout_s)
