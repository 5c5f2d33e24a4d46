"""`emotion-edge doctor`: what to paste into a bug report."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge.commands.common import add_service_options, config_path, load_as_service
from edge.errors import EdgeError

if TYPE_CHECKING:
    from edge.service.unit import Unit

PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "ai-edge-litert",
    "tflite-runtime",
    "paho-mqtt",
    "msgspec",
    "prometheus-client",
    "tornado",
    "tomlkit",
    "sqlalchemy",
    "alembic",
    "psycopg",
    "pyarrow",
)
LOG_LINES = 50
ASK_S = 10.0  # for the journal


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor",
        help="print what a bug report needs: versions, hardware, configuration, last log lines",
        description="Passwords, tokens and users in addresses are left out; read it before you "
        "send it all the same. As root it sees the service's environment and log.",
    )
    add_service_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report; whatever cannot be had is said in its place."""
    from edge.redact import redact

    # Read first: from then on `redact` knows the configured secrets.
    configuration, unit = _configuration(args)
    parts = [
        ("versions", _versions()),
        ("machine", _machine()),
        ("configuration", configuration),
        ("service", _service(unit)),
        ("log", _log(unit)),
    ]
    for title, lines in parts:
        print(f"## {title}")
        for line in lines:
            print(redact("".join(c if c.isprintable() else "?" for c in line)))
        print()
    return 0


def _versions() -> list[str]:
    from edge import __version__

    lines = [f"emotion-edge {__version__} in {Path(__file__).parents[1]}"]
    lines.append(f"Python {platform.python_version()} ({sys.executable})")
    for name in PACKAGES:
        try:
            lines.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{name} -")
    return lines


def _machine() -> list[str]:
    from edge import host
    from edge.tools.bench_report import known

    lines = [f"{platform.machine()}, {os.cpu_count()} processors, {platform.release()}"]
    for path in ("/etc/os-release", "/proc/device-tree/model", "/proc/meminfo"):
        try:
            text = Path(path).read_text(errors="replace")
        except OSError:
            continue
        wanted = ("PRETTY_NAME=", "MemTotal:", "MemAvailable:")
        lines += [
            " ".join(line.strip("\0").split())
            for line in text.splitlines()
            if line.startswith(wanted) or path.endswith("model")
        ]
    lines.append(f"temperature {known(host.temperature_c(), ' °C')}")
    lines.append(f"throttled: {known(host.throttled(), '')}")
    videos = sorted(str(p) for p in Path("/dev").glob("video*"))
    lines.append(f"cameras: {' '.join(videos) or 'no /dev/video*'}")
    for folder in ("/tmp", "/var/lib"):
        try:
            stat = os.statvfs(folder)
        except OSError as e:
            lines.append(f"{folder}: {e.strerror}")
        else:
            lines.append(f"{folder}: {stat.f_bavail * stat.f_frsize // 2**20} MiB free")
    return lines


def _configuration(args: argparse.Namespace) -> tuple[list[str], Unit | None]:
    """Return what differs from the defaults, or what is wrong."""
    import msgspec

    from edge.config import Config
    from edge.configfile import effective

    lines = [f"file: {config_path(args) or 'none'}"]
    try:
        config, unit = load_as_service(args)
    except EdgeError as e:
        return [*lines, *str(e).splitlines()], None
    default = msgspec.to_builtins(Config())
    for section, value in effective(config).items():
        if isinstance(value, dict):
            lines += [
                f"{section}.{key} = {v!r}" for key, v in value.items() if v != default[section][key]
            ]
        elif value != default[section]:
            lines.append(f"{section} = {value!r}")
    return lines, unit


def _service(unit: Unit | None) -> list[str]:
    if unit is None:
        return ["no unit for this configuration, or no systemd"]
    keys = "ActiveState,SubState,Result,StatusText,NRestarts,ExecMainStatus,MemoryCurrent,MemoryMax"
    return [unit.name, *_said("systemctl", "show", f"--property={keys}", unit.name)]


def _log(unit: Unit | None) -> list[str]:
    if unit is None:
        return ["none"]
    words = ("--no-pager", "--quiet", "--output=short-iso", f"--lines={LOG_LINES}")
    lines = _said("journalctl", *words, "--unit", unit.name)
    # Without a broker, events go to the journal; what people felt is nothing for a bug report.
    return [x for x in lines if '"specversion"' not in x] or ["none that this user may read"]


def _said(*command: str) -> list[str]:
    """Return what a program prints, its complaints too."""
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=ASK_S,
        )
    except OSError as e:
        return [f"{command[0]}: {e.strerror}"]
    except subprocess.TimeoutExpired:
        return [f"{command[0]}: no answer in {ASK_S:g} s"]
    return done.stdout.splitlines()
