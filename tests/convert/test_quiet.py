from __future__ import annotations

import os
import sys

import pytest

from convert.quiet import quiet


def chatter() -> None:
    os.write(1, b"native words\n")
    os.write(2, b"native complaint\n")
    print("python's words")
    print("python's complaint", file=sys.stderr)


def test_success_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        chatter()
    print("after")
    assert capfd.readouterr() == ("after\n", "")


def test_failure_shows_everything_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="why"), quiet():
        chatter()
        raise ValueError("why")
    out, err = capfd.readouterr()
    assert out == ""
    assert sorted(err.splitlines()) == [
        "native complaint", "native words", "python's complaint", "python's words",
    ]  # fmt: skip


def test_failure_shows_the_end_of_much(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="why"), quiet(tail=20):
        os.write(1, b"x" * 5000 + b"the last line")
        raise ValueError("why")
    err = capfd.readouterr().err
    assert err.endswith("the last line")
    assert len(err) == 20
