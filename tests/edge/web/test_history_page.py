"""The history's pages in a real browser: the dashboard's, and the file that `report` writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.store import Store, open_store
from tests.edge.report.rows import gap, heard, hour, listened
from tests.edge.web.conftest import PATIENCE_MS, Command, command, too_wide, violations
from tests.waiting import free_port

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is missing").expect
expect.set_options(timeout=PATIENCE_MS)

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0, tzinfo=None)
# Where it is noon: no day ends while these tests run.
AHEAD = timedelta(hours=12 - NOW.hour)
ZONE = f"Etc/GMT{NOW.hour - 12:+d}"  # their signs are those of POSIX: minus is east
TODAY = (NOW + AHEAD).date()
DARK = {"color_scheme": "dark"}
PHONE = {"viewport": {"width": 390, "height": 844}}


def day(ago: int) -> datetime:
    """The beginning of a day there, in UTC."""
    return (NOW + AHEAD).replace(hour=0) - timedelta(days=ago) - AHEAD


def written(store: Store) -> None:
    for ago in range(1, 15):
        for h in (9, 10, 11):
            hour(store, f"{day(ago) + timedelta(hours=h)}", 20, looked=8)
    hour(store, f"{day(0) + timedelta(hours=9)}", 25)
    hour(store, f"{day(2) + timedelta(hours=15)}", 3)
    hour(store, f"{day(3) + timedelta(hours=9)}", 9, "lobby")
    gap(store, f"{day(2)}", 100, 109)
    listened(store, f"{day(20)}", f"{NOW}")
    heard(store, f"{day(19)}", True)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("history") / "history.db")
    with open_store(path) as store:
        written(store)
    return path


@pytest.fixture(scope="module")
def dashboard(history: str) -> Iterator[Command]:
    """With a broker that is away: the history is there all the same."""
    with command(
        Path(history).parent, "dashboard", "--host", "127.0.0.1", "--port", str(free_port()),
        "--listen", "127.0.0.1:0", "--store", history, "--zone", ZONE,
    ) as c:  # fmt: skip
        yield c


def test_from_now_to_the_last_weeks(dashboard: Command, page: Any) -> None:
    page.goto(dashboard.url())
    page.get_by_role("link", name="History").click()
    tiles = page.locator(".tile")
    expect(tiles.nth(0)).to_contain_text("397")  # today's 25, 6 days of 60, 3 and 9
    # From noon on, however long ago this file was loaded.
    said = re.compile(f"{TODAY} is not over: counted up to 1[2-9]:")
    expect(page.locator(".about")).to_contain_text(said)
    expect(page.locator("rect.bar.partial")).to_have_count(1)
    page.get_by_text("Visitors by day as a table").click()
    row = page.get_by_role("row", name=re.compile(f"^{TODAY} so far"))
    expect(row.get_by_role("cell")).to_have_text(["25", "60"])  # as of the same hours before
    expect(page.locator("figure svg[role=img]").first).to_be_visible()
    expect(page.locator(".devices")).to_contain_text("10 events are missing")
    page.get_by_role("link", name="4 weeks").click()
    expect(tiles.nth(0)).to_contain_text("877")
    page.get_by_label("Device", exact=True).select_option("lobby")
    expect(tiles.nth(0)).to_contain_text("9")
    assert re.search(r"days=28&device=lobby", page.url)
    page.get_by_role("link", name="Today").click()
    expect(page.get_by_role("link", name="Today")).to_have_attribute("aria-current", "true")
    assert "device=lobby" in page.url
    page.goto(dashboard.url() + "history?device=attic")
    expect(page.get_by_role("alert")).to_have_text("The history knows no such device.")


def test_a_token_in_the_address_takes_nothing_else_with_it(dashboard: Command, page: Any) -> None:
    page.goto(dashboard.url() + "history?token=x&days=28&device=lobby")
    expect(page.locator(".tile").nth(0)).to_contain_text("9")
    page.wait_for_url("**/history?days=28&device=lobby")


@pytest.mark.parametrize("page", [{}, DARK, PHONE], ids=["light", "dark", "phone"], indirect=True)
def test_the_page_is_for_everybody(dashboard: Command, page: Any) -> None:
    page.goto(dashboard.url() + "history")
    page.get_by_text("Visitors by hour as a table").click()
    row = page.get_by_role("row", name=re.compile("^15"))
    expect(row).to_contain_text("fewer than 5")
    assert violations(page) == []
    assert too_wide(page) <= 0


@pytest.mark.parametrize("page", [{}, DARK, PHONE], ids=["light", "dark", "phone"], indirect=True)
def test_so_is_the_file(history: str, page: Any, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert main(["report", "--store", history, "--zone", ZONE, "--html", str(out)]) == 0
    page.set_content(out.read_text())
    expect(page.locator(".tile").first).to_contain_text("432")
    assert violations(page) == []
    assert too_wide(page) <= 0


def test_an_empty_history_says_so(page: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "history.db")
    open_store(path).close()
    out = tmp_path / "report.html"
    assert main(["report", "--store", path, "--zone", ZONE, "--html", str(out)]) == 0
    page.set_content(out.read_text())
    expect(page.locator("main")).to_contain_text("Nothing is known of this period.")
    assert violations(page) == []


def test_without_a_history_there_is_no_such_page(page: Any, tmp_path: Path) -> None:
    with command(tmp_path, "dashboard", "--port", str(free_port()), "--listen", "127.0.0.1:0") as c:
        page.goto(c.url())
        expect(page.locator("#trouble")).to_be_visible()  # the broker's; so it has heard of all
        expect(page.get_by_role("link", name="History")).to_be_hidden()
        answer = page.goto(c.url() + "history")
        assert answer.status == 404
