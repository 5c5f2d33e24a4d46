"""A program of a few lines in place of ours, for what is about installing and not about running."""

from __future__ import annotations

import zipfile
from pathlib import Path

SAYS = "print('emotion-edge {}')"
# Says that it is ready and alive, as the unit asks, until it is ended.
LIVES = """\
import os, socket, time
while True:
    if "NOTIFY_SOCKET" in os.environ:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"READY=1\\nWATCHDOG=1", os.environ["NOTIFY_SOCKET"].replace("@", "\\0", 1))
    time.sleep(1)
"""


def wheel(folder: Path, version: str, body: str = "", needs: str = "") -> Path:
    """A wheel that pip takes for emotion-edge; its command prints its version, or runs `body`.

    `needs` are the names of its extras, each of which asks for a package of that name.
    """
    extras = [f"Provides-Extra: {n}\nRequires-Dist: {n}; extra == '{n}'\n" for n in needs.split()]
    main = "".join(f"    {line}\n" for line in (body or SAYS.format(version)).splitlines())
    files = {"stub.py": f"def main():\n{main}"}
    return package(folder, "emotion_edge", version, files, "".join(extras))


def package(
    folder: Path, name: str, version: str, files: dict[str, str], metadata: str = ""
) -> Path:
    """A wheel with these files; `metadata` are further lines of it."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}",
        )
        if "stub.py" in files:
            script = "[console_scripts]\nemotion-edge = stub:main\n"
            archive.writestr(f"{info}/entry_points.txt", script)
        archive.writestr(f"{info}/RECORD", "")
    return path
