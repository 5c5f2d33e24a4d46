from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convert.detector.photos import KEPT_SOURCES, SURE, load_photos, person, split
from edge.errors import ConfigError, NoInputError
from tests.convert.data.samples import real_data
from tests.convert.detector.pictures import archive, peopled, portrait, scene


def test_photographs_come_with_their_own_faces(tmp_path: Path) -> None:
    one, two = scene(1), peopled(2)
    got = load_photos(archive(tmp_path / "a.npz", [one, two, two]))
    assert [len(p.faces) for p in got] == [0, 1, 1]
    np.testing.assert_array_equal(got[1].luma, two.luma)
    np.testing.assert_allclose(got[2].faces, two.faces)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match=r"none\.npz: no such file"):
        load_photos(tmp_path / "none.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"hello"])
def test_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="not an archive of photographs"):
        load_photos(path)


def test_another_archive(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", numbers=np.zeros(3))
    with pytest.raises(ConfigError, match=r"other\.npz"):
        load_photos(tmp_path / "other.npz")


def test_a_photograph_that_is_none(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", [scene(1)])
    with np.load(path) as z:
        parts = dict(z)
    parts["jpeg"] = np.zeros_like(parts["jpeg"])
    np.savez(path, **parts)
    with pytest.raises(ConfigError, match="scene001_0: not a picture"):
        load_photos(path)


def test_nobody_is_on_both_sides_and_the_split_stays() -> None:
    photos = [portrait(f"Person_{k // 3:03}_{k % 3:04}.jpg") for k in range(120)]
    train, held = split(photos)
    assert train and held and len(train) + len(held) == len(photos)
    assert not {person(p) for p in train} & {person(p) for p in held}
    again, _ = split(photos)
    assert [p.name for p in again] == [p.name for p in train]


def sourced(path: Path) -> Path:
    """An archive of two sources, with a place to ignore, as `photos/` has them."""
    photos = [peopled(1), scene(2), peopled(3)]
    archive(path, photos)
    with np.load(path) as z:
        parts = dict(z)
    parts["source"], parts["kind"] = np.array([0, 1, 1]), np.array([1, 0, 1])
    parts["sources"] = np.array(["one | someone/one @ abc | MIT", "two | someone/two @ def | -"])
    parts["kinds"] = np.array(["thing", "adult"])
    parts["ignore"] = np.array([[2, 100, 90, 20, 25]], np.float32)
    parts["faces"][:, -1] = 0.5
    np.savez(path, **parts)
    return path


def test_sources_kinds_and_places_to_ignore_are_read(tmp_path: Path) -> None:
    got = load_photos(sourced(tmp_path / "a.npz"))
    assert [p.source for p in got] == ["one", "two", "two"]
    assert [p.kind for p in got] == ["adult", "thing", "adult"]
    assert [len(p.faces) for p in got] == [1, 0, 2]
    assert got[0].faces[0, 14] >= SURE, "several looks agreed on it"
    assert got[2].faces[1, 14] == 0
    np.testing.assert_allclose(got[2].faces[1, :4], (100, 90, 20, 25))


def test_a_source_that_is_kept_out_is_held_out_whole(tmp_path: Path) -> None:
    train, held = split(load_photos(sourced(tmp_path / "a.npz")), kept=["two"])
    assert {p.source for p in train} <= {"one"}
    assert [p.source for p in held if p.source == "two"] == ["two", "two"]


@pytest.mark.slow
def test_how_many_people_are_held_out_in_one_archive_and_trained_on_in_another() -> None:
    """As docs/detector.md says of its figures: each archive is split by itself."""
    names = [real_data("lfw") / "lfw_faces.npz", real_data("photos") / "positives.npz"]
    (train, held), (others, held_others) = (split(load_photos(path)) for path in names)
    learnt, learnt_others = {person(p) for p in train}, {person(p) for p in others}
    by_chance = {person(p) for p in held_others if p.source not in KEPT_SOURCES}
    both = ({person(p) for p in held} & learnt_others) | (by_chance & learnt)
    assert len(both) == 33
    assert (sum(person(p) in learnt_others for p in held), len(held)) == (30, 757)
    celebrities = [person(p) in learnt for p in held_others if p.kind == "celebrity"]
    assert (sum(celebrities), len(celebrities)) == (56, 58)
