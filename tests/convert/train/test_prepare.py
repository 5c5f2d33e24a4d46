from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convert.data import open_dataset
from convert.data.dataset import Dataset
from convert.train.expected import expected_labels
from convert.train.holdout import as_trained
from convert.train.prepare import class_weights, pixel_keys, prepare, targets_of
from tests.convert.data.samples import faces, kaggle, mosaic, real_data


def dataset(pixels: np.ndarray, labels: list[int], splits: list[str]) -> Dataset:
    return Dataset(
        classes=("a", "b"),
        names=tuple(map(str, range(len(pixels)))),
        splits=tuple(splits),
        size=(48, 48),
        loader=lambda idx: pixels[idx],
        labels=np.array(labels, np.int64),
    )


def test_a_training_face_identical_to_a_test_face_is_left_out(tmp_path: Path) -> None:
    data = open_dataset(mosaic(tmp_path))  # its first test face is its first training face
    train, choose, counts = prepare(data, votes=1, holdout=0.3)
    assert counts.identical_to_test == 1
    assert counts.train + counts.validation == 39
    tested = set(pixel_keys(data.split("public_test").faces()))
    assert not tested & set(pixel_keys(train.faces))
    assert not tested & set(pixel_keys(choose.faces))


def test_one_changed_pixel_makes_another_face() -> None:
    a = faces(1)
    b = a.copy()
    b[0, 0, 0] ^= 1
    assert pixel_keys(a) != pixel_keys(b)


def test_identical_faces_are_held_out_together() -> None:
    pixels = np.concatenate([faces(60), faces(60)])
    data = dataset(pixels, [0, 1] * 60, ["train"] * 120)
    train, choose, _ = prepare(data, holdout=0.3)
    assert not set(pixel_keys(train.faces)) & set(pixel_keys(choose.faces))
    assert 10 < len(choose.faces) < 70


def test_the_order_of_the_data_does_not_change_what_is_held_out() -> None:
    data = dataset(faces(80), [0, 1] * 40, ["train"] * 80)
    turned = data.select(np.arange(80)[::-1].astype(np.intp))
    one, other = (set(pixel_keys(prepare(d, holdout=0.2)[1].faces)) for d in (data, turned))
    assert one == other


