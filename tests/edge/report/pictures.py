"""Makes the pictures of docs/history.md out of two made-up kiosks' weeks: scripts/make-pictures."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.history.fill import fill
from benchmarks.history.kiosk import Kiosk
from edge.cli import main as emotion_edge
from edge.store import open_store
from tests.edge.web.conftest import CHROMIUM, FLAGS

OUT = Path(__file__).parents[3] / "docs" / "pictures"
FIRST = datetime(2026, 11, 2, tzinfo=UTC)
WEEK = ["--from", "2026-11-09", "--to", "2026-11-15", "--zone", "UTC"]
SHOTS = {
    "history-light": ("light", 1280, 900),
    "history-dark": ("dark", 1280, 900),
    "history-phone": ("light", 390, 844),
}


def main() -> None:
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        path, page = f"{folder}/history.db", Path(folder, "report.html")
        with open_store(path) as store:
            kiosks = [Kiosk("entrance"), Kiosk("lobby", seed=2)]
            fill(store, kiosks, FIRST, 14, 110, lost=lambda seq: seq % 900 < 3)
        emotion_edge(["report", "--store", path, *WEEK])
        emotion_edge(["report", "--store", path, *WEEK, "--html", str(page)])
        with sync_playwright() as p:
            browser = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for name, (scheme, width, height) in SHOTS.items():
                view = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if scheme == "dark" else "light",
                )
                shown = view.new_page()
                shown.set_default_timeout(240_000)
                shown.goto(page.as_uri())
                shown.screenshot(path=OUT / f"{name}.png")
                view.close()
            browser.close()


if __name__ == "__main__":
    main()
