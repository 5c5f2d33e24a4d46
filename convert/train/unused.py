"""Options that do nothing beside the others: refused, so that no record says that they worked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from edge.errors import UsageError

TEACHER_WEIGHT = 0.5  # unless told otherwise; a run's file has it without a teacher too


def check_used(config: Mapping[str, Any], given: Collection[str]) -> list[str]:
    """Refuse what does nothing; return what of it is only said, because a file alone says it.

    The file of an earlier run that had such an option makes the same run again.

    Args:
        config: every option's value; `votes` is None where the data is to decide.
        given: the options that are on the command line.

    Raises:
        UsageError: an option on the command line does nothing, or makes another do nothing; all
            are named.
    """
    found = _unused(config)
    refused = [words for options, words in found if any(name in given for name in options)]
    if refused:
        raise UsageError("\n".join(refused))
    return [words for _, words in found]


def _unused(config: Mapping[str, Any]) -> list[tuple[tuple[str, ...], str]]:
    """Return the options that do not go together, each time with the words to refuse them."""
    c = config
    out: list[tuple[tuple[str, ...], str]] = []
    if c["expected"] > 0 and c["votes"] == 1:
        words = f"--expected: got {c['expected']:g} where votes alone are learnt, not labels"
        out.append((("expected", "votes"), f"{words}; allowed: with --votes below 1"))
    if c["teacher_weight"] != TEACHER_WEIGHT and not c["teacher"]:
        words = f"--teacher-weight: got {c['teacher_weight']:g} without --teacher"
        out.append((("teacher_weight", "teacher"), f"{words}; allowed: with one"))
    if c["weights"] and c["from"]:
        words = f"--weights: got {c['weights']} beside --from, whose weights take their place"
        out.append((("weights", "from"), f"{words}; allowed: one of the two"))
    return out
