"""SIGHUP: reads the configuration again; takes what can change live, names what cannot."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from edge.config import Config
from edge.errors import EdgeError
from edge.events import EventRules
from edge.loop import Pipeline
from edge.service import logs
from edge.service.notify import Notifier
from edge.smooth import TemporalSmoother

log = logging.getLogger(__name__)

# Sections, or keys, that take effect at once. Faces in view stay in view. An alert that is switched
# off would never end, hence not `alert.enabled`.
LIVE = (
    "log.level",
    "detect.rate",
    "smooth",
    "alert.emotions",
    "alert.level",
    "alert.after_s",
    "alert.clear_s",
    "alert.moderate",
    "alert.more",
)


class Reloader:
    """Asked by a signal handler, acts in the loop between two frames."""

    def __init__(
        self, pipeline: Pipeline, config: Config, load: Callable[[], Config], notifier: Notifier
    ) -> None:
        """Keep `pipeline`, which was built from `config`, to what `load` reads anew."""
        self._pipeline = pipeline
        self._config = config
        self._load = load
        self._notifier = notifier
        self._asked = False

    def ask(self, *_: object) -> None:
        """Have the next `poll` read the configuration."""
        self._asked = True

    def poll(self, t: float) -> None:
        """Reload if asked to; a configuration with mistakes is refused and the old one stays.

        Args:
            t: seconds, monotonic.
        """
        if not self._asked:
            return
        self._asked = False
        self._notifier.reloading(t)
        try:
            self._take(self._load())
        except EdgeError as e:
            for line in str(e).splitlines():
                log.error("not reloaded, the old configuration stays: %s", line)
        finally:
            self._notifier.ready()

    def _take(self, new: Config) -> None:
        changed = changes(self._config, new)
        live = [key for key in changed if key in LIVE or key.partition(".")[0] in LIVE]
        later = [key for key in changed if key not in live]
        p = self._pipeline
        if "log.level" in live:
            logs.setup(new.log.level)
        if "detect.rate" in live:
            p.detect_limiter.rate = new.detect.rate
        if isinstance(p.smoother, TemporalSmoother):
            p.smoother.configure(new.smooth)
        if isinstance(p.rules, EventRules):
            p.rules.configure(new.alert)
        log.info("reloaded: %s", ", ".join(live) or "nothing to change live")
        if later:
            log.warning("changed, but takes a restart: %s", ", ".join(later))
        # What takes a restart stays as it was, so that it is named again by the next reload.
        self._config = msgspec.structs.replace(
            self._config,
            log=new.log,
            smooth=new.smooth,
            alert=msgspec.structs.replace(new.alert, enabled=self._config.alert.enabled),
            detect=msgspec.structs.replace(self._config.detect, rate=new.detect.rate),
        )


def changes(old: Config, new: Config) -> list[str]:
    """Return the keys, `section.key`, in which two configurations differ."""
    found = []
    for section in old.__struct_fields__:
        was, will = getattr(old, section), getattr(new, section)
        if isinstance(was, msgspec.Struct):
            found += [
                f"{section}.{key}"
                for key in was.__struct_fields__
                if getattr(was, key) != getattr(will, key)
            ]
        elif was != will:
            found.append(section)
    return found
