"""Which TFLite runtime: what goes with what is said in a sentence, never by a traceback."""

import numpy as np
import pytest

from edge.errors import UnavailableError
from edge.model import tflite


def install(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    monkeypatch.setattr(
        tflite.importlib.util, "find_spec", lambda name: object() if name in modules else None
    )


def test_litert_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "ai_edge_litert", "tflite_runtime")
    assert tflite.choose_runtime("auto") == "litert"


def test_no_runtime_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    with pytest.raises(UnavailableError, match="install ai-edge-litert or tflite-runtime"):
        tflite.choose_runtime("auto")


def test_the_one_that_was_asked_for_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "ai_edge_litert")
    with pytest.raises(UnavailableError, match="install tflite-runtime"):
        tflite.choose_runtime("tflite-runtime")


def test_numpy_2_under_tflite_runtime_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "tflite_runtime")
    monkeypatch.setattr(np, "__version__", "2.1.0")
    with pytest.raises(UnavailableError, match=r"cannot work with numpy 2\.1\.0; install"):
        tflite.choose_runtime("auto")
    monkeypatch.setattr(np, "__version__", "1.26.4")
    assert tflite.choose_runtime("auto") == "tflite-runtime"
