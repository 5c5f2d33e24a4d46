"""Broken manifests and model files by the thousand: refused with a reason, or a plain crash."""

from __future__ import annotations

import collections
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from edge.errors import ConfigError
from edge.model.manifest import MANIFEST, MODEL, Manifest, load_manifest
from tests.conftest import ROOT
from tests.faults.fuzzing import TIMES, fuzz
from tests.faults.loader import Loader
from tests.faults.mutate import changed, mutate

pytestmark = pytest.mark.faults

TINY = ROOT / "tests" / "models" / "tiny-int8"
SHIPPED = ROOT / "models" / "emotion"


def copy(model: Path, folder: Path) -> Path:
    folder.mkdir()
    for name in (MANIFEST, MODEL):
        shutil.copy(model / name, folder / name)
    return folder


def sealed(folder: Path, content: bytes) -> None:
    """Put another model file into a folder, with the sha256 to it: as whoever made both would."""
    (folder / MODEL).write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("model", [TINY, SHIPPED], ids=["tiny", "shipped"])
def test_bytes_of_a_manifest(times: int, model: Path, tmp_path: Path) -> None:
    folder = copy(model, tmp_path / "m")
    path = folder / MANIFEST

    def check(content: bytes) -> None:
        path.write_bytes(content)
        try:
            assert isinstance(load_manifest(folder), Manifest)
        except ConfigError as e:
            assert str(folder) in str(e)

    mutate(times, (model / MANIFEST).read_bytes(), check)


@pytest.mark.parametrize("times", TIMES)
def test_values_of_a_manifest_with_its_model(times: int, tmp_path: Path) -> None:
    folder = copy(TINY, tmp_path / "m")
    kinds: collections.Counter[str] = collections.Counter()

    def check(manifest: Any) -> None:
        (folder / MANIFEST).write_text(json.dumps(manifest))
        outcome = loader.load(folder)
        kinds[outcome.kind] += 1
        assert outcome.kind in ("fine", "refused"), outcome
        assert outcome.kind == "fine" or str(folder) in outcome.text

    with Loader(TINY) as loader:
        fuzz(times, changed(json.loads((TINY / MANIFEST).read_bytes())), check)
    assert kinds["refused"] > 0


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("model", [TINY, SHIPPED], ids=["tiny", "shipped"])
def test_a_model_file_that_was_changed_is_refused_by_its_sha256(
    times: int, model: Path, tmp_path: Path
) -> None:
    folder = copy(model, tmp_path / "m")
    good = (model / MODEL).read_bytes()

    def check(content: bytes) -> None:
        (folder / MODEL).write_bytes(content)
        if content == good:
            load_manifest(folder)
            return
        with pytest.raises(ConfigError):
            load_manifest(folder)

    mutate(times, good, check)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("model", [TINY, SHIPPED], ids=["tiny", "shipped"])
def test_a_hostile_model_file_is_refused_or_crashes_and_never_hangs(
    times: int, model: Path, tmp_path: Path
) -> None:
    folder = copy(model, tmp_path / "m")
    kinds: collections.Counter[str] = collections.Counter()

    def check(content: bytes) -> None:
        sealed(folder, content)
        outcome = loader.load(folder)
        kinds[outcome.kind] += 1
        assert outcome.kind in ("fine", "refused", "crashed"), outcome
        if outcome.kind == "crashed":
            kinds[outcome.text] += 1

    with Loader(TINY) as loader:
        mutate(times, (model / MODEL).read_bytes(), check)
    print(dict(kinds))
    assert kinds["refused"] > 0
