"""YuNet is not shipped: without its file the message says where it is and how to know it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edge.config import Detect
from edge.detect import open_detector, yunet
from edge.errors import ConfigError
from tests.conftest import ROOT


def test_a_missing_file_is_named_with_where_to_get_it() -> None:
    for model in ("", "/nowhere/yunet.onnx"):
        with pytest.raises(ConfigError, match=r"detect\.model: got ") as e:
            open_detector(Detect(name="yunet", model=model))
        assert yunet.URL in str(e.value) and yunet.SHA256 in str(e.value)


def test_the_documented_checksum_is_that_of_the_file(data: Path) -> None:
    file = data / "detectors" / yunet.URL.rpartition("/")[2]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == yunet.SHA256
    page = (ROOT / "docs/install.md").read_text()
    assert yunet.URL in page and yunet.SHA256 in page
