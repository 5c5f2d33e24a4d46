"""Reading faces with their labels, and cutting training crops out of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convert.state.augment import MIRROR, Batches, Recipe, cut, with_eyes_of
from convert.state.cover import eye_of, with_eyes
from convert.state.faces import PATCH, Faces, held_out, person, read_faces
from convert.state.material import CONDITIONS, central, judged, narrowed, under
from convert.state.outputs import EYE_LEFT, EYE_RIGHT, MOUTH, SCALES, YAW, N
from edge.errors import ConfigError, NoInputError
from tests.convert.state.samples import data_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data_folder(tmp_path_factory.mktemp("data") / "data")


@pytest.fixture(scope="module")
def faces(folder: Path) -> Faces:
    return read_faces(folder, folder / "photo_labels.npz")


def test_all_archives_are_read(faces: Faces) -> None:
    assert set(faces.source) == {
        "lfw", "keypoints", "closed_eyes", "yawn", "utkface", "masks_chandrika"
    }  # fmt: skip
    assert faces.patches.shape == (len(faces), PATCH, PATCH)
    shut = faces.values[faces.source == "closed_eyes"]
    assert (shut[:, [EYE_LEFT, EYE_RIGHT]] == 0).all()
    covered = faces.values[faces.source == "masks_chandrika"]
    assert np.isnan(covered[:, MOUTH]).all()
    # The box's longer side, 52 pixels, is half of a patch: an eye 8 pixels left of its middle.
    eye = faces.landmarks[faces.source == "lfw"][0, 0]
    np.testing.assert_allclose(eye, [64 - 8 * 64 / 52, 64 - 8 * 64 / 52], atol=1)


def test_nobody_is_on_both_sides(faces: Faces) -> None:
    held = held_out(faces)
    assert 0 < held.sum() < len(faces)
    assert held[np.isin(faces.source, ["yawn", "masks_chandrika"])].all()
    assert not {person(n) for n in faces.name[held]} & {person(n) for n in faces.name[~held]}
    calibrating = {str(n) for n in judged(faces, calibrating=True).name}
    assert not calibrating & {str(n) for n in judged(faces).name}


def test_a_film_is_trained_on_whole_though_its_source_is_kept(faces: Faces) -> None:
    few = faces.take(np.flatnonzero(faces.source == "yawn")[:3])
    few.name[:] = ["Yawning_mp4-0037_jpg yawn", "Yawning_mp4-0134_jpg", "yt-M3-0017_jpg yawn"]
    assert held_out(few).tolist() == [False, False, True]


def test_teachers_that_disagree_are_left_out(tmp_path: Path) -> None:
    folder = data_folder(tmp_path / "data", n=8)
    path = folder / "state" / "lfw_state.npz"
    told = dict(np.load(path))
    told["pose_net"][:3, 0] += 40
    np.savez(path, **told)
    assert (read_faces(folder).source == "lfw").sum() == 5


def test_a_missing_or_broken_archive_is_named(tmp_path: Path) -> None:
    folder = data_folder(tmp_path / "data", n=8)
    (folder / "drivers" / "yawn.npz").write_bytes(b"no archive")
    with pytest.raises(ConfigError, match=r"yawn\.npz: not an archive with"):
        read_faces(folder)
    (folder / "drivers" / "yawn.npz").unlink()
    with pytest.raises(NoInputError, match=r"yawn\.npz: no such file"):
        read_faces(folder)


def test_batches_are_crops_with_scaled_values(faces: Faces) -> None:
    x, y = Batches(faces.take(~held_out(faces)), Recipe(size=32), seed=1).draw(40)
    assert x.shape == (40, 32, 32, 1)
    assert y.shape == (40, N)
    assert x.min() >= 0 and x.max() <= 255
    shares = y[:, 3:] * SCALES[3:]
    assert ((shares >= 0) & (shares <= 1)).all()


def test_the_same_seed_draws_the_same(faces: Faces) -> None:
    one, two = (Batches(faces, Recipe(size=32), seed=4).draw(6) for _ in range(2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_a_crop_that_is_not_turned_is_that_of_the_device(faces: Faces) -> None:
    own = cut(faces.patches[0], 0.0, 1.0, (0.0, 0.0), 64)
    device = central(faces.patches[:1], 64)[0]
    assert np.abs(own.astype(int) - device).max() <= 1


def test_a_turn_is_clockwise(faces: Faces) -> None:
    patch = np.zeros((PATCH, PATCH), np.uint8)
    patch[34:42, 60:68] = 255  # above the middle
    turned = cut(patch, 45.0, 1.0, (0.0, 0.0), 64)
    _, x = np.argwhere(turned > 128).mean(axis=0)
    assert x > 40  # to the right


@pytest.mark.parametrize(
    ("yaw", "theirs", "expected"),
    [
        (5.0, -20.0, (0.9, 0.1)),  # both about ahead, to two sides: mirrored
        (30.0, 20.0, (0.1, 0.9)),
        (30.0, -20.0, (0.9, 0.1)),
        (30.0, 10.0, (0.5, 0.5)),  # too different: nothing is done
    ],
)
def test_eyes_come_from_heads_that_are_turned_alike(
    faces: Faces, yaw: float, theirs: float, expected: tuple[float, float]
) -> None:
    two = faces.take(np.flatnonzero(faces.source == "lfw")[:2])
    two.values[:, YAW] = yaw, theirs
    two.values[1, [EYE_LEFT, EYE_RIGHT]] = 0.1, 0.9
    values = two.values[0].copy()
    values[[EYE_LEFT, EYE_RIGHT]] = 0.5
    before = two.patches[0]
    after = with_eyes_of(two, 1, before, two.landmarks[0], values)
    assert tuple(values[[EYE_LEFT, EYE_RIGHT]]) == pytest.approx(expected)
    assert (after is before) == (expected == (0.5, 0.5))


def test_eyes_of_the_other_side_are_mirror_images(faces: Faces) -> None:
    two = faces.take(np.flatnonzero(faces.source == "lfw")[:2])
    two.values[:, YAW] = 15, 15
    there = with_eyes_of(two, 1, two.patches[0], two.landmarks[0], two.values[0].copy())
    two.values[1, YAW] = -15
    two.patches[1] = two.patches[1][:, ::-1]
    two.landmarks[1] = two.landmarks[1][MIRROR]
    two.landmarks[1, :, 0] = PATCH - 1 - two.landmarks[1, :, 0]
    back = with_eyes_of(two, 1, two.patches[0], two.landmarks[0], two.values[0].copy())
    assert np.abs(there.astype(int) - back).mean() < 1


def test_landmarks_of_a_mirror_image_are_in_their_order(faces: Faces) -> None:
    points = faces.landmarks[0][MIRROR].copy()
    points[:, 0] = PATCH - points[:, 0]
    assert points[0, 0] < points[1, 0]  # the person's right eye is left in the picture


def test_eyes_are_put_where_they_were(faces: Faces) -> None:
    patch, points = faces.patches[0], faces.landmarks[0]
    eyes = (eye_of(patch, points, 0), eye_of(patch, points, 1))
    again = with_eyes(patch, points, eyes)
    assert np.abs(again.astype(int) - patch).mean() < 3


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions_change_the_crop_and_not_its_size(faces: Faces, condition: str) -> None:
    few = faces.take(np.arange(3))
    crops = under(few, condition, 48)
    assert crops.shape == (3, 48, 48)
    assert (condition == "as they are") == bool((crops == central(few.patches, 48)).all())


def test_a_narrower_face_has_less_detail(faces: Faces) -> None:
    few = faces.take(np.arange(3))
    fine, coarse = narrowed(few, 40, 64), narrowed(few, 10, 64)
    assert np.abs(np.diff(coarse.astype(int))).mean() < np.abs(np.diff(fine.astype(int))).mean()
