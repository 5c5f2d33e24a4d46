"""The page of `analyze --html`, in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.edge.tools.analyze.rig import analyze, lines, visits

pytestmark = pytest.mark.slow
PHONE = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}


@pytest.mark.parametrize("page", [{}, PHONE], indirect=True, ids=["desk", "phone"])
def test_faces_are_named_as_their_alerts_and_all_can_be_read(page: Any, tmp_path: Path) -> None:
    film, html = visits(tmp_path / "film.mp4", 30, 60, 30), tmp_path / "page.html"
    sets = ("--set", "alert.emotions=['happy']", "--set", "alert.after_s=1", "--set")
    _, out, _ = analyze(film, "--json", "--summary", "--html", html, *sets, "state.enabled=true")
    (line,) = lines(out)
    page.set_content(html.read_text())
    rows = page.locator("tbody tr")
    faces, alerts = line["summary"]["faces"], line["summary"]["alerts"]
    assert [face["track"] for face in faces] == rows.locator("small").all_inner_texts()
    assert {alert["track"] for alert in alerts} <= {face["track"] for face in faces} and alerts
    width = page.viewport_size["width"]
    for part in ("tbody td", ".axis", "svg", "section"):
        for box in (e.bounding_box() for e in page.locator(part).all()):
            assert box["x"] >= 0 and box["x"] + box["width"] <= width, part
    times = [e for e in page.locator(".axis span").all() if e.is_visible()]
    assert len(times) >= 2 and all(e.bounding_box()["height"] >= 9 for e in times)
