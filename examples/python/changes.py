"""Prints every change of emotion on a broker, and which devices are there.

pip install .    # in the repository of emotion-edge
python changes.py broker.local
"""

import contextlib
import sys

from edge.client import Client, device_of


def main(host: str, port: int) -> None:
    """Print until interrupted."""
    with Client(host, port) as client:
        client.wait_connected(10)
        print("connected", flush=True)
        for event in client.events():
            d = event.data
            if d.event_type != "emotion_changed":
                continue
            late = " (late: it happened at " + event.time + ")" if d.replayed else ""
            print(f"{device_of(event)}: {d.previous} -> {d.emotion} {d.confidence:.0%}{late}")
            there = [name for name, device in client.devices.items() if device.online]
            missing = len(client.devices[device_of(event)].missing)
            print(f"  there: {', '.join(there)}; events missing: {missing}", flush=True)


if __name__ == "__main__":
    address, _, tcp_port = (sys.argv[1] if len(sys.argv) > 1 else "localhost").partition(":")
    with contextlib.suppress(KeyboardInterrupt):
        main(address, int(tcp_port or 1883))
