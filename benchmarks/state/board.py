"""`python -m benchmarks.state.board`: the dashboard of a car, a driver and a kiosk, as a picture.

For docs/seeing.md, by the real commands; needs Mosquitto and Chromium. No face is shown.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.common import data_folder
from benchmarks.faces import write
from benchmarks.reaction.faces import rooms
from benchmarks.state.judged import FPS
from benchmarks.state.pictures import DRIVER, END_S, KIOSK, KIOSK_S, driver, film_of, visitor
from tests.broker import running
from tests.edge.web.conftest import CHROMIUM, FLAGS, command
from tests.edge.web.pictures import new_page, shoot

NAME = "dashboard-profiles.png"
EMPTY_S = 4.0  # s: nobody before the kiosk, so that the same film is the next visitor
PATIENCE_MS = 240_000


def main() -> None:
    argparse.ArgumentParser(
        prog="python -m benchmarks.state.board", description=__doc__
    ).parse_args()
    data = data_folder()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        road, shop = folder / "road.avi", folder / "shop.avi"
        write(road, film_of(driver(data, 0), DRIVER, END_S, data).frames(), FPS)
        nobody = [rooms(data)[3]] * round(EMPTY_S * FPS)
        write(shop, [*film_of(visitor(data), KIOSK, KIOSK_S, data).frames(), *nobody], FPS)
        broker = stack.enter_context(running(folder / "broker"))
        board = stack.enter_context(
            command(
                folder, "dashboard", "--host", "127.0.0.1", "--port", str(broker.port),
                "--listen", "127.0.0.1:0", "--minutes", "2",
            )
        )  # fmt: skip
        url = board.url()
        for device, profile, film in (
            ("car-17", "car", road), ("foyer", "kiosk", shop), ("van-3", "driver", road)
        ):  # fmt: skip
            keys = [
                f"profile={profile}", f"device.name={device}", f"camera.source={film}",
                "camera.loop=true", "outbox.path=memory", "mqtt.host=127.0.0.1",
                f"mqtt.port={broker.port}", "output.stdout=off",
            ]  # fmt: skip
            sets = [a for key in keys for a in ("--set", key)]
            stack.enter_context(command(folder, "run", *sets))
        picture(url)


def picture(url: str) -> None:
    """Take it when a driver's eyes are shut, PERCLOS is told and several have come to the kiosk."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = new_page(chromium, 1280, 760, "light")
        page.goto(url)
        page.wait_for_function(
            r"""() => {
              const cards = [...document.querySelectorAll(".device")].map((e) => e.textContent);
              return cards.filter((t) => /PERCLOS/.test(t)).length >= 2 &&
                cards.some((t) => /eyes closed/.test(t)) &&
                cards.some((t) => /[2-9] seen, [2-9] looked/.test(t) && /looking/.test(t));
            }""",
            timeout=PATIENCE_MS,
        )
        shoot(page, NAME)
        chromium.close()


if __name__ == "__main__":
    main()
