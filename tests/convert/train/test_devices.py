"""Several devices share a batch: two that JAX simulates on the processor, against one."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("jax") is None or importlib.util.find_spec("keras") is None,
        reason="JAX is not installed: pip install jax",
    ),
]

# A process of its own: how many devices there are is decided once.
CHILD = """
import json, sys, tempfile
from pathlib import Path
import keras, numpy as np
from convert.train import loop
from convert.train.prepare import Part
from convert.train.recipe import Recipe

rng = np.random.default_rng(0)
n = 47  # the odd faces are evaluated too
truth = rng.integers(0, 7, n)
faces = rng.integers(0, 256, (n, 48, 48), np.uint8)
part = Part(faces, np.eye(7, dtype=np.float32)[truth], np.ones(n, np.float32), truth, None)
batch = int(sys.argv[1])
recipe = Recipe(arch="mini_xception", epochs=2, batch=batch, warmup_epochs=0.5, rate=0.01)
devices = keras.distribution.list_devices()
try:
    training = loop.Training(recipe, 7, devices=devices)
except ValueError as e:
    sys.exit(str(e))
with tempfile.TemporaryDirectory() as folder:
    history = training.run(part, part, Path(folder))
    again = loop.Training(recipe, 7, devices=devices)
    assert again.resume(Path(folder), part, part) and len(again.history) == 2
share = training.model.trainable_variables[0].value.sharding
print(json.dumps({"history": history, "devices": len(share.device_set)}))
"""


def train_on(devices: int, batch: int = 16) -> subprocess.CompletedProcess[str]:
    flags = f"--xla_force_host_platform_device_count={devices}"
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(batch)],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,  # XLA compiles, beside the device's tests
    )


def test_two_devices_learn_what_one_does() -> None:
    found = []
    for devices in (1, 2):
        done = train_on(devices)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout.splitlines()[-1]))
        assert found[-1]["devices"] == devices
    for one, two in zip(found[0]["history"], found[1]["history"], strict=True):
        for key in ("train_loss", "validation_loss", "validation_accuracy"):
            assert two[key] == pytest.approx(one[key], rel=0.01)


def test_a_batch_that_two_cannot_share_is_refused() -> None:
    done = train_on(2, batch=15)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "--batch: got 15; allowed on 2 devices: multiples of 2"
