"""`emotion-edge preview` as whoever mounts the camera uses it: in a real Chromium."""

from __future__ import annotations

import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.commands.demo import CLIP
from tests.edge.web.conftest import PATIENCE_MS, Command, command, too_wide, violations
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow

CONFIG = """\
# The camera above the door.
[classify]
# rate = 10.0
min_face_px = 24   # as measured on the spot
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("preview")


@pytest.fixture(scope="module")
def preview(folder: Path) -> Iterator[Command]:
    """One preview of the demo clip, with a configuration file, for all tests that do not end it."""
    config = folder / "config.toml"
    config.write_text(CONFIG)
    with start(folder, "--config", str(config)) as running:
        yield running


def start(folder: Path, *more: str) -> Any:
    return command(
        folder, "preview", "--listen", "127.0.0.1:0", "--set", f"camera.source={CLIP}",
        "--pictures", "5", *more,
    )  # fmt: skip


def expect(it: Any) -> Any:
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE_MS)
    return expect(it)


def test_it_shows_the_picture_and_the_face_with_its_emotion(preview: Command, page: Any) -> None:
    page.goto(preview.url())
    expect(page.get_by_role("heading", name="Live pictures of this camera")).to_be_visible()
    face = page.locator(".face").first
    expect(face.get_by_role("heading")).to_contain_text(re.compile(r"happy \d+ %"))
    expect(face.locator(".bar.chosen .name")).to_have_text("happy")
    expect(face.locator(".doing")).to_be_hidden()
    expect(face.locator(".measure", has_text="size")).to_contain_text("✓ at least 24 px")
    # The picture is there: grey values of a photograph, not an empty canvas.
    grey = page.evaluate(
        """() => {
          const c = document.getElementById("picture");
          const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
          return new Set(d.filter((_, i) => i % 4 === 0)).size;
        }"""
    )
    assert grey > 100
    expect(page.locator("#facts")).to_contain_text("320×240")
    expect(page.locator("#left")).to_contain_text(re.compile(r"^\d+:\d\d$"))
    assert "token" not in page.url


def test_it_shows_what_a_face_is_doing_where_that_is_asked_for(folder: Path, page: Any) -> None:
    tiny = Path(__file__).parents[2] / "models" / "tiny-state"
    with start(folder, "--set", "state.enabled=true", "--set", f"state.model={tiny}") as preview:
        page.goto(preview.url())
        said = page.locator(".face").first.locator(".doing")
        expect(said).to_contain_text(
            re.compile(r"head \d+°.*; eyes \d+ % left, \d+ % right; mouth \d+ %")
        )
        expect(page.get_by_label("state.rate", exact=True)).to_have_value("15")
        axes = page.evaluate(
            """async () => {
              const { pose } = await import("./static/overlay.js");
              const of = (yaw, pitch, roll) => pose({ yaw, pitch, roll });
              return [
                of(90, 0, 0).ahead, of(0, 90, 0).ahead, of(0, 0, 90).up, of(90, 0, 90).ahead,
                of(0, 0, null),
              ];
            }"""
        )
    # In the picture y points down: to the right, up, and the head's top to the right.
    wanted = [[1, 0], [0, -1], [1, 0], [1, 0], None]
    assert [a and [round(v, 6) + 0 for v in a] for a in axes] == wanted


def test_a_setting_acts_at_once_and_is_written_back(
    preview: Command, page: Any, folder: Path
) -> None:
    page.goto(preview.url())
    face = page.locator(".face").first
    expect(face.get_by_role("heading")).to_contain_text("happy")
    limit = page.get_by_label("classify.min_face_px", exact=True)
    limit.fill("400")
    expect(face.locator(".measure.bad", has_text="size")).to_contain_text("✗ too small")
    expect(face.get_by_role("heading")).to_contain_text("unknown (too small)")
    expect(page.locator("#lines")).to_have_text("[classify]\nmin_face_px = 400")
    limit.fill("40")
    expect(page.locator("#lines")).to_have_text("[classify]\nmin_face_px = 40")
    page.get_by_role("button", name="Write to").click()
    expect(page.locator("#answer")).to_contain_text("Written to")
    expect(page.locator("#changed")).to_have_text("Nothing was changed.")
    expect(face.get_by_role("heading")).to_contain_text("happy")
    config = folder / "config.toml"
    assert config.read_text() == CONFIG.replace("min_face_px = 24 ", "min_face_px = 40 ")
    assert (folder / "config.toml.bak").read_text() == CONFIG


def test_what_is_not_allowed_is_refused_beside_the_setting(preview: Command, page: Any) -> None:
    page.goto(preview.url())
    page.get_by_label("detect.rate", exact=True).fill("500")
    error = page.locator(".setting", has_text="detect.rate").locator(".error")
    expect(error).to_have_text("detect.rate: got 500; allowed: more than 0, up to 120")
    expect(page.locator("#changed")).to_have_text("Nothing was changed.")


def test_a_change_can_be_undone_and_a_turned_camera_loses_the_face(
    preview: Command, page: Any
) -> None:
    page.goto(preview.url())
    expect(page.locator(".face").first).to_contain_text("happy")
    page.get_by_label("camera.rotate").select_option("90")
    expect(page.locator("#facts")).to_contain_text("240×320")
    expect(page.locator("#lines")).to_have_text("[camera]\nrotate = 90")
    expect(page.locator("#faces")).to_contain_text("Nobody is seen.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#changed")).to_have_text("Nothing was changed.")
    expect(page.locator(".face").first).to_contain_text("happy")


def test_a_second_browser_sees_what_the_first_one_sets(preview: Command, browser: Any) -> None:
    pages = [browser.new_page() for _ in range(2)]
    for p in pages:
        p.goto(preview.url())
        expect(p.locator(".face").first).to_contain_text("happy")
    pages[0].get_by_label("smooth.window_s", exact=True).fill("2.5")
    expect(pages[1].get_by_label("smooth.window_s", exact=True)).to_have_value("2.5")
    pages[1].get_by_role("button", name="Undo").click()
    expect(pages[0].get_by_label("smooth.window_s", exact=True)).to_have_value("1.5")
    for p in pages:
        p.close()


@pytest.mark.parametrize(
    "page", [{"color_scheme": "light"}, {"color_scheme": "dark"}], indirect=True
)
def test_it_is_accessible(preview: Command, page: Any) -> None:
    page.goto(preview.url())
    expect(page.locator(".face").first).to_contain_text("happy")
    assert violations(page) == []


@pytest.mark.parametrize("page", [{"viewport": {"width": 360, "height": 740}}], indirect=True)
def test_it_fits_a_phone(preview: Command, page: Any) -> None:
    page.goto(preview.url())
    expect(page.locator(".face").first).to_contain_text("happy")
    assert too_wide(page) <= 0


def test_the_keyboard_reaches_everything(preview: Command, page: Any) -> None:
    page.goto(preview.url())
    expect(page.locator(".setting").first).to_be_visible()
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    assert {"more", "stop", "theme", "camera-rotate", "smooth-floor"} <= reached


def test_it_stops_by_itself_and_says_so(folder: Path, page: Any) -> None:
    for minutes in ("0.5", "1", "3"):
        with start(folder, "--minutes", minutes) as running:
            if not comes_in_time(page, running):
                continue
            expect(page.get_by_role("heading", name="The preview has ended")).to_be_visible()
            assert page.locator("#picture").is_hidden()
            wait_until(lambda: running.process.poll() is not None, "it ends")
            assert running.process.returncode == 0, running.text
            assert "No pictures are shown any more." in running.text
            return
    pytest.fail("the page is not there within minutes")


def comes_in_time(page: Any, preview: Command) -> bool:
    """Open the page; False where a busy machine took longer than the preview lasts."""
    try:
        page.goto(preview.url())
        expect(page.locator("#left")).to_contain_text(re.compile(r"^\d+:\d\d$"))
    except Exception:
        if preview.process.poll() is None:
            raise
        return False
    return True


def test_it_stops_when_it_is_told_to(folder: Path, page: Any) -> None:
    with start(folder) as running:
        page.goto(running.url())
        page.get_by_role("button", name="10 more minutes").click()
        expect(page.locator("#left")).to_contain_text(re.compile(r"^\d+:\d\d$"))
        page.get_by_role("button", name="Stop now").click()
        expect(page.get_by_role("heading", name="The preview has ended")).to_be_visible()
        wait_until(lambda: running.process.poll() is not None, "the command ends", PATIENCE_S)
        assert running.process.returncode == 0, running.text


def test_another_user_of_this_machine_gets_in_nowhere(preview: Command, page: Any) -> None:
    url = preview.url()
    bare, _, token = url.partition("?token=")
    assert len(token) >= 16
    for path in ("", "static/preview.js", "live", "?token=wrong"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(bare + path)
    page.goto(url)
    expect(page.locator(".face").first).to_contain_text("happy")
    assert page.url == bare  # the token is no longer shown
    page.reload()
    expect(page.locator(".face").first).to_contain_text("happy")


def test_beyond_loopback_it_says_that_pictures_are_not_encrypted(folder: Path) -> None:
    with start(folder, "--listen", "0.0.0.0:0") as running:
        assert "?token=" in running.url()
        wait_until(lambda: "not encrypted" in running.text, "it says so")


def test_a_camera_that_is_not_there_is_said_on_the_page(folder: Path, page: Any) -> None:
    with command(
        folder, "preview", "--listen", "127.0.0.1:0", "--set", "camera.source=/dev/video99"
    ) as running:
        page.goto(running.url())
        expect(page.locator("#notice")).to_contain_text("No picture: camera lost")


# A camera that gives a part of the demo clip, and nothing more once it is unplugged (sys.argv[2]).
ONCE = """
import pathlib, subprocess, sys, time
mark = pathlib.Path(sys.argv[2])
if mark.exists():
    time.sleep(600)
