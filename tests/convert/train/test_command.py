"""`train` as it is called, on small networks and few faces."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from convert.cli import main
from convert.files import alone_in
from tests.convert.data.samples import faces, mosaic, write_rows
from tests.convert.detector.pictures import archive, portrait
from tests.convert.train.networks import need_keras

need_keras()
import keras  # noqa: E402 - only where there is a backend

from convert import arch  # noqa: E402
from convert.load import load_float  # noqa: E402
from convert.train import loop  # noqa: E402
from convert.train.begin import freeze_below_head  # noqa: E402
from convert.train.recipe import Recipe  # noqa: E402

pytestmark = pytest.mark.slow
TINY = ("--arch", "mini_xception", "--epochs", "1", "--warmup", "0", "--batch", "8",
        "--size", "32x32", "--holdout", "0.3")  # fmt: skip


def folders(root: Path, classes: dict[str, int], split: str = "train", *, seed: int = 10) -> Path:
    for k, (name, n) in enumerate(classes.items()):
        folder = root / split / name
        folder.mkdir(parents=True)
        for i, face in enumerate(faces(n, seed=seed + k)):
            cv2.imwrite(str(folder / f"{i}.png"), face)
    return root


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data set of seven emotions, and a run of one epoch on it."""
    root = tmp_path_factory.mktemp("seven")
    data, out = mosaic(root / "data", n=48), root / "run"
    assert main(["train", str(data), "--out", str(out), *TINY]) == 0
    return data, out


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folders(
        tmp_path_factory.mktemp("four"),
        {"angry": 14, "happy": 14, "sad": 14, "surprised a lot": 14},
    )


@pytest.fixture
def fails(capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def call(code: int, *argv: str | Path) -> str:
        capfd.readouterr()
        assert main([str(a) for a in argv]) == code
        words = capfd.readouterr()
        assert "Traceback" not in words.err
        return words.err

    return call


def record(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "train.json").read_text())
    return content


def test_a_run_says_what_it_learnt_and_how_to_do_it_again(
    seven: tuple[Path, Path], tmp_path: Path
) -> None:
    _, out = seven
    said = record(out)
    assert said["labels"] == ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    assert sum(said["prior"].values()) == pytest.approx(1, abs=1e-4)
    assert said["recipe"]["size"] == [32, 32]  # mosaics are resized as pictures are
    assert sorted(p.name for p in out.iterdir()) == [
        ".lock", "curves.csv", "curves.png", "model.keras", "run.toml", "state.npz", "train.json",
    ]  # fmt: skip
    again = tmp_path / "again"
    assert main(["train", "--config", str(out / "run.toml"), "--out", str(again)]) == 0
    a, b = (keras.saving.load_model(f / "model.keras", compile=False) for f in (out, again))
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


