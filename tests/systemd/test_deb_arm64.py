"""The Debian package for arm64, built here: what is in it is for that processor."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tarfile
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
EM_AARCH64 = 183  # elf.h
E_MACHINE = 18  # its place in an ELF header: two bytes, little-endian

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("dpkg-deb") is None:
        pytest.skip("needs dpkg-deb (package dpkg)")
    folder = tmp_path_factory.mktemp("package")
    build = [REPO / "packaging/deb/build", "--arch", "arm64", "--python", "3.11", "--out", folder]
    build += ["--compression", "none"]  # takes half the time, and is not what is looked at
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.split()[-1])


def test_it_says_what_it_is_for(package: Path) -> None:
    asked = ["dpkg-deb", "--field", package, "Architecture", "Depends", "Maintainer"]
    fields = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    assert "Architecture: arm64" in fields
    assert "python3 (>= 3.11~), python3 (<< 3.12~)" in fields
    assert "localhost" not in fields


def test_every_binary_is_for_arm64_and_nothing_is_missing(package: Path) -> None:
    unpack = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
    assert unpack.stdout is not None
    machines: dict[str, int] = {}
    with tarfile.open(fileobj=unpack.stdout, mode="r|") as files:
        names = set()
        for entry in files:
            names.add(entry.name.removeprefix("."))
            content = files.extractfile(entry)
            if content is not None and (head := content.read(20))[:4] == b"\x7fELF":
                machines[entry.name] = struct.unpack_from("<H", head, E_MACHINE)[0]
    assert unpack.wait() == 0
    assert {n: m for n, m in machines.items() if m != EM_AARCH64} == {}
    lib = "/usr/lib/emotion-edge"
    for package_with_binaries in ("cv2", "numpy", "msgspec", "ai_edge_litert"):
        assert any(n.startswith(f".{lib}/{package_with_binaries}") for n in machines)
    assert names >= {
        f"{lib}/edge/models/emotion/model.tflite",
        f"{lib}/edge/models/face/model.tflite",
        "/usr/bin/emotion-edge",
        "/usr/lib/systemd/system/emotion-edge.service",
        "/etc/emotion-edge/config.toml",
        "/usr/share/man/man1/emotion-edge.1.gz",
        "/usr/share/bash-completion/completions/emotion-edge",
    }