subprocess.run(["ffmpeg", "-v", "error", "-re", "-i", sys.argv[1], "-t", "6", "-f", "rawvideo",
                "-pix_fmt", "yuv420p", "-"])
time.sleep(600)
"""


def test_a_camera_that_goes_away_leaves_no_picture(folder: Path, page: Any) -> None:
    script = folder / "once.py"
    script.write_text(ONCE)
    line = json.dumps([sys.executable, str(script), str(CLIP), str(folder / "unplugged")])
    keys = ("camera.source=command", f"camera.command={line}", "camera.width=320",
            "camera.height=240", "camera.stall_s=2")  # fmt: skip
    sets = [a for key in keys for a in ("--set", key)]
    with command(folder, "preview", "--listen", "127.0.0.1:0", *sets) as running:
        page.goto(running.url())
        expect(page.locator(".face").first).to_contain_text("happy")
        (folder / "unplugged").touch()
        expect(page.locator("#notice")).to_contain_text("No picture: camera lost")
        expect(page.locator(".face")).to_have_count(0)
        expect(page.locator("#faces")).to_have_text("No picture.")
        seen = """() => {
          const c = document.getElementById("picture");
          return c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v) => v);
        }"""
        assert not page.evaluate(seen)


def test_nothing_is_published(folder: Path) -> None:
    with start(folder, "--set", "mqtt.host=broker.invalid", "--minutes", "0.1") as running:
        wait_until(lambda: running.process.poll() is not None, "the command ends", 3 * PATIENCE_S)
        assert running.process.returncode == 0, running.text
        assert "broker.invalid" not in running.text
        assert "specversion" not in running.text
