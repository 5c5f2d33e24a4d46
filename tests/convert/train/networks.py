"""What the tests that train need: a Keras that works, and little of everything."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest


def need_keras() -> None:
    """Skip the test module when Keras has no backend; take one of those installed."""
    if find_spec("keras") is None:
        pytest.skip("Keras is not installed: pip install '.[convert]'", allow_module_level=True)
    known = {"tensorflow": "tensorflow", "torch": "torch", "jax": "jax"}
    wanted = os.environ.get("KERAS_BACKEND")
    if wanted is None or find_spec(known.get(wanted, wanted)) is None:
        found = next((b for b, module in known.items() if find_spec(module)), None)
        if found is None:
            pytest.skip("Keras has no backend: pip install '.[convert]'", allow_module_level=True)
        os.environ["KERAS_BACKEND"] = found
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