def test_other_classes_get_another_head_and_known_ones_keep_theirs(
    seven: tuple[Path, Path], four: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _, begun = seven
    # So small a rate that nothing moves.
    argv = ("--from", str(begun), "--freeze", "--rate", "1e-12", "--averaging", "0")
    assert main(["train", str(four), "--out", str(tmp_path / "own"), *TINY, *argv]) == 0
    words = capfd.readouterr().err
    assert "its head of 7 classes is replaced: angry, happy, sad keep theirs" in words
    assert "surprised a lot begin at random" in words
    before = load_float(begun / "model.keras")
    after = load_float(tmp_path / "own" / "model.keras")
    assert after.labels == ("angry", "happy", "sad", "surprised a lot")
    old, new = before.network.get_weights(), after.network.get_weights()
    changed = [a.shape for a, b in zip(old, new, strict=True) if a.shape != b.shape]
    assert changed == [(3, 3, 128, 7), (7,)]
    kernels = (
        [w for w in old if w.shape == (3, 3, 128, 7)],
        [w for w in new if w.shape == (3, 3, 128, 4)],
    )
    np.testing.assert_allclose(kernels[0][0][..., [0, 3, 4]], kernels[1][0][..., :3], atol=1e-6)
    assert record(tmp_path / "own")["begun_from"]["name"].endswith("run/model.keras")


def test_a_frozen_body_does_not_change_and_its_head_does() -> None:
    network = arch.build("mini_xception", (32, 32), 7)
    freeze_below_head(network)
    assert [tuple(v.shape) for v in network.trainable_variables] == [(3, 3, 128, 7), (7,)]
    assert len(network.weights) == len(arch.build("mini_xception", (32, 32), 7).weights)


def test_a_finished_run_keeps_its_record(
    seven: tuple[Path, Path], tmp_path: Path, fails: Callable[..., str]
) -> None:
    data, out = seven
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    assert "already finished" in fails(0, "train", data, "--out", out, *TINY)
    for more in (("--from", out / "model.keras"), ("--seed", "5"), ("--epochs", "2")):
        words = fails(65, "train", data, "--out", out, *TINY, *more)
        assert "state.npz: was made with " in words
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    said = fails(0, "train", data, "--out", out, *TINY, "--test")
    assert "already finished" in said
    assert re.search(r"^public_test: loss \d+\.\d{4}, accuracy [01]\.\d{4}", said, re.M)
    assert record(out)["test"]["split"] == "public_test"


def test_a_run_whose_rate_does_not_know_its_end_may_end_later(
    seven: tuple[Path, Path], tmp_path: Path, fails: Callable[..., str]
) -> None:
    out = tmp_path / "out"
    argv = ("train", seven[0], "--out", out, *TINY, "--schedule", "constant")
    fails(0, *argv)
    first = (out / "model.keras").read_bytes()
    assert "going on after epoch 1 of 2" in fails(0, *argv, "--epochs", "2")
    assert record(out)["recipe"]["epochs"] == 2
    assert len((out / "curves.csv").read_text().splitlines()) == 1 + 2
    assert (out / "model.keras").read_bytes() != first
    again = tmp_path / "again"
    fails(0, "train", seven[0], "--out", again, *TINY, "--schedule", "constant", "--epochs", "2")
    assert record(again)["recipe"] == record(out)["recipe"]
    curves = [(d / "curves.csv").read_text().splitlines()[2].split(",")[:-1] for d in (out, again)]
    assert curves[0] == curves[1]  # but for the seconds
    assert "already finished" in fails(0, *argv, "--epochs", "2")
    assert "state.npz: has 2 epochs; --epochs: at least" in fails(65, *argv)
    (out / "train.json").unlink()  # as a kill after the last epoch leaves it
    assert "going on after epoch 2 of 2" in fails(0, *argv, "--epochs", "2")
    assert record(out)["recipe"]["epochs"] == 2


def test_classes_of_other_names_are_another_training(
    tmp_path: Path, fails: Callable[..., str]
) -> None:
    data = folders(tmp_path / "data", {"cat": 14, "dog": 14})
    out = tmp_path / "out"
    fails(0, "train", data, "--out", out, *TINY)
    (data / "train" / "dog").rename(data / "train" / "hound")
    words = fails(65, "train", data, "--out", out, *TINY)
    assert "state.npz: was made with classes = ['cat', 'dog'], not ['cat', 'hound']" in words
    assert record(out)["labels"] == ["cat", "dog"]


def test_other_validation_faces_are_another_training(
    tmp_path: Path, fails: Callable[..., str]
) -> None:
    data = folders(tmp_path / "data", {"cat": 14, "dog": 14})
    folders(data, {"cat": 4, "dog": 4}, "validation", seed=70)
    out = tmp_path / "out"
    fails(0, "train", data, "--out", out, *TINY)
    assert "already finished" in fails(0, "train", data, "--out", out, *TINY)
    cv2.imwrite(str(data / "validation" / "cat" / "0.png"), faces(1, seed=99)[0])
    words = fails(65, "train", data, "--out", out, *TINY)
    assert "state.npz: was made with validation_faces = " in words


def test_a_record_says_that_people_were_held_out(tmp_path: Path) -> None:
    pictures, people = faces(40), ("Ann", "Bob", "Cem", "Dea")
    for i, face in enumerate(pictures):
        cv2.imwrite(str(tmp_path / f"{i}.png"), face)
    rows: list[list[object]] = [
        [f"{i}.png", ("cat", "dog")[i % 2], people[i // 10]] for i in range(40)
    ]
    table = write_rows(tmp_path / "own.csv", ["path", "label", "person"], rows)
    assert main(["train", str(table), "--out", str(tmp_path / "run"), *TINY]) == 0
    said = record(tmp_path / "run")["data"]
    assert (said["held_out_by"], said["train"], said["validation"]) == ("person", 30, 10)


def test_what_cannot_end_well_is_refused_before_it_begins(
    seven: tuple[Path, Path], four: Path, tmp_path: Path, fails: Callable[..., str]
) -> None:
    data, run = seven
    out = tmp_path / "out"
    one = folders(tmp_path / "one", {"happy": 20})
    assert "all training faces are happy; allowed: at least 2" in fails(
        78, "train", one, "--out", out, *TINY
    )
    strange = folders(tmp_path / "strange", {"fröhlich": 8, "traurig": 8})
    assert "class 'fröhlich'; allowed on the device" in fails(
        78, "train", strange, "--out", out, *TINY
    )
    assert "--test: the data has no test split; it has: train" in fails(
        64, "train", four, "--out", out, *TINY, "--test"
    )
    assert "--expected: got 0.3 where votes alone are learnt" in fails(
        64, "train", data, "--out", out, *TINY, "--expected", "0.3"
    )
    net = ("--arch", "efficientnet_b0", "--weights")
    assert "--weights nowhere.h5: no such file" in fails(
        66, "train", four, "--out", tmp_path / "new", *TINY, *net, "nowhere.h5"
    )
    (tmp_path / "text.weights.h5").write_text("no weights")
    assert "text.weights.h5: not weights of efficientnet_b0" in fails(
        78, "train", four, "--out", tmp_path / "new", *TINY, *net, tmp_path / "text.weights.h5"
    )
    assert "0 to choose by (--holdout 1e-05 of them)" in fails(
        78, "train", four, "--out", tmp_path / "new", *TINY, "--holdout", "0.00001"
    )
    assert "--from nowhere: no such file" in fails(
        66, "train", four, "--out", tmp_path / "new", *TINY, "--from", "nowhere"
    )
    assert not (tmp_path / "new").exists()
    edge = ("--arch", "edge", "--from", run)
    assert "do not fit edge: not of the same architecture" in fails(
        78, "train", data, "--out", tmp_path / "edge", *TINY, *edge
    )
    assert not (tmp_path / "edge").exists()
    busy = tmp_path / "busy"
    busy.mkdir()
    with alone_in(busy):
        assert "another run writes to it" in fails(69, "train", data, "--out", busy, *TINY)


def test_a_backbone_without_weights_is_said_to_start_at_random(
    four: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class StoppedError(Exception):
        pass

    class Nothing:
        def __init__(self, *args: object, **more: object) -> None:
            self.history: list[object] = []

        def resume(self, *args: object) -> bool:
            return False

        def run(self, *args: object, **more: object) -> None:
            raise StoppedError

    monkeypatch.setattr(loop, "Training", Nothing)
    with pytest.raises(StoppedError):
        main(["train", str(four), "--out", str(tmp_path), *TINY, "--arch", "vgg16"])
    assert "without --weights its backbone starts at random" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["edge", "plain_cnn", "efficientnet_b0"])
def test_every_dropout_draws_from_a_state_that_a_checkpoint_holds(name: str) -> None:
    network = arch.build(name, (48, 48), 3, seed=5)
    layers = list(network._flatten_layers(include_self=False))
    dropouts = [x for x in layers if type(x).__name__ == "Dropout" and x.noise_shape is None]
    assert all(x.seed is not None for x in dropouts)
    assert len({x.seed for x in dropouts}) == len(dropouts)


@pytest.mark.parametrize(
    ("name", "kind", "decay"),
    [("sgd", "SGD", 5e-3), ("adam", "Adam", None), ("adamw", "AdamW", 5e-3)],
)
def test_every_optimiser_is_what_it_says(name: str, kind: str, decay: float | None) -> None:
    found = loop.optimizer_of(Recipe(optimizer=name, rate=0.01))
    assert (type(found).__name__, found.weight_decay) == (kind, decay)
    assert float(found.learning_rate) == pytest.approx(0.01)


def test_faces_without_a_label_are_learnt_from_the_teacher_and_told_in_the_record(
    seven: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = archive(
        tmp_path / "more.npz", [portrait(f"Some_Body{k:02}_0001", k) for k in range(9)]
    )
    options = ("--teacher", "emotion", "--unlabelled", str(photos))
    assert main(["train", str(seven[0]), "--out", str(tmp_path / "run"), *TINY, *options]) == 0
    assert "8 faces without a label" in capsys.readouterr().err
    record = json.loads((tmp_path / "run" / "train.json").read_text())
    assert record["data"]["unlabelled"] == 8
    [origin] = record["data"]["unlabelled_from"]
    assert origin == {"name": "more.npz", "sources": [{"name": "more", "pictures": "9"}]}
    plain = json.loads((seven[1] / "train.json").read_text())
    assert record["prior"] == plain["prior"] and record["data"]["train"] == plain["data"]["train"]
    assert "unlabelled_from" not in plain["data"]
