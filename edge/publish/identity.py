"""Who speaks: what is the same in every message of one run."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.contract import Info, ModelInfo
from edge.prior import wanted_prior

DIGITS = 5  # of a share of the prior: one face in ninety is disgusted
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # proc(5): a new one at each boot


def read_boot_id() -> str:
    """Return the kernel's id of this boot; a random one where the kernel has none."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Identity:
    """The device, this boot, and what runs on it."""

    base: str  # first part of every topic
    device: str
    boot_id: str
    version: str  # of emotion-edge
    model: ModelInfo
    detector: str
    attributes: tuple[ModelInfo, ...] = ()
    state_model: ModelInfo | None = None
    config: Mapping[str, object] = field(default_factory=dict)  # effective, without secrets

    @property
    def source(self) -> str:
        """`source` of a CloudEvent: where events come from, also the stem of the topics."""
        return f"/{self.base}/{self.device}"

    def topic(self, name: str) -> str:
        """Return the topic of one kind of message."""
        return f"{self.base}/{self.device}/{name}"

    def info(self, time: str) -> Info:
        """Return the `info` message; `time` is RFC 3339, UTC."""
        return Info(
            time=time,
            version=self.version,
            device=self.device,
            boot_id=self.boot_id,
            model=self.model,
            attributes=list(self.attributes),
            detector=self.detector,
            state_model=self.state_model,
            prior=self._prior(),
            config=dict(self.config),
        )

    def _prior(self) -> dict[str, float]:
        """Return the prior that scores hold under, by label; {} where it is not known."""
        section = self.config.get("classify")
        choice = section.get("prior") if isinstance(section, dict) else None
        if choice is None or not self.model.prior:
            return {}
        values = wanted_prior(choice, self.model.labels, self.model.prior)
        return {n: round(float(v), DIGITS) for n, v in zip(self.model.labels, values, strict=True)}
