from __future__ import annotations

import io
import random

import pytest

from convert.train.progress import Progress, duration
from convert.train.schedule import averaging, learning_rate, plateaus


def test_the_rate_warms_up_then_falls_to_a_hundredth() -> None:
    rates = [learning_rate(s, steps=100, warmup=10, peak=0.2) for s in range(100)]
    assert rates[0] == pytest.approx(0.02)
    assert max(rates) == pytest.approx(0.2)
    assert rates.index(max(rates)) in (9, 10)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0.002 <= rates[-1] < 0.003


def test_on_a_plateau_the_rate_falls_as_keras_counts_it() -> None:
    keras = pytest.importorskip("keras")

    class Model:
        optimizer = keras.optimizers.Adam(1e-3)

    theirs = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.1, patience=12)
    theirs.set_model(Model())
    theirs.on_train_begin()
    rng, losses, counts = random.Random(3), [], []
    for epoch in range(120):
        losses.append(1.2 + 0.5 / (epoch + 1) + rng.uniform(0, 0.3) + (epoch == 70) * -0.4)
        theirs.on_epoch_end(epoch, {"val_loss": losses[-1]})
        counts.append(plateaus(losses))
        rate = learning_rate(0, steps=9, warmup=0, peak=1e-3, schedule="plateau", losses=losses)
        assert rate == pytest.approx(float(Model.optimizer.learning_rate), rel=1e-4)
    assert counts[0] == 0 and counts[-1] >= 3


def test_the_average_forgets_where_it_began() -> None:
    assert averaging(0, decay=0.999, every=1) == pytest.approx(0.1)
    assert averaging(10**6, decay=0.999, every=8) == pytest.approx(0.999**8)
    assert averaging(10**6, decay=0, every=8) == 0


def test_time_left_is_readable() -> None:
    assert [duration(s) for s in (0, 61, 3723)] == ["0:00", "1:01", "1:02:03"]


def test_a_log_gets_lines_and_no_bar() -> None:
    out = io.StringIO()
    bar = Progress(10, out=out)
    bar.step(1, "epoch 1/2")
    bar.line("epoch 1/2 done")
    assert out.getvalue() == "epoch 1/2 done\n"
    assert bar.left(0) == "?"
