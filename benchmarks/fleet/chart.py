"""The curve of a reconnect storm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def draw(back: Sequence[float], devices: int, outage_s: float, path: Path) -> str:
    """Draw who was back when; return why not, or nothing.

    Args:
        back: seconds from the broker's return to each device's, ascending.
        devices: how many there are.
        outage_s: how long the broker was away.
        path: the PNG.
    """
    try:
        import matplotlib
    except ImportError:
        return "no curve: matplotlib is not installed"
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(8, 6), layout="constrained")
    above.step([0.0, *back], [100 * n / devices for n in range(len(back) + 1)], where="post")
    above.set_ylabel("devices online again, %")
    above.set_ylim(0, 102)
    above.set_title(f"{devices} devices after a broker that was away for {outage_s:g} s")
    last = int(back[-1]) + 1 if back else 1
    below.hist(back, bins=last, range=(0, last))
    below.set_ylabel("reconnects a second")
    below.set_xlabel("seconds since the broker's return")
    for axis in (above, below):
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return ""
