"""Can the wall clock be believed? A device without a real-time clock boots in the past."""

from __future__ import annotations

import ctypes
from pathlib import Path

TIMESYNCD = Path("/run/systemd/timesync/synchronized")  # made at the first sync since boot
TIME_ERROR = 5  # adjtimex(2): "the system clock is not synchronized to a reliable server"
TIMEX_BYTES = 512  # struct timex has 208 on 64-bit Linux; the rest is room to spare


def time_synced() -> bool:
    """Return whether a time service says that the wall clock is right.

    systemd-timesyncd leaves a file; chrony and ntpd clear the kernel's "unsynchronised" flag.
    False where neither can be asked: under ProtectClock=, as in the unit, only the file can.
    """
    return TIMESYNCD.exists() or _kernel_synced()


def _kernel_synced() -> bool:
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return False
    buffer = ctypes.create_string_buffer(TIMEX_BYTES)  # modes = 0: only read
    state = adjtimex(buffer)
    return bool(0 <= state < TIME_ERROR)  # -1: forbidden, as under ProtectClock=
