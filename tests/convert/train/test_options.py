from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from convert.train import command
from convert.train.augment import Augmentation
from convert.train.options import recipe_from, size_of
from edge.errors import EdgeError, UsageError


def parse(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["train", "data", "--out", "out", *options])


def test_the_usual_recipe_and_what_changes_it() -> None:
    recipe = recipe_from(parse())
    assert recipe.arch == "edge" and recipe.size == (48, 48) and recipe.augmentation is not None
    changed = recipe_from(parse("--size", "64x48", "--augment", "0", "--teacher", "t.keras"))
    assert changed.size == (48, 64)
    assert changed.augmentation is None
    assert changed.teacher == 0.5
    half = recipe_from(parse("--augment", "0.5")).augmentation
    assert half is not None and half.rotation_deg == Augmentation().rotation_deg / 2


def test_all_that_is_out_of_range_is_said_at_once() -> None:
    with pytest.raises(UsageError) as e:
        recipe_from(parse("--epochs", "0", "--votes", "2", "--rate", "0", "--holdout", "1"))
    assert str(e.value).splitlines() == [
        "--votes: got 2.0; allowed: 0 to 1",
        "--epochs: got 0; allowed: 1 to 10000",
        "--rate: got 0.0; allowed: above 0 to 10",
        "--warmup: got 2.0; allowed: 0 to below --epochs",
        "--holdout: got 1.0; allowed: above 0, below 1",
    ]
    assert e.value.exit_code == 64


@pytest.mark.parametrize("text", ["48", "48x", "axb", "8x48", "48x999", "-48x48"])
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
