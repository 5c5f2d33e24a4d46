from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from convert.train import command
from convert.train.augment import Augmentation
from convert.train.defaults import RECIPES
from convert.train.options import Plan, plan_from
from convert.train.recipe import size_of
from convert.train.runfile import config_text
from convert.train.unused import check_used
from edge.errors import ConfigError, EdgeError, UsageError


def parse(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["train", "data", "--out", "out", *options])


def plan(*options: str) -> Plan:
    return plan_from(parse(*options))


def test_the_usual_recipe_and_what_changes_it() -> None:
    recipe = plan().recipe
    assert recipe.arch == "edge" and recipe.size == (48, 48) and recipe.augmentation is not None
    assert (recipe.optimizer, recipe.weight_decay) == ("sgd", 5e-3)
    changed = plan("--size", "64x48", "--augment", "0", "--teacher", "t.keras").recipe
    assert changed.size == (48, 64)
    assert changed.augmentation is None
    assert changed.teacher == 0.5
    moved = plan("--changes", "moves").recipe.augmentation
    assert moved is not None and moved.rotation_deg == Augmentation().rotation_deg
    assert moved.noise_probability == moved.cutout_probability == moved.gamma == 0
    half = plan("--augment", "0.5").recipe.augmentation
    assert half is not None and half.rotation_deg == Augmentation().rotation_deg / 2


def test_all_that_is_out_of_range_is_said_at_once() -> None:
    with pytest.raises(UsageError) as e:
        plan("--epochs", "0", "--votes", "2", "--rate", "0", "--holdout", "1")
    assert str(e.value).splitlines() == [
        "--votes: got 2.0; allowed: 0 to 1",
        "--epochs: got 0; allowed: 1 to 10000",
        "--rate: got 0.0; allowed: above 0 to 10",
        "--holdout: got 1.0; allowed: above 0, below 1",
    ]
    assert e.value.exit_code == 64


def test_a_short_training_has_a_short_warmup() -> None:
    assert plan().recipe.warmup_epochs == 2
    assert plan("--epochs", "1").recipe.warmup_epochs == 0.2
    assert plan("--epochs", "3").config["warmup"] == 0.6, "run.toml has what was done"
    with pytest.raises(UsageError, match=r"--warmup: got 3\.0; allowed: 0 to below --epochs"):
        plan("--epochs", "3", "--warmup", "3")


def test_adam_has_no_weight_decay_and_adamw_has() -> None:
    assert plan("--optimizer", "adam").recipe.weight_decay == 0
    assert plan("--optimizer", "adamw").recipe.weight_decay == 5e-3
    with pytest.raises(UsageError, match=r"--weight-decay: got 0\.1; allowed: none with adam"):
        plan("--optimizer", "adam", "--weight-decay", "0.1")


def test_a_frozen_body_needs_to_have_learnt_something() -> None:
    with pytest.raises(UsageError, match="--freeze: got neither --from nor --weights"):
        plan("--freeze")
    assert plan("--freeze", "--from", "m.keras").recipe.freeze
    with pytest.raises(UsageError, match="--unlabelled: got no --teacher; allowed: with one"):
        plan("--unlabelled", "ours")
    both = plan("--unlabelled", "ours", "--unlabelled", "more.npz", "--teacher", "emotion")
    assert both.unlabelled == (Path("ours"), Path("more.npz"))


def test_an_option_that_does_nothing_is_refused() -> None:
    with pytest.raises(UsageError) as e:
        plan("--votes", "1", "--expected", "0.3", "--teacher-weight", "0.7",
             "--from", "m.keras", "--weights", "w.h5")  # fmt: skip
    assert str(e.value).splitlines() == [
        "--expected: got 0.3 where votes alone are learnt, not labels; "
        "allowed: with --votes below 1",
        "--teacher-weight: got 0.7 without --teacher; allowed: with one",
        "--weights: got w.h5 beside --from, whose weights take their place; "
        "allowed: one of the two",
    ]
    assert e.value.exit_code == 64
    assert plan("--votes", "0.9", "--expected", "0.3").recipe.expected == 0.3
    assert plan("--teacher-weight", "0.7", "--teacher", "emotion").recipe.teacher == 0.7


