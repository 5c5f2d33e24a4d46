"""SIGHUP: reads the configuration again; takes what can change live, names what cannot."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from edge.config import Config
from edge.errors import EdgeError
from edge.health import HealthMonitor
from edge.pipeline import Pipeline
from edge.problems import Problem
from edge.service import logs
from edge.service.notify import Notifier
from edge.stages import Clock

log = logging.getLogger(__name__)


class Reloader:
    """Asked by a signal handler, acts in the loop between two frames."""

    def __init__(
        self,
        pipeline: Pipeline,
        health: HealthMonitor,
        load: Callable[[], Config],
        notifier: Notifier,
        clock: Clock,
        restart_for: Callable[[Sequence[str]], None] = lambda _keys: None,
    ) -> None:
        """Give `pipeline` and `health` what `load` reads anew, and tell `notifier` when.

        `restart_for` is told the keys that were changed and take a restart, after each reload.
        """
        self._pipeline = pipeline
        self._health = health
        self._load = load
        self._notifier = notifier
        self._clock = clock
        self._restart_for = restart_for
        self._asked = False
        self._restart: tuple[str, ...] = ()

    def ask(self, *_: object) -> None:
        """Have the next `poll` read the configuration; a signal handler."""
        self._asked = True

    def poll(self) -> None:
        """Reload if asked to; a configuration with mistakes is refused and the old one stays."""
        if not self._asked:
            return
        self._asked = False
        self._notifier.reloading(self._clock.now())
        try:
            result = self._pipeline.configure(self._load())
        except EdgeError as e:
            for line in str(e).splitlines():
                log.error("not reloaded, the old configuration stays: %s", line)
            self._tell(Problem.RELOAD_REFUSED)
        else:
            config = self._pipeline.config
            self._health.configure(config.output)
            logs.setup(config.log.level)
            log.info("reloaded: %s", ", ".join(result.live) or "nothing to change live")
            self._restart = tuple(result.restart)
            self._restart_for(self._restart)
            self._tell()
            if result.restart:
                log.warning("changed, but takes a restart: %s", ", ".join(result.restart))
        finally:
            self._notifier.ready()

    def _tell(self, *problems: Problem) -> None:
        """Put what is wrong into `health`; keys of before still wait after a refusal."""
        waiting = (Problem.RESTART_PENDING,) if self._restart else ()
        self._health.reloaded((*problems, *waiting))
