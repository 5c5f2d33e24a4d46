"""The second look from photographs to a folder that the device runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from convert.cli import main
from convert.detector.scores import Truth
from convert.refine.batches import SEEN, Batches, Recipe, central
from convert.refine.candidates import PATCH, Candidates, patch_of, proposed
from edge.crop import square
from edge.detect.refine import REACH
from edge.geometry import Box
from edge.messages import Face
from edge.model.manifest import find_model
from tests.convert.detector.pictures import archive, peopled, portrait, scene

STILL = Recipe(scale=0, shift=0, turn=0, light=0, noise=0, coarse=0, mix=(1, 1, 1, 1, 1))


class Fixed:
    """A detector that always answers the same."""

    def __init__(self, *faces: Face) -> None:
        self._faces = faces

    def configure(self, config: object, /) -> None:
        """Nothing to set."""

    def detect(self, luma: np.ndarray, /) -> tuple[Face, ...]:
        return self._faces


def candidates(rows: int = 1) -> Candidates:
    photo = portrait()
    b = Box(50, 36, 64, 84)  # the true one is at 48, 38
    truth = Truth(photo.faces[:, :14], np.zeros(1, bool))
    detector = Fixed(*(Face(b, 0.9) for _ in range(rows)), Face(Box(0, 0, 20, 20), 0.3))
    return proposed(detector, photo.luma, truth)


def test_what_is_proposed_is_a_face_none_or_left_out() -> None:
    photo = portrait()
    boxes = [
        (Box(50, 36, 64, 84), 1.0),
        (Box(0, 0, 30, 30), 0.0),
        (Box(66, 48, 64, 84), np.nan),  # between: overlap 0.44
    ]
    truth = Truth(photo.faces[:, :14], np.zeros(1, bool))
    got = proposed(Fixed(*(Face(b, 0.9) for b, _ in boxes)), photo.luma, truth)
    np.testing.assert_array_equal(got.face, [kind for _, kind in boxes])
    free = Truth(photo.faces[:, :14], np.ones(1, bool))
    got = proposed(Fixed(*(Face(b, 0.9) for b, _ in boxes)), photo.luma, free)
    assert got.face.tolist() == [0.0], "what touches an unsure face teaches nothing"


def test_targets_lie_on_the_face_in_the_patch_and_in_the_crop() -> None:
    c = candidates()
    left, top, side = square(Box(50, 36, 64, 84), 0.625)
    np.testing.assert_allclose(
        c.landmarks[0] * side / PATCH + (left, top), portrait().faces[0, 4:14].reshape(5, 2)
    )
    recipe = Recipe(**{**{f: getattr(STILL, f) for f in STILL.__slots__}, "size": 48})
    batches = Batches(c.take(np.array([0])), recipe)
    for seed in range(4):  # mirrored or not
        x, y = batches.draw(1, seed)
        points = (y["landmarks"].reshape(5, 2) * REACH + 0.5) * 48
        assert y["score"][0, 0] == 1
        for px, py in points[:2]:  # eyes are dark on a light face
            assert x[0, round(py - 0.5), round(px - 0.5), 0] < 80
        assert points[0, 0] < points[1, 0], "the person's right eye stays on the picture's left"


def test_turned_shifted_and_mirrored_the_landmarks_stay_on_the_face() -> None:
    batches = Batches(candidates().take(np.array([0])), Recipe(light=0, noise=0, coarse=0))
    x, y = batches.draw(40, 3)
    for crop, points in zip(x[..., 0], y["landmarks"].reshape(-1, 5, 2), strict=True):
        for px, py in ((points[:2] * REACH + 0.5) * 48 - 0.5).round().astype(int):
            if 1 <= px < 47 and 1 <= py < 47:
                assert crop[py - 1 : py + 2, px - 1 : px + 2].min() < 100


def test_the_middle_of_a_patch_is_the_crop_of_the_device() -> None:
    from edge.crop import crop_face

    rng = np.random.default_rng(1)
    luma = np.kron(rng.integers(0, 255, (20, 20)), np.ones((16, 16))).astype(np.uint8)
    box = Box(120, 100, 64, 64)
    device = crop_face(luma, box, 0.25, 48, 48)
    ours = central(patch_of(luma, box)[None], 48)[0]
    assert round(PATCH * SEEN) == 48
    assert np.abs(device.astype(int) - ours.astype(int)).mean() < 12


def test_batches_are_the_same_for_one_seed_and_mix_what_there_is() -> None:
    batches = Batches(candidates(), Recipe())
    (one, first), (two, second) = batches.draw(16, 5), batches.draw(16, 5)
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(first["score"], second["score"])
    assert set(first["score"].ravel()) == {0.0, 1.0}


def test_what_was_collected_is_taken_for_the_same_archives_in_the_same_roles(
    tmp_path: Path,
) -> None:
    from convert.refine.command import load, save
    from edge.errors import ConfigError

    kept, a, b = tmp_path / "candidates.npz", "aa", "bb"

    def of(*told: tuple[str, str, str]) -> dict[str, object]:
        rows = [dict(zip(("role", "name", "sha256"), row, strict=True)) for row in told]
        return {"archives": rows, "pictures": 30, "seed": 1}

    now = of(("portraits", "p.npz", a), ("scenes", "p.npz", b))
    for before in (now, {"p.npz": b, "pictures": 30, "seed": 1}):  # the second: of before roles
        save(kept, candidates(), made_from=before)
        assert len(load(kept, made_from=now)) == len(candidates())
        with pytest.raises(ConfigError, match="was collected with"):
            load(kept, made_from=of(("portraits", "p.npz", a), ("scenes", "p.npz", a)))
    save(kept, candidates(), made_from=now)
    with pytest.raises(ConfigError, match=r"with archives\[0\] .*'portraits', .* got .*'scenes', "):
        load(kept, made_from=of(("scenes", "p.npz", a), ("portraits", "p.npz", b)))


@pytest.mark.slow
def test_collect_train_go_on_quantise_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorflow")
    from convert.refine.quantize import Fitted
    from edge.detect.refine import Refiner
    from edge.model.manifest import load_manifest

    people = archive(tmp_path / "portraits.npz", [portrait(f"P{k}_1", seed=k) for k in range(32)])
    places = archive(
        tmp_path / "scenes.npz",
        [scene(k) for k in range(24)] + [peopled(k) for k in range(24)],
    )
    command = [
        "train-refine", "--portraits", str(people), "--scenes", str(places),
        "--pictures", "30", "--steps", "4", "--out", str(tmp_path / "run"),
    ]  # fmt: skip
    assert main([*command, "--epochs", "2"]) == 0
    assert main([*command, "--epochs", "3"]) == 78, "another plan in this folder"
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert main([*command, "--epochs", "2", "--steps", "5"]) == 78, "epochs of another length"
    assert json.loads((tmp_path / "run" / "run.json").read_text()) == record
    assert main([*command, "--epochs", "2", "--pictures", "31"]) == 78, "collected from others"
    swapped = [{"--portraits": "--scenes", "--scenes": "--portraits"}.get(a, a) for a in command]
    assert main([*swapped, "--epochs", "2"]) == 78, "collected with other roles"
    assert main([*command, "--epochs", "2"]) == 0
    assert [a["role"] for a in record["data"]["archives"]] == ["portraits", "scenes"]
    assert record["candidates"]["faces"] and record["candidates"]["none"]
    again = json.loads((tmp_path / "run" / "run.json").read_text())
    assert again == record

    out = tmp_path / "refine"
    quantise = [
        "quantize-refine",
        str(tmp_path / "run"),
        "--photos",
        str(places),
        "--out",
        str(out),
    ]
    assert main(quantise) == 65, "int8 is another network after so little training"
    monkeypatch.setattr("convert.refine.quantize.MOST_APART", {"score": 0.5, "landmarks": 0.5})
    assert main(quantise) == 78, "hardly anything is proposed in so few pictures"
    assert not out.exists()
    fitted = Fitted([0.5, 0.5, 0.0], {"faces": 1, "none": 1})
    monkeypatch.setattr("convert.refine.quantize.weigh", lambda *_: fitted)
    assert main([*quantise, "--onnx"]) == 0
    manifest = load_manifest(out)
    assert manifest.task == "refine" and (out / "model.onnx").is_file()
    assert manifest.provenance["onnx"]["largest_shift"] < 1e-4  # type: ignore[index]  # JSON
    again = ["quantize-refine", str(out), "--candidates", str(tmp_path / "run" / "candidates.npz")]
    assert main([*again, "--photos", str(places), "--out", str(tmp_path / "again")]) == 0
    found = [Face(Box(50, 36, 64, 84), 0.9)]
    (face,) = Refiner(out).look(portrait().luma, found)
    assert Refiner(tmp_path / "again").look(portrait().luma, found) == [face]
    assert face.landmarks is not None and np.isfinite(face.landmarks).all()


@pytest.mark.slow
def test_both_networks_have_a_say_in_the_score(tmp_path: Path, data: Path) -> None:
    """The shipped pair, on held-out photographs of streets and people."""
    pytest.importorskip("sklearn")
    from convert.detector.photos import load_photos, split
    from convert.refine.quantize import weigh

    folder = tmp_path / "refine"
    shutil.copytree(find_model("refine"), folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["decode"]["score"] = [0, 1, 0]  # its own logit
    (folder / "manifest.json").write_text(json.dumps(manifest))
    fitted = weigh(folder, "face", split(load_photos(data / "scenes" / "scenes.npz"))[1])
    assert min(fitted.counts.values()) >= 20
    assert fitted.score[0] > 0 and fitted.score[1] > 0


def test_archives_that_are_none_are_named_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("keras")
    torn = tmp_path / "torn.npz"
    torn.write_bytes(b"PK\x03\x04")
    out = str(tmp_path / "run")
    for name, code, said in (("gone.npz", 66, "no such file"), ("torn.npz", 78, "torn.npz: ")):
        path = str(tmp_path / name)
        assert main(["train-refine", "--portraits", path, "--scenes", path, "--out", out]) == code
        [line] = capsys.readouterr().err.splitlines()
        assert path in line and said in line