def test_a_file_that_says_what_does_nothing_makes_its_run_again(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("votes = 1.0\nexpected = 0.3\nteacher_weight = 0.7\n")
    again = plan("--config", str(file), "--epochs", "5")
    assert (again.recipe.expected, again.recipe.teacher) == (0.3, 0.0)
    assert len(check_used(again.config, again.given)) == 2, "said, not refused"
    with pytest.raises(UsageError, match=r"--expected: got 0\.3 .*; allowed: with --votes below 1"):
        plan("--config", str(file), "--votes", "1")
    file.write_text(config_text(plan().config))
    usual = plan("--config", str(file))
    assert usual.config["teacher_weight"] == 0.5 and not check_used(usual.config, usual.given)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_the_recipes_of_classic_projects_are_whole_and_can_be_changed(name: str) -> None:
    recipe = plan("--recipe", name).recipe
    assert (recipe.optimizer, recipe.votes) == ("adam", 0.0)
    assert recipe.arch == RECIPES[name]["arch"] and recipe.epochs == RECIPES[name]["epochs"]
    assert plan("--recipe", name, "--epochs", "3").recipe.epochs == 3


def test_a_run_is_a_file_that_makes_the_same_run_again(tmp_path: Path) -> None:
    first = plan(
        "--recipe", "plain_cnn_2018", "--seed", "7", "--teacher", "a", "--teacher", 'b "c"',
        "--limit", "40", "--test", "--votes", "0.25",
    )  # fmt: skip
    file = tmp_path / "run.toml"
    file.write_text(config_text(first.config))
    again = plan("--config", str(file))
    assert (again.recipe, again.teachers, again.limit, again.test) == (
        first.recipe, first.teachers, first.limit, first.test,
    )  # fmt: skip
    assert plan("--config", str(file), "--seed", "8").recipe.seed == 8
    file.write_text(config_text(plan("--epochs", "60").config))
    assert plan("--config", str(file), "--epochs", "1").recipe.warmup_epochs == 0.2, "but shorter"
    assert plan("--config", str(file), "--epochs", "90").recipe.warmup_epochs == 2
    file.write_text(config_text(first.config))
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    without = parser.parse_args(["train", "--out", "out", "--config", str(file)])
    assert plan_from(without).data == Path("data").resolve()


def test_a_recipe_and_a_file_that_says_something_else(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(config_text(plan("--recipe", "mini_xception_2017").config))
    with pytest.raises(UsageError, match=r"--recipe plain_cnn_2018: --config .*arch = \"mini_xc"):
        plan("--config", str(file), "--recipe", "plain_cnn_2018")
    same = plan("--config", str(file), "--recipe", "mini_xception_2017", "--epochs", "3")
    assert (same.recipe.arch, same.recipe.epochs) == ("mini_xception", 3)
    file.write_text("seed = 4")
    assert plan("--config", str(file), "--recipe", "plain_cnn_2018").recipe.seed == 4


def test_a_name_that_the_file_cannot_hold_is_refused(tmp_path: Path) -> None:
    (tmp_path / "faces\udcff").mkdir()
    args = parse("--unlabelled", "f\u00e9\u00a0s", "--teacher", "emotion")
    assert "f\u00e9\u00a0s" in config_text(plan_from(args).config)
    args.data = tmp_path / "faces\udcff"
    with pytest.raises(UsageError, match=r"data: got '.*faces.udcff'; allowed: a name in UTF-8"):
        plan_from(args)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epochs = ", "not TOML"),
        ("epoch = 3", "epoch: no such option"),
        ('epochs = "many"', "epochs: got 'many'"),
        ("epochs = true", "epochs: got True"),
        ('optimizer = "lion"', "optimizer: got 'lion'; allowed: sgd, adam, adamw"),
        ("teacher = [1]", "teacher: got"),
        ("from = 3", "from: got 3"),
        ("data = 3", "data: got 3; allowed: a path"),
    ],
)
def test_a_file_that_is_no_run_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"run\.toml: ") as e:
        plan("--config", str(tmp_path / "run.toml"))
    assert words in str(e.value)


@pytest.mark.parametrize("text", ["48", "48x", "axb", "8x48", "48x999", "-48x48", "4²x48"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--size: got"):
        size_of(text)


def test_data_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("keras", reason="Keras is not installed: pip install '.[convert]'")
    args = parse()
    args.data = tmp_path / "nowhere"
    with pytest.raises(EdgeError, match="nowhere: no such file or folder") as e:
        args.run(args)
    assert e.value.exit_code == 66
