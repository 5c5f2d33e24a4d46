"""What `info` tells of the model."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from tests.edge.publish.rig import LABELS, WHO

TRAINED = dict(zip(LABELS, (0.1, 0.05, 0.05, 0.25, 0.15, 0.1, 0.3), strict=True))


def prior_told(choice: object, trained: dict[str, float]) -> dict[str, float]:
    model = msgspec.structs.replace(WHO.model, prior=trained)
    who = dataclasses.replace(WHO, model=model, config={"classify": {"prior": choice}})
    return who.info("2026-01-01T00:00:00Z").prior


def test_info_tells_the_prior_that_scores_hold_under() -> None:
    own = {label: 1.0 if label == "neutral" else 0.0 for label in LABELS}
    assert prior_told("raters", TRAINED) == TRAINED
    assert prior_told("equal", TRAINED) == pytest.approx(dict.fromkeys(LABELS, 1 / 7), abs=1e-5)
    assert prior_told(own, TRAINED) == own


def test_info_tells_no_prior_where_the_model_does_not() -> None:
    assert prior_told("equal", {}) == {}
