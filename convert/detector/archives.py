"""What a training was made from, as its record tells it, and whether another is made from that."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from edge.model.manifest import sha256_of

ARCHIVES = "archives"  # key of a record's data


def archives_of(by_role: Mapping[str, Sequence[Path]]) -> list[dict[str, str]]:
    """Return role, name and SHA-256 of each archive that is there, in the order given."""
    given = [(role, path) for role, paths in by_role.items() for path in paths]
    sums = {path: sha256_of(path) for path in {p for _, p in given} if path.is_file()}
    return [
        {"role": role, "name": path.name, "sha256": sums[path]}
        for role, path in given
        if path in sums
    ]


def first_difference(
    before: Mapping[str, Any], now: Mapping[str, Any], free: Collection[str] = ()
) -> tuple[str, object, object] | None:
    """Return the first key at which a part of two records differs, and its two values, or None.

    Args:
        before: the plan of a run, its data or the like, out of its record. At first archives had no
            roles there, but each name its SHA-256; of several of one name, one was kept. That is
            no difference.
        now: the same of the run that is to go on.
        free: keys that may differ.
    """
    if ARCHIVES in now and ARCHIVES not in before:
        now = _without_roles(now, before)
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if old == new or key in free:
            continue
        if key == ARCHIVES and isinstance(old, list) and isinstance(new, list):
            pairs = enumerate(zip_longest(old, new))
            return next((f"{key}[{i}]", a, b) for i, (a, b) in pairs if a != b)
        return key, old, new
    return None


def _without_roles(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    named: dict[str, list[str]] = {}
    for archive in now[ARCHIVES]:
        named.setdefault(archive["name"], []).append(archive["sha256"])
    told = {
        name: before[name] if before.get(name) in sums else sums[0] for name, sums in named.items()
    }
    return {**{key: value for key, value in now.items() if key != ARCHIVES}, **told}