def people(pixels: np.ndarray, names: list[str]) -> Dataset:
    n = len(pixels)
    return replace(dataset(pixels, [0, 1] * (n // 2), ["train"] * n), groups=tuple(names))


def test_a_person_is_either_learnt_from_or_held_out() -> None:
    names = [f"p{i % 20}" for i in range(200)]
    pixels = faces(200)
    train, choose, counts = prepare(people(pixels, names), holdout=0.3)
    who = dict(zip(pixel_keys(pixels), names, strict=True))
    learnt, held = ({who[k] for k in pixel_keys(part.faces)} for part in (train, choose))
    assert learnt | held == set(names) and not learnt & held
    assert len(held) == 6
    assert (len(train.faces) + len(choose.faces), counts.held_out_by) == (200, "person")


def test_identical_faces_of_two_people_are_not_both_learnt_and_chosen_by() -> None:
    names = [f"p{i % 20}" for i in range(200)]
    pixels = np.concatenate([faces(100), faces(100)[::-1]])  # each is there twice, of two people
    train, choose, counts = prepare(people(pixels, names), holdout=0.3)
    assert not set(pixel_keys(train.faces)) & set(pixel_keys(choose.faces))
    assert counts.identical_to_validation == 200 - len(train.faces) - len(choose.faces) > 0


@pytest.mark.parametrize("holdout", [0.001, 0.999])
def test_of_few_people_there_is_one_on_each_side(holdout: float) -> None:
    data = people(faces(40), [name for name in ("Ann", "Bob", "Cem", "Dea") for _ in range(10)])
    train, choose, _ = prepare(data, holdout=holdout)
    assert {len(train.faces), len(choose.faces)} == {10, 30}


def test_of_one_person_and_of_nobody_known_faces_are_held_out_as_ever() -> None:
    pixels = faces(80)
    usual = prepare(dataset(pixels, [0, 1] * 40, ["train"] * 80), holdout=0.2)
    for names in (["Ann"] * 80, [""] * 80):
        found = prepare(people(pixels, names), holdout=0.2)
        assert found[0].digest() == usual[0].digest() and found[1].digest() == usual[1].digest()
        assert found[2] == usual[2] and found[2].held_out_by == "face"
    some = prepare(people(pixels, ["Ann", "Bob"] + [""] * 78), holdout=0.2)[1]
    others = set(pixel_keys(pixels[2:]))
    unknown = [set(pixel_keys(part.faces)) & others for part in (some, usual[1])]
    assert unknown[0] == unknown[1], "whom nobody knows is held out by the face"


def test_a_record_that_knows_no_people_is_believed() -> None:
    data = people(faces(40), ["Ann", "Bob", "Cem", "Dea"] * 10)
    assert as_trained(data, {}).groups == data.groups, "no record: as `train` does now"
    assert as_trained(data, {"data": {"held_out_by": "person"}}).groups == data.groups
    for record in ({"recipe": {}}, {"data": {"train": 30}}, {"data": {"held_out_by": "face"}}):
        assert as_trained(data, record).groups is None


def test_a_validation_split_is_what_is_chosen_by() -> None:
    data = dataset(faces(10), [0, 1] * 5, ["train"] * 7 + ["validation"] * 3)
    train, choose, counts = prepare(data)
    assert (len(train.faces), len(choose.faces), counts.validation) == (7, 3, 3)


def test_a_training_face_identical_to_a_validation_face_is_left_out() -> None:
    pixels = faces(12)
    pixels[[0, 1, 2]] = pixels[[8, 9, 11]]  # of validation, of both, and of test
    pixels[10] = pixels[9]
    splits = ["train"] * 8 + ["validation"] * 2 + ["test"] * 2
    train, choose, counts = prepare(dataset(pixels, [0, 1] * 6, splits))
    assert (counts.identical_to_validation, counts.identical_to_test) == (1, 2)
    assert (len(train.faces), len(choose.faces)) == (5, 2)
    assert not set(pixel_keys(train.faces)) & set(pixel_keys(choose.faces))


def test_targets_between_votes_and_labels(tmp_path: Path) -> None:
    data = open_dataset(mosaic(tmp_path)).split("train")
    hard, _ = targets_of(data, votes=0)
    soft, _ = targets_of(data, votes=1)
    mixed, usable = targets_of(data, votes=0.25, smoothing=0.1)
    np.testing.assert_allclose(mixed, 0.9 * (0.75 * hard + 0.25 * soft) + 0.1 / 7, atol=1e-6)
    np.testing.assert_allclose(mixed.sum(axis=1), 1, atol=1e-6)
    assert usable.all()


def test_expected_labels_learn_what_votes_mean(tmp_path: Path) -> None:
    data = open_dataset(mosaic(tmp_path, n=140, n_test=1)).split("train")
    assert data.labels is not None
    sure = data.vote_distribution().max(axis=1) == 1  # every other face: all ten raters agree
    data.labels[sure] = (data.labels[sure] + 1) % 7  # they mean the next class
    expected = expected_labels(data)
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)
    assert (expected.argmax(axis=1) == data.labels)[sure].all()
    half, _ = targets_of(data, votes=0, expected=0.5)
    hard, _ = targets_of(data, votes=0)
    np.testing.assert_allclose(half, 0.5 * hard + 0.5 * expected, atol=1e-6)


def test_a_face_that_nobody_voted_for_is_not_learnt_from(tmp_path: Path) -> None:
    data = open_dataset(mosaic(tmp_path))
    assert data.votes is not None
    data.votes[1] = 0
    _, _, counts = prepare(data, votes=1, holdout=0.3)
    assert counts.without_target == 1
    assert counts.train + counts.validation == 38


def test_votes_asked_for_and_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no raters' votes"):
        prepare(open_dataset(kaggle(tmp_path)), votes=1)


def test_nothing_to_train_on() -> None:
    with pytest.raises(ValueError, match="0 faces to train on and 0 to choose by"):
        prepare(dataset(faces(2), [0, 1], ["test"] * 2))


def test_balanced_classes_weigh_alike() -> None:
    targets = np.eye(2, dtype=np.float32)[[0] * 9 + [1]]
    np.testing.assert_allclose(targets @ class_weights(targets, 0), 1)
    weight = targets @ class_weights(targets, 1)
    assert weight[:9].sum() == pytest.approx(weight[9:].sum())
    assert weight.mean() == pytest.approx(1)


def test_faces_of_more_raters_weigh_more(tmp_path: Path) -> None:
    data = open_dataset(mosaic(tmp_path))
    assert data.votes is not None
    data.votes[:20] *= 0.5
    train, _, _ = prepare(data, votes=1, holdout=0.3)
    assert sorted(set(np.round(train.weights / train.weights.max(), 3))) == [0.5, 1]


def test_a_digest_sees_every_change(tmp_path: Path) -> None:
    data = open_dataset(mosaic(tmp_path))
    digests = {prepare(data, votes=v, holdout=0.3)[0].digest() for v in (0, 0.5, 1)}
    assert len(digests) == 3


def test_the_real_data_has_faces_in_both_parts() -> None:
    _, _, counts = prepare(open_dataset(real_data("fer2013")), votes=1)
    assert counts.identical_to_test == 340
    assert (counts.train, counts.validation) == (26796, 1415)
