"""What the machine says of itself: memory, temperature, throttling. None where it does not say."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")  # millidegrees Celsius
# Raspberry Pi's firmware is below: soc/soc:firmware, with the address in both names on a Pi 5
# (soc@107c000000). Bits as in the documentation of `vcgencmd get_throttled`.
PLATFORM = Path("/sys/devices/platform")
FIRMWARE = tuple(f"{above}soc*:firmware/get_throttled" for above in ("*/", "", "*/*/"))
NOW_BITS = 0b1111  # under-voltage, frequency capped, throttled, soft temperature limit: now


def memory_mb() -> float | None:
    """Resident memory of this process in megabytes (10^6 bytes)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def cores() -> int:
    """Processor cores of the machine."""
    return os.cpu_count() or 1


def temperature_c(path: Path = THERMAL) -> float | None:
    """Temperature of the processor in degrees Celsius."""
    try:
        return round(int(path.read_text()) / 1000, 1)
    except (OSError, ValueError):
        return None


@cache  # it is asked for all the time, and no firmware comes or goes
def _firmware(platform: Path) -> Path | None:
    """Return the first file that tells of throttling, if there is one."""
    return next((path for pattern in FIRMWARE for path in platform.glob(pattern)), None)


def throttled(platform: Path = PLATFORM) -> bool | None:
    """Whether the firmware holds the processor back at this moment."""
    path = _firmware(platform)
    if path is None:
        return None
    try:
        return bool(int(path.read_text().strip(), 16) & NOW_BITS)
    except (OSError, ValueError):
        return None
