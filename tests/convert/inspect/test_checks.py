from __future__ import annotations

import cv2
import numpy as np
import pytest

from convert.inspect.checks import (
    Groups,
    difference_hashes,
    digests,
    flipped,
    identical,
    light,
    near,
)
from convert.inspect.survey import summary, survey
from tests.convert.data import samples

FACES = samples.faces(30)


def test_identical_faces_are_grouped() -> None:
    faces = np.concatenate([FACES, FACES[[3, 3, 7]]])
    assert identical(faces).groups == ((3, 30, 31), (7, 32))
    assert identical(faces).surplus == 3


def test_mirror_images_are_grouped_and_copies_alone_are_not() -> None:
    faces = np.concatenate([FACES, FACES[[3]][:, :, ::-1], FACES[[7]]])
    assert flipped(*digests(faces)).groups == ((3, 30),)


def test_one_changed_pixel_is_not_identical() -> None:
    other = FACES[:1].copy()
    other[0, 5, 5] ^= 1
    assert identical(np.concatenate([FACES, other])).groups == ()


def test_groups_across_splits() -> None:
    groups = Groups(((0, 1), (2, 3)))
    assert groups.across(["train", "train", "train", "test"]) == ((2, 3),)


def test_a_brighter_noisier_recompressed_face_is_near_and_another_face_is_not() -> None:
    rng = np.random.default_rng(1)
    noisy = FACES[4] * 0.8 + 20 + rng.normal(0, 1, FACES[4].shape)
    jpeg = cv2.imencode(".jpg", noisy.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
    copy = cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE)
    hashes = difference_hashes(np.concatenate([FACES, copy[None]]))
    assert near(hashes, bits=3).groups == ((4, 30),)


def test_hashes_link_up_to_the_bits_allowed() -> None:
    hashes = np.array([0, 0b11, 0b1111 << 60], np.uint64)
    assert near(hashes, bits=2).groups == ((0, 1),)
    assert near(hashes, bits=1).groups == ()


def test_near_links_all_pairs_that_comparing_everything_finds() -> None:
    rng = np.random.default_rng(2)
    hashes = rng.integers(0, 2**63, 60, dtype=np.uint64)
    for i in range(0, 60, 3):  # two copies with up to two flipped bits each
        flips = np.uint64(1) << rng.integers(0, 64, 2).astype(np.uint64)
        hashes[i + 1] = hashes[i] ^ flips[0] ^ flips[1]
    pairs = {
        (i, j)
        for i in range(60)
        for j in range(i + 1, 60)
        if (int(hashes[i]) ^ int(hashes[j])).bit_count() <= 2
    }
    assert len(pairs) == 20
    assert set(near(hashes, bits=2).groups) == pairs


def test_blank_dark_and_bright_faces() -> None:
    faces = FACES[:4].copy()
    faces[0] = 77
    faces[1] = np.clip(faces[1] // 10, 0, 24)
    faces[2] = 255 - faces[2] // 12
    found = light(faces)
    assert (found.blank.tolist(), found.dark.tolist(), found.bright.tolist()) == ([0], [1], [2])
    assert found.mean[0] == pytest.approx(77)


def test_a_face_in_both_splits_is_reported(tmp_path) -> None:
    from convert.data import open_dataset

    found = summary(survey(open_dataset(samples.mosaic(tmp_path))))
    assert found["identical_across_splits"] == 1
    assert found["splits"]["train"]["angry"] == 6
    assert (found["faces"], found["raters"]) == (50, True)


def test_small_picture_files_are_tiny(tmp_path) -> None:
    from convert.data import open_dataset

    for name, side in (("happy/a.png", 20), ("happy/b.png", 64), ("sad/c.png", 48)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), samples.faces(1, side, seed=side)[0])
    data = open_dataset(tmp_path)
    assert [data.names[i] for i in survey(data).tiny] == ["happy/a.png"]
