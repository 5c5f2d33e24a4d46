"""A real Chromium, and the commands that serve pages as real child processes."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import PATIENCE_S, wait_until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",  # containers have no user namespaces
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE_MS = 1000 * PATIENCE_S  # a page waits as long before a test fails


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, once for all tests."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    with api.sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A fresh page of 1280x900; complaints of its scripts, and requests elsewhere, fail the test.

    Parametrised indirectly with options of Playwright's `new_context`.
    """
    options = {"viewport": {"width": 1280, "height": 900}, **getattr(request, "param", {})}
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.on(
        "request",
        lambda r: (
            None
            if re.match(r"(https?|wss?)://(127\.0\.0\.1|localhost):|data:|blob:", r.url)
            else wrong.append(r.url)
        ),
    )
    page.on(
        "console",
        lambda m: wrong.append(m.text) if "Content Security Policy" in m.text else None,
    )
    yield page
    context.close()
    assert wrong == []


class Command:
    """A running `emotion-edge`; `lines` are what it has printed so far."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.out = folder / f"{arguments[0]}-{os.urandom(3).hex()}.log"
        with self.out.open("wb") as f:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge", *arguments],
                stdout=f,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "EMOTION_EDGE_CONFIG": ""},
            )

    @property
    def text(self) -> str:
        return self.out.read_text()

    def url(self) -> str:
        """Return the address it says that its page has."""
        found: list[str] = []

        def said() -> bool:
            assert self.process.poll() is None, self.text
            found[:] = re.findall(r"http://\S+", self.text)
            return bool(found)

        wait_until(said, "the page's address", 3 * PATIENCE_S)
        return found[0]

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def command(folder: Path, *arguments: str) -> Iterator[Command]:
    """Run `emotion-edge ARGUMENTS...` for the length of a `with`."""
    running = Command(folder, *arguments)
    try:
        yield running
    finally:
        running.end()


def violations(page: Any) -> list[str]:
    """Return what axe-core has against a page, by the rules of WCAG 2.2 A and AA."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    result = axe.Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    return [
        f"{v['id']}: {v['help']}: {[n['html'] for n in v['nodes'][:3]]}"
        for v in result.response["violations"]
    ]


def too_wide(page: Any) -> int:
    """Return by how many pixels a page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))
