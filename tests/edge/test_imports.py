"""What may know what: held in fresh processes, because imports leave traces."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

EDGE = Path(__file__).resolve().parent.parent.parent / "edge"
STAGES = ["camera", "classify", "detect", "events", "publish", "smooth", "track"]
FORBIDDEN = {"tensorflow", "keras", "convert", "torch", "jax", "matplotlib"}


def modules_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=600
    )
    return set(done.stdout.split())


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{a.name}" for a in node.names}
    return found


def files_of(stage: str) -> list[Path]:
    return sorted((EDGE / stage).rglob("*.py")) or [EDGE / f"{stage}.py"]


def test_the_daemon_never_loads_tensorflow_or_the_workshop() -> None:
    loaded = modules_after("import edge.build, edge.cli, edge.service.serve; edge.cli.parser()")
    assert not {m.split(".")[0] for m in loaded} & FORBIDDEN


def test_no_file_of_the_daemon_names_them() -> None:
    for path in EDGE.rglob("*.py"):
        assert not {m.split(".")[0] for m in imports_of(path)} & FORBIDDEN, path


def test_the_command_line_alone_is_light() -> None:
    loaded = modules_after("import edge.cli; edge.cli.parser()")
    assert not loaded & {"numpy", "cv2", "paho", "msgspec", "ai_edge_litert"}


@pytest.mark.parametrize("stage", STAGES)
def test_stages_never_import_each_other(stage: str) -> None:
    others = {f"edge.{s}" for s in STAGES if s != stage}
    for path in files_of(stage):
        for name in imports_of(path):
            assert not any(name == o or name.startswith(o + ".") for o in others), (path, name)


def test_one_file_knows_an_interpreter() -> None:
    knowing = {
        p.relative_to(EDGE).as_posix()
        for p in EDGE.rglob("*.py")
        if any(m.startswith(("ai_edge_litert", "tflite_runtime")) for m in imports_of(p))
    }
    assert knowing == {"model/tflite.py"}
