"""Makes the pictures of docs/seeing.md, of the real commands on real data: scripts/make-pictures.

Only the demo clip's face is ever shown. Other clips only give the dashboard numbers.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from edge.commands.demo import CLIP
from tests.broker import running
from tests.edge.web.conftest import CHROMIUM, FLAGS, command

OUT = Path(__file__).parents[3] / "docs" / "pictures"
MAX_BYTES = 200_000  # of each picture
TIMELINE_S = 120.0  # s of it, and nearly as long one waits for it to fill
TAGS = {"car-17": "cars", "lab": "paris"}
ROOMS = ("entrance", "car-17", "meeting-room", "reception")  # for the clips given


def main() -> None:
    """Take all pictures; arguments are more clips, whose faces are not shown."""
    from playwright.sync_api import sync_playwright

    clips = [Path(a).resolve() for a in sys.argv[1:]]
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        preview(Path(name), chromium)
        dashboard(Path(name), chromium, clips)
        chromium.close()
    for picture in sorted(OUT.glob("*.png")):
        size = picture.stat().st_size
        print(f"{picture.name}: {size} bytes")
        assert size < MAX_BYTES, f"{picture}: {size} bytes; allowed: {MAX_BYTES}"


def preview(folder: Path, chromium: Any) -> None:
    """Take preview.png, preview-too-dark.png and preview-phone.png."""
    config = folder / "config.toml"
    config.write_text("# empty\n")
    with command(
        folder, "preview", "--config", str(config), "--listen", "127.0.0.1:0",
        "--set", f"camera.source={CLIP}", "--set", "detect.name=face", "--pictures", "4",
    ) as c:  # fmt: skip
        desk, phone = (1280, 900, "light"), (360, 760, "dark")
        caught(chromium, c.url(), desk, "happy", False, "preview.png")
        caught(chromium, c.url(), desk, "too dark", True, "preview-too-dark.png")
        caught(chromium, c.url(), phone, "happy", False, "preview-phone.png")


def new_page(chromium: Any, width: int, height: int, scheme: str) -> Any:
    return chromium.new_page(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        device_scale_factor=2 if width < 600 else 1,
    )


def caught(
    chromium: Any, url: str, screen: tuple[int, int, str], words: str, bad: bool, name: str
) -> None:
    """Take a picture when a face is said to be so and falls short of limits, or not (`bad`)."""
    page = new_page(chromium, *screen)
    page.goto(url)
    # A page that asks for no more pictures keeps the last one.
    page.wait_for_function(
        """([words, bad]) => {
          const title = document.querySelector(".face h3");
          if (!title?.textContent.includes(words)) return false;
          // One that has just come, so that it has not just gone.
          if (!/, [0-2] s$/.test(document.querySelector(".face .faint").textContent)) return false;
          if (bad !== Boolean(document.querySelector(".measure.bad"))) return false;
          WebSocket.prototype.send = () => {};
          return true;
        }""",
        arg=[words, bad],
        timeout=120_000,
    )
    time.sleep(1)
    shoot(page, name)
    page.close()


def dashboard(folder: Path, chromium: Any, clips: list[Path]) -> None:
    """Take the four pictures of the dashboard."""
    sources = [("kiosk", str(CLIP)), ("lab", "/dev/video99"), ("window", str(CLIP))]
    sources += [(room, str(clip)) for room, clip in zip(ROOMS, clips, strict=False)]
    with ExitStack() as stack:
        broker = stack.enter_context(running(folder / "broker"))
        board = stack.enter_context(
            command(
                folder, "dashboard", "--host", "127.0.0.1", "--port", str(broker.port),
                "--listen", "127.0.0.1:0", "--minutes", str(TIMELINE_S / 60),
            )
        )  # fmt: skip
        url = board.url()
        devices = {}
        for name, source in sources:
            keys = [
                f"device.name={name}", f"camera.source={source}", "camera.loop=true",
                "outbox.path=memory", "mqtt.host=127.0.0.1", f"mqtt.port={broker.port}",
                "detect.name=face", "detect.rate=4", "classify.rate=4", "output.health_s=5",
                "output.stdout=off", f'device.tags=["{TAGS.get(name, "berlin")}"]',
            ]  # fmt: skip
            sets = [a for key in keys for a in ("--set", key)]
            devices[name] = stack.enter_context(command(folder, "run", *sets))
        time.sleep(0.6 * TIMELINE_S)
        devices["window"].process.kill()
        time.sleep(0.35 * TIMELINE_S)
        for name, scheme, width, height in (
            ("dashboard-light.png", "light", 1280, 1110),
            ("dashboard-dark.png", "dark", 1280, 1110),
            ("dashboard-phone.png", "dark", 360, 760),
            ("dashboard-table.png", "light", 1280, 480),
        ):
            page = new_page(chromium, width, height, scheme)
            page.goto(url)
            if "table" in name:
                page.get_by_label("View").select_option("table")
            # A moment when most see somebody.
            page.wait_for_function(
                """least => [...document.querySelectorAll(".device[data-status=running]")].filter(
                     (e) => /happy|\\d %/.test(e.textContent)).length >= least &&
                   [...document.querySelectorAll(".word, td")].some(
                     (e) => e.textContent == "happy")""",
                arg=1 if width < 600 else max(1, len(sources) - 4),
                timeout=120_000,
            )
            shoot(page, name)
            page.close()


def shoot(page: Any, name: str) -> None:
    """Take one picture, in at most 128 colours: a third of the size, and no eye sees it."""
    raw = page.screenshot()
    graph = (
        "split[a][b];[a]palettegen=max_colors=128:stats_mode=full[p];[b][p]paletteuse=dither=none"
    )
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-i", "-", "-vf", graph, str(OUT / name)],
        input=raw,
        check=True,
    )


if __name__ == "__main__":
    main()
