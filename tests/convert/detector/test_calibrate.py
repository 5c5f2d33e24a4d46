"""Scores become probabilities, level by level; the network is a table of what it would say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from convert.detector import calibrate as module
from convert.detector.calibrate import calibrate
from convert.detector.network import STRIDES, Shape
from convert.detector.photos import Photo
from edge.errors import ConfigError
from tests.convert.detector.pictures import peopled, scene

pytest.importorskip("sklearn")


class Layers:
    """Only the score layers of a network: one weight and one bias each."""

    def __init__(self) -> None:
        self.weights = {f"score{s}": [np.ones((1, 1, 1, 1)), np.zeros(1)] for s in STRIDES}

    def get_layer(self, name: str) -> Any:
        return SimpleNamespace(
            get_weights=lambda: self.weights[name],
            set_weights=lambda values: self.weights.__setitem__(name, values),
        )


def maps(logit: float, right: bool) -> dict[str, np.ndarray]:
    """One box on each level: on the face of `peopled`, or beside it."""
    result = {}
    for s in STRIDES:
        side = 96 // s
        result[f"score{s}"] = np.full((side, side, 1), -9, np.float32)
        result[f"box{s}"] = np.zeros((side, side, 4), np.float32)
        result[f"landmarks{s}"] = np.zeros((side, side, 10), np.float32)
        r, c = 51 // s, 56 // s
        result[f"score{s}"][r, c] = logit
        off = np.array([56 / s - c, 51 / s - r])
        result[f"box{s}"][r, c] = (*(off if right else off + 100 / s), *np.log([32 / s, 42 / s]))
    return result


def answers(rates: dict[float, float], monkeypatch: pytest.MonkeyPatch) -> list[Photo]:
    """Let boxes with a logit be right as often as said; return the photographs."""
    rng = np.random.default_rng(1)
    rows = [(x, bool(rng.random() < rate)) for x, rate in rates.items() for _ in range(400)]
    monkeypatch.setattr(module, "_answers", lambda *_: (maps(x, right) for x, right in rows))
    return [peopled(1)] * len(rows)


def test_the_score_becomes_how_often_it_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Layers()
    got = calibrate(model, Shape(), answers({-1.0: 0.1, 0.0: 0.5, 1.0: 0.9}, monkeypatch))
    for s in STRIDES:
        kernel, bias = model.weights[f"score{s}"]
        for logit, rate in ((-1.0, 0.1), (0.0, 0.5), (1.0, 0.9)):
            score = 1 / (1 + np.exp(-(float(kernel.item()) * logit + float(bias.item()))))
            assert score == pytest.approx(rate, abs=0.05)
        assert got[str(s)][0] == pytest.approx(np.log(9), rel=0.1)


def test_a_level_that_proposes_too_little_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_answers", lambda *_: iter([maps(-9.0, False)]))
    with pytest.raises(ConfigError, match="0 right boxes of 0 on 1 photographs"):
        calibrate(Layers(), Shape(), [scene(1)])


def test_scores_that_tell_nothing_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    photos = answers({-1.0: 0.9, 1.0: 0.1}, monkeypatch)
    with pytest.raises(ConfigError, match="not more often right"):
        calibrate(Layers(), Shape(), photos)
