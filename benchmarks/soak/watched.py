"""What a process holds, from /proc."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a process."""

    frames: int  # that went through, as `health` last said
    resident_mb: float  # 10^6 bytes
    own_mb: float  # of these, anonymous: heap and stacks, where a leak shows
    descriptors: int
    threads: int


def look(pid: int, frames: int) -> Sample:
    """Return what process `pid` holds now."""
    folder = Path(f"/proc/{pid}")
    lines = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())

    def mb(key: str) -> float:
        return int(lines[key].split()[0]) * 1024 / 1e6

    return Sample(
        frames,
        mb("VmRSS"),
        mb("RssAnon"),
        sum(1 for _ in (folder / "fd").iterdir()),
        int(lines["Threads"]),
    )
