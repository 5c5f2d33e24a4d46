"""The curves of a training as TensorBoard's event files, while it runs.

TensorBoard's own writer and not Keras' callback: the loops here are not `fit`, and the callback
needs TensorFlow whatever Keras runs on.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.errors import UnavailableError

HELP = "write the curves as they come for `tensorboard --logdir OUT` too"
FOLDER = "tensorboard"
TRAIN, VALIDATION = "train", "validation"  # folders below it: TensorBoard draws both in one chart

Row = Mapping[str, float]


def add_tensorboard_option(p: argparse.ArgumentParser) -> None:
    """Add `--tensorboard`, for commands that have no recipe."""
    p.add_argument("--tensorboard", action="store_true", help=HELP)


@contextmanager
def event_files(
    wanted: bool, out: Path, before: Iterable[Row], step: str
) -> Iterator[Callable[[Row], None]]:
    """Yield what to call with each new row of figures; nothing happens where it is not wanted.

    The files are written anew with what was `before`, so that a training that was killed has each
    step once.

    Args:
        wanted: whether to write.
        out: the training's folder; the files come into its `tensorboard/`.
        before: rows of an earlier call that this one goes on from.
        step: the column with the number of the epoch or step. Of the others, `validation_*` come
            into `validation/`, the rest into `train/`.

    Raises:
        UnavailableError: TensorBoard is not installed.
    """
    if not wanted:
        yield lambda row: None
        return
    try:
        from tensorboard.summary import Writer
    except ImportError as e:
        raise UnavailableError(
            f"--tensorboard: TensorBoard cannot be used ({e}); install it with: "
            "pip install tensorboard"
        ) from e
    for name in (TRAIN, VALIDATION):
        for old in (out / FOLDER / name).glob("events.out.tfevents.*"):
            old.unlink()
    writers: dict[str, Any] = {}

    def add(row: Row) -> None:
        for key, value in row.items():
            if key == step:
                continue
            side = VALIDATION if key.startswith(VALIDATION + "_") else TRAIN
            if side not in writers:
                writers[side] = Writer(str(out / FOLDER / side))
            writers[side].add_scalar(key.removeprefix(side + "_"), value, int(row[step]))
        for writer in writers.values():
            writer.flush()  # so that it can be watched

    try:
        for row in before:
            add(row)
        yield add
    finally:
        for writer in writers.values():
            writer.close()
