"""The shape of what `evaluate --json` prints, typed once; `emotion-convert schema` prints it."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import msgspec
from msgspec import Struct

Interval = tuple[float | None, float | None]


class Part(Struct, forbid_unknown_fields=True):
    """Precision, recall and F1, averaged over classes."""

    precision: float | None
    recall: float | None
    f1: float | None


class PerClass(Struct, forbid_unknown_fields=True):
    """Figures of one class; None where undefined."""

    precision: float | None
    recall: float | None
    recall_ci95: Interval
    f1: float | None
    support: int  # faces


class Curve(Struct, forbid_unknown_fields=True):
    """A reliability curve: mean confidence, how often right, and faces of each bin."""

    confidence: list[float | None]
    accuracy: list[float | None]
    count: list[int]


class Risk(Struct, forbid_unknown_fields=True):
    """How often the surest `coverage` of the faces are wrong, and the least score among them."""

    coverage: list[float]
    risk: list[float]
    least_score: list[float]
    aurc: float | None  # mean risk over all coverages


class ModelPart(Struct, forbid_unknown_fields=True):
    """What was evaluated."""

    name: str
    input: str
    kind: str
    labels: list[str]
    runtime: str | None = None
    sha256: str | None = None


class DataPart(Struct, forbid_unknown_fields=True):
    """On what."""

    name: str
    split: str
    faces: int
    skipped: int
    predicted: dict[str, int]  # faces by predicted label


class Headline(Struct, forbid_unknown_fields=True):
    """The few figures of one truth: `counted` faces; see docs/workshop.md."""

    counted: int
    accuracy: float
    macro_f1: float
    log_loss: float | None
    brier: float | None
    ece: float
    recall: dict[str, float | None]
    ece_shares: float | None = None
    mae_shares: float | None = None


class Raters(Struct, forbid_unknown_fields=True):
    """Scores against the distribution of raters' votes."""

    faces: int
    mae: float
    mae_of_a_constant: float | None
    ece: float
    mae_per_class: dict[str, float]
    spearman_per_class: dict[str, float | None]
    reliability: Curve


class Corrupted(Struct, forbid_unknown_fields=True):
    """Accuracy under one corruption at one level."""

    corruption: str
    level: float
    unit: str
    faces: int
    accuracy: float
    agreement: float
    confidence: float


class Group(Struct, forbid_unknown_fields=True):
    """One group of faces that the data names."""

    faces: int
    accuracy: float
    accuracy_ci95: Interval
    macro_f1: float


class Slice(Struct, forbid_unknown_fields=True):
    """The groups of one attribute, and the largest gap of accuracy between two of them."""

    groups: dict[str, Group]
    largest_gap: float | None


class UnderPrior(Struct, forbid_unknown_fields=True):
    """Figures under one prior; weighted ones are on faces as frequent as it says."""

    prior: dict[str, float]
    accuracy: float
    mean_recall: float
    weighted_accuracy: float
    weighted_log_loss: float
    weighted_ece: float
    reliability: Curve
    risk: Risk


class Report(Struct, forbid_unknown_fields=True):
    """What `evaluate --json` prints. Without truth for its labels: model and data only."""

    model: ModelPart
    data: DataPart
    truth: str | None = None
    counted: int | None = None
    accuracy: float | None = None
    macro_f1: float | None = None
    log_loss: float | None = None
    brier: float | None = None
    ece: float | None = None
    ece_shares: float | None = None
    mae_shares: float | None = None
    accuracy_ci95: Interval | None = None
    macro_f1_ci95: Interval | None = None
    averages: dict[str, Part] | None = None
    per_class: dict[str, PerClass] | None = None
    confusion: list[list[int]] | None = None  # rows: truth
    reliability: Curve | None = None
    risk: Risk | None = None
    raters: Raters | None = None
    against: dict[str, Headline] | None = None
    robustness: list[Corrupted] | None = None
    slices: dict[str, Slice] | None = None
    prior: str | dict[str, float] | None = None  # of the figures above
    priors: dict[str, UnderPrior] | None = None


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    p = subparsers.add_parser(
        "schema",
        help="print the JSON Schema of `evaluate --json`",
        description="Print the JSON Schema of what `evaluate --json` prints.",
    )
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print it."""
    text = msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode()
    sys.stdout.write(text + "\n")
    return 0


def schema() -> dict[str, Any]:
    """Return the JSON Schema, draft 2020-12."""
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, **msgspec.json.schema(Report)}
