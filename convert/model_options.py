"""What a model file leaves unsaid, from the command line."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigError

# What luma 0 to 255 becomes: (luma - mean) * scale.
RANGES = {"0..255": (0.0, 1.0), "0..1": (0.0, 1 / 255), "-1..1": (127.5, 1 / 127.5)}
RUNTIMES = ("auto", "litert", "tflite-runtime")


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """How to read a model that does not say everything about itself.

    Attributes:
        labels: names of the outputs with commas between, or None.
        luma_range: a key of `RANGES`, or None when the model itself says it.
        margin: added on each side of a detector's box, fraction of the box; None: what is known of
            a published file, else 0.
        runtime: of `.tflite` models, one of `RUNTIMES`.
        where_unsaid: range and margin are for those of several models that do not say their own;
            else they must not contradict what a model says.
    """

    labels: str | None = None
    luma_range: str | None = None
    margin: float | None = None
    runtime: str = "auto"
    where_unsaid: bool = False


USUAL = ModelOptions()


def add_model_options(parser: argparse.ArgumentParser, *, runtime: bool = True) -> None:
    """Add the options that `model_options` reads; `--runtime` where a `.tflite` may be given."""
    parser.add_argument(
        "--labels",
        metavar="A,B,...",
        help="names of the outputs, in order (default: as its train.json says, else the data's)",
    )
    parser.add_argument(
        "--range",
        dest="luma_range",
        choices=sorted(RANGES),
        help="what luma 0 to 255 becomes before the model; needed only for a model that does "
        "not begin with a Rescaling or Normalization layer for 0 to 255",
    )
    parser.add_argument(
        "--margin",
        type=float,
        default=USUAL.margin,
        help="added on each side of a detector's box on the device, fraction of the box "
        "(default: what is known of a published file, else 0)",
    )
    if runtime:
        parser.add_argument(
            "--runtime",
            choices=RUNTIMES,
            default=USUAL.runtime,
            help="for .tflite models (default %(default)s)",
        )


def model_options(args: argparse.Namespace, *, where_unsaid: bool = False) -> ModelOptions:
    """Return what the options say."""
    runtime = getattr(args, "runtime", USUAL.runtime)
    return ModelOptions(args.labels, args.luma_range, args.margin, runtime, where_unsaid)


def range_of(path: Path, how: ModelOptions, said: tuple[float, float]) -> tuple[float, float]:
    """Return the mean and scale that a model says, for luma that becomes (luma - mean) * scale.

    Raises:
        ConfigError: `--range` contradicts it.
    """
    if how.luma_range is not None and not how.where_unsaid and RANGES[how.luma_range] != said:
        mean, scale = said
        name = next((k for k, v in RANGES.items() if v == said), None)
        takes = name or f"(luma - {mean:g}) * {scale:g}"
        raise ConfigError(
            f"--range: got {how.luma_range}; {path} takes {takes}; allowed: that, or no --range"
        )
    return said
