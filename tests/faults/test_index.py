"""docs/faults.md says which test injects what; each of them is there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "faults.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def test_the_page_names_tests() -> None:
    rows = [r for r in PAGE.splitlines() if r.startswith("| ") and not r.startswith("| fault |")]
    assert rows and all("::" in row for row in rows)
    assert len(NAMED) == len(set(NAMED))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_every_test_that_is_named_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    assert name in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}


def test_every_file_of_injections_is_on_the_page() -> None:
    files = {f"tests/faults/{p.name}" for p in (ROOT / "tests" / "faults").glob("test_*.py")}
    assert files - {"tests/faults/test_index.py"} <= {path for path, _ in NAMED}
