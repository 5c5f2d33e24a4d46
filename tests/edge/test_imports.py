"""What may know what: held in fresh processes, because imports leave traces."""

from __future__ import annotations

import ast
import functools
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

EDGE = Path(__file__).resolve().parent.parent.parent / "edge"
STAGES = [
    "attention",
    "camera",
    "classify",
    "detect",
    "drowsiness",
    "events",
    "publish",
    "smooth",
    "still",
    "track",
]
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


def module_of(path: Path) -> str:
    parts = path.relative_to(EDGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def imports_between_files() -> dict[str, set[str]]:
    """Which file of `edge` imports which, wherever in the file; not for types alone."""
    files = {module_of(p): p for p in EDGE.rglob("*.py")}
    graph = {}
    for module, path in files.items():
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                node.body = []
        names = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {a.name for a in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                below = {f"{node.module}.{a.name}" for a in node.names}
                names |= (below & set(files)) or {node.module}
        graph[module] = (names & set(files)) - {module}
    return graph


def test_there_is_no_circle() -> None:
    graphlib.TopologicalSorter(imports_between_files()).prepare()


# A room, and who else may open its door: whoever is not named lives without it.
ROOMS = {
    "commands": {"cli"},
    "service": {"commands"},
    "tools": {"commands"},
    "schema": {"commands"},
    "web": {"commands"},
    "client": {"commands", "web", "store", "report"},
    "store": {"commands", "web", "report"},
    "report": {"commands", "web"},
}


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way_between_rooms(room: str) -> None:
    inside = f"edge.{room}"
    for module, imported in imports_between_files().items():
        own = module.split(".")[1] if "." in module else ""
        if own == room or own in ROOMS[room]:
            continue
        wrong = {m for m in imported if m == inside or m.startswith(inside + ".")}
        assert not wrong, f"{module} imports {wrong}"
