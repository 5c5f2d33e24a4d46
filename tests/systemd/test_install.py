"""The real installer into a folder, with a small package of the same name in place of ours.

What it does under a running systemd, with the real package, is in test_nspawn.py.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.systemd.small import package, wheel

INSTALL = Path(__file__).resolve().parents[2] / "systemd/install"

pytestmark = pytest.mark.skipif(
    shutil.which("systemctl") is None, reason="needs systemctl (package systemd)"
)


def _install(root: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(INSTALL), "--root", str(root), "--python", sys.executable, *more],
        capture_output=True,
        text=True,
    )


def _runs(root: Path) -> str:
    """What the environment in use says; the links in the image are meant for its own root."""
    current = (root / "opt/emotion-edge/current").readlink()
    folder = f"{root}{current}/bin"
    return subprocess.check_output(
        [f"{folder}/python", f"{folder}/emotion-edge"], text=True
    ).strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.mark.slow
def test_install_upgrade_and_uninstall(root: Path, tmp_path: Path) -> None:
    v1 = str(wheel(tmp_path / "v1", "1.0").parent)
    first = _install(root, "--wheels", v1, "--extras", "metrics")
    assert first.returncode == 0, first.stderr
    etc, units = root / "etc/emotion-edge", root / "etc/systemd/system"
    assert _runs(root) == "emotion-edge 1.0"
    page = root / "usr/local/share/man/man1/emotion-edge.1"
    assert str(page.readlink()) == "/opt/emotion-edge/current/share/man/man1/emotion-edge.1"
    assert (etc / "config.toml").read_text() == (INSTALL.parent / "config.example.toml").read_text()
    assert (units / "multi-user.target.wants/emotion-edge.service").is_symlink()
    assert "/opt/emotion-edge/current/bin" in (units / "emotion-edge.service").read_text()

    (etc / "config.toml").write_text("[camera]\nsource = '/mine'\n")
    second = _install(root, "--wheels", str(wheel(tmp_path / "v2", "2.0").parent))
    assert second.returncode == 0, second.stderr
    assert _runs(root) == "emotion-edge 2.0"
    (extras,) = (root / "opt/emotion-edge").glob("venv-*/extras")
    assert extras.read_text() == "metrics\n"  # an upgrade keeps them
    assert "/mine" in (etc / "config.toml").read_text()
    assert len(list((root / "opt/emotion-edge").glob("venv-*"))) == 1

    state = root / "var/lib/private/emotion-edge/outbox.db"
    state.parent.mkdir(parents=True)
    state.touch()
    gone = _install(root, "--uninstall")
    assert gone.returncode == 0, gone.stderr
    assert not (root / "opt/emotion-edge").exists() and not list(units.rglob("emotion-edge*"))
    assert not [p for p in (root / "usr/local").rglob("*") if p.is_symlink()]
    assert state.exists() and (etc / "config.toml").exists()
    for unit in ("emotion-edge", "emotion-edge@front", "emotion-edge-dashboard"):
        (units / f"{unit}.service.d").mkdir()  # by `systemctl edit`
    assert _install(root, "--uninstall", "--purge").returncode == 0
    assert not state.exists() and not etc.exists() and not list(units.rglob("emotion-edge*"))


@pytest.mark.slow
def test_without_the_network_the_documented_commands_bring_the_extras(
    root: Path, tmp_path: Path
) -> None:
    text = (INSTALL.parents[1] / "docs/install.md").read_text()
    collected = re.search(r"pip wheel --wheel-dir wheels '\./emotion-edge\[(\S+)\]'", text)
    installed = re.search(r"^sudo systemd/install --wheels wheels(.*)$", text, re.MULTILINE)
    assert collected and installed
    names = collected[1].split(",")
    wheels = wheel(tmp_path / "wheels", "1.0", needs=" ".join(names)).parent
    for name in names:
        package(wheels, name, "1.0", {f"needed_by_{name}.py": ""})
    for again in (installed[1].split(), []):  # an upgrade keeps them
        done = _install(root, "--wheels", str(wheels), *again)
        assert done.returncode == 0, done.stderr
        (site,) = (root / "opt/emotion-edge").glob("venv-*/lib/python3.*/site-packages")
        assert {p.stem for p in site.glob("needed_by_*.py")} == {f"needed_by_{n}" for n in names}


@pytest.mark.slow
def test_an_environment_in_an_image_names_nothing_outside_of_it(root: Path, tmp_path: Path) -> None:
    python = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    wheels = str(wheel(tmp_path / "v1", "1.0").parent)
    without = _install(root, "--wheels", wheels)
    assert without.returncode == 0
    assert f"has no {python}, which the environment needs" in without.stderr

    (root / "usr/bin").mkdir()
    shutil.copy("/bin/true", f"{root}{python}")  # the image's own
    assert _install(root, "--wheels", wheels).returncode == 0
    current = Path(f"{root}{(root / 'opt/emotion-edge/current').readlink()}")
    texts = [p for p in (current / "bin").iterdir() if not p.is_symlink()]
    for path in [*texts, current / "pyvenv.cfg"]:
        assert str(root) not in path.read_text(), path
    assert "\nVIRTUAL_ENV=/opt/emotion-edge/" in (current / "bin/activate").read_text().replace(
        "'", ""
    ).replace('"', "")
    links = {p.readlink() for p in (current / "bin").glob("python*")}
    assert Path(python) in links and {str(p) for p in links if p.is_absolute()} == {python}
    assert "home = /usr/bin\n" in (current / "pyvenv.cfg").read_text()


@pytest.mark.slow
def test_in_a_folder_with_other_things_it_removes_its_own_only(root: Path, tmp_path: Path) -> None:
    theirs = [root / "srv/tools/venv-mine/bin/python", root / "srv/tools/notes"]
    for path in theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for version in ("1.0", "2.0"):
        wheels = str(wheel(tmp_path / version, version).parent)
        done = _install(root, "--prefix", "/srv/tools", "--wheels", wheels)
        assert done.returncode == 0, done.stderr
    assert len(list((root / "srv/tools").iterdir())) == 4
    gone = _install(root, "--prefix", "/srv/tools", "--uninstall")
    assert gone.returncode == 0 and "srv/tools stays: it is not empty" in gone.stdout
    assert sorted(p for p in (root / "srv/tools").rglob("*") if p.is_file()) == sorted(theirs)
    assert not (root / "srv/tools/current").is_symlink()


@pytest.mark.slow
def test_a_failed_upgrade_leaves_the_old_version_in_use(root: Path, tmp_path: Path) -> None:
    good = wheel(tmp_path / "v1", "1.0")
    assert _install(root, "--wheel", str(good), "--wheels", str(good.parent)).returncode == 0
    before = sorted(p.name for p in (root / "opt/emotion-edge").iterdir())
    empty = tmp_path / "empty"
    empty.mkdir()
    broken = wheel(tmp_path / "v2", "2.0", "raise SystemExit(70)")
    torn = tmp_path / "emotion_edge-3.0-py3-none-any.whl"
    torn.write_bytes(good.read_bytes()[:100])
    for path, complaint in [
        (broken, "the new version does not run; nothing was changed"),
        (torn, "the packages could not be installed; nothing was changed"),
    ]:
        done = _install(root, "--wheel", str(path), "--wheels", str(empty))
        assert done.returncode == 1
        assert complaint in done.stderr
        assert _runs(root) == "emotion-edge 1.0"
        assert sorted(p.name for p in (root / "opt/emotion-edge").iterdir()) == before


@pytest.mark.slow
def test_what_fails_between_the_units_and_the_switch_leaves_the_old_units(
    root: Path, tmp_path: Path
) -> None:
    # What is in the way of the link, and that nobody has by chance: folders.
    (root / "opt/emotion-edge/current").mkdir(parents=True)
    v1 = str(wheel(tmp_path / "v1", "1.0").parent)
    units = root / "etc/systemd/system"
    assert _install(root, "--wheels", v1).returncode == 1
    assert list(units.iterdir()) == []
    (root / "opt/emotion-edge/current").rmdir()
    assert _install(root, "--wheels", v1).returncode == 0
    (units / "emotion-edge.service").write_text("# of version 1\n")
    (units / "emotion-edge-record.service").unlink()  # a version that had none
    before = {p: p.read_text() for p in units.iterdir() if p.is_file()}
    (root / "opt/emotion-edge/.current.new").mkdir()
    assert _install(root, "--wheels", v1).returncode == 1
    assert {p: p.read_text() for p in units.iterdir() if p.is_file()} == before
    assert _runs(root) == "emotion-edge 1.0"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--prefix", "relative"], 1, "--prefix: got 'relative'; allowed: an absolute path"),
        (["--prefix", "/"], 1, "--prefix: got ''; allowed: an absolute path"),
        (["--wheel", "/nowhere.whl"], 1, "--wheel: no such file: /nowhere.whl"),
        (["--wheels", "/nowhere"], 1, "--wheels: got '/nowhere'; allowed: a directory"),
        (["--python", "python9"], 1, "python9 not found; try: apt-get install"),
        (["--purge"], 1, "--purge: allowed: with --uninstall"),
        (["--wheel"], 1, "--wheel: needs a value"),
        (["--frobnicate"], 64, "usage: systemd/install"),
    ],
)
def test_a_mistake_is_named_and_changes_nothing(
    root: Path, arguments: list[str], code: int, message: str
) -> None:
    done = _install(root, *arguments)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert list(root.rglob("*")) == []
