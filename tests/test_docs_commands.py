"""Every command line of ours in the documentation is one that the program takes."""

from __future__ import annotations

import re
import shlex
import string

import pytest

import convert.cli
import edge.cli
from tests.conftest import ROOT

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("models/*/README.md")]
PARSERS = {"emotion-edge": edge.cli.parser, "emotion-convert": convert.cli.parser}


def shown() -> list[str]:
    """The lines of all code blocks, fenced or indented, that call one of the programs.

    What a page assigned to a variable of the shell before stands in the variable's place.
    """
    found = set()
    for page in PAGES:
        text = page.read_text().replace("\\\n", " ")
        variables: dict[str, str] = {}  # of the shell, as the page sets them
        for line in text.splitlines():
            line = re.sub(r"^(\$ )?(sudo )?(\.venv/bin/)?", "", line.strip())
            if assigned := re.fullmatch(r'([A-Z_]+)="([^"$]*)"', line):
                variables[assigned[1]] = assigned[2]
            if re.match(r"emotion-(edge|convert) [a-z-]", line):
                found.add(" ".join(string.Template(line).safe_substitute(variables).split()))
    return sorted(found)


def test_there_are_some() -> None:
    assert len(shown()) > 20


@pytest.mark.parametrize("line", shown())
def test_the_program_takes_it(line: str) -> None:
    program, *arguments = shlex.split(re.sub(r" [|>] .*", "", line), comments=True)
    try:
        PARSERS[program]().parse_args(arguments)
    except SystemExit as e:
        assert e.code == 0, line
