"""Whether a training may go on in a folder: not with what would make it another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from convert.detector.archives import ARCHIVES, archives_of, first_difference
from convert.detector.checkpoint import RECORD, STATE, check_same_run
from edge.errors import ConfigError
from edge.model.manifest import sha256_of


def record(data: dict[str, Any] | None = None, **plan: object) -> dict[str, Any]:
    return {"shape": {}, "recipe": {}, "data": data or {}, "plan": {"seed": 1, **plan}}


def begun(folder: Path, record: dict[str, Any]) -> None:
    (folder / STATE).touch()
    (folder / RECORD).write_text(json.dumps(record))


def test_steps_are_free_where_they_are_all_there_is(tmp_path: Path) -> None:
    begun(tmp_path, record(steps=4))
    check_same_run(tmp_path, record(steps=5))
    with pytest.raises(ConfigError, match=r"plan\.steps 4; got 5; allowed: the same"):
        check_same_run(tmp_path, record(steps=5), free=())
    check_same_run(tmp_path, record(steps=4), free=())
    with pytest.raises(ConfigError, match=r"plan\.seed 1; got 2"):
        check_same_run(tmp_path, record(steps=4) | {"plan": {"seed": 2}}, free=("steps",))


def archives(folder: Path) -> dict[str, Path]:
    """Two archives of one name, and another."""
    paths = {}
    for place, name in (("home", "photos"), ("office", "photos"), ("home", "faces")):
        paths[f"{place} {name}"] = path = folder / place / f"{name}.npz"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{place} {name}")
    return paths


def test_archives_have_a_role_a_name_and_a_sum_in_their_order(tmp_path: Path) -> None:
    home, office, faces = archives(tmp_path).values()
    told = archives_of({"portraits": [faces], "scenes": [office, home, tmp_path / "none.npz"]})
    assert [(a["role"], a["name"]) for a in told] == [
        ("portraits", "faces.npz"), ("scenes", "photos.npz"), ("scenes", "photos.npz"),
    ]  # fmt: skip
    assert [a["sha256"] for a in told] == [sha256_of(p) for p in (faces, office, home)]


def test_other_archives_roles_and_orders_are_another_run(tmp_path: Path) -> None:
    home, office, faces = archives(tmp_path).values()

    def of(portraits: list[Path], scenes: list[Path]) -> dict[str, Any]:
        return record({ARCHIVES: archives_of({"portraits": portraits, "scenes": scenes})})

    begun(tmp_path, of([faces], [home, office]))
    check_same_run(tmp_path, of([faces], [home, office]))
    for other in (
        of([faces], [office]), of([faces], [home]), of([faces], [office, home]),
        of([home], [faces, office]), of([faces, home], [office]),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=r"data\.archives\[\d\] "):
            check_same_run(tmp_path, other)


def test_a_run_begun_before_archives_had_roles_goes_on_with_the_same(tmp_path: Path) -> None:
    home, office, faces = archives(tmp_path).values()
    one, two, three = (sha256_of(p) for p in (home, office, faces))
    begun(tmp_path, record({"photos.npz": one, "faces.npz": three, "from weights.npz": "0"}))

    def of(portraits: list[Path], scenes: list[Path], start: str = "0") -> dict[str, Any]:
        told = archives_of({"portraits": portraits, "scenes": scenes})
        return record({ARCHIVES: told, "from weights.npz": start})

    check_same_run(tmp_path, of([faces], [home]))
    check_same_run(tmp_path, of([faces], [home, faces, office]))  # of one name, one was kept
    with pytest.raises(ConfigError, match=rf"data\.photos\.npz '{one}'; got '{two}'"):
        check_same_run(tmp_path, of([faces], [office]))
    with pytest.raises(ConfigError, match=r"data\.faces\.npz '\w+'; got None"):
        check_same_run(tmp_path, of([home], [home]))
    with pytest.raises(ConfigError, match=r"data\.from weights\.npz '0'; got '1'"):
        check_same_run(tmp_path, of([faces], [home], start="1"))


def test_the_first_archive_that_differs_is_told(tmp_path: Path) -> None:
    home, office, faces = archives(tmp_path).values()
    told = archives_of({"portraits": [faces], "scenes": [home, office]})
    assert first_difference({ARCHIVES: told}, {ARCHIVES: told}) is None
    apart = first_difference({ARCHIVES: told}, {ARCHIVES: told[:2]})
    assert apart == ("archives[2]", told[2], None)
    assert first_difference({"lfw/lfw_faces.npz": "0"}, {"lfw/lfw_faces.npz": "0"}) is None
