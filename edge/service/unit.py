"""The systemd unit that runs the daemon: what it hands over, and a command in its sandbox.

Commands that a person runs should see what the service sees: the variables of its environment
files, the secrets that come as credentials, and the files that its sandbox lets it read.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigError, UnavailableError, UsageError

NAME = "emotion-edge"
CREDENTIALS = Path("/run/credentials")  # systemd.exec(5): a folder a unit
ASK_S = 10.0  # for an answer of the service manager
TRY_S = 180  # for a command in the sandbox
# What is about being a service; the rest of the section is what a process finds around it. Its
# state is not for others either: the service may be running.
_LIFE = re.compile(
    r"Exec|Restart|Type$|NotifyAccess$|Watchdog|Timeout|RuntimeMax|KillMode$|KillSignal$|"
    r"StateDirectory|RemainAfterExit$|SuccessExitStatus$|PIDFile$|BusName$|StandardInput$|"
    r"StandardOutput$|StandardError$|FileDescriptorStoreMax$|OOMPolicy$|Slice$"
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit's section [Service], drop-ins included."""

    name: str  # "emotion-edge@front.service"
    settings: tuple[tuple[str, str], ...]  # in order; specifiers such as %i are replaced

    def values(self, key: str) -> list[str]:
        """Return what a key that may be given several times adds up to; empty starts over."""
        found: list[str] = []
        for name, value in self.settings:
            if name == key:
                found = [*found, value] if value else []
        return found

    def environment(self) -> dict[str, str]:
        """Return the variables that the unit sets; those of files are stronger, as in systemd.

        Raises:
            ConfigError: a file is there and cannot be read.
        """
        variables: dict[str, str] = {}
        for line in self.values("Environment"):
            variables.update(_assignment(word) for word in shlex.split(line) if "=" in word)
        for given in self.values("EnvironmentFile"):
            path = Path(given.removeprefix("-"))
            try:
                text = path.read_text("utf-8", errors="surrogateescape")
            except FileNotFoundError:
                continue
            except OSError as e:
                raise ConfigError(f"{path}: {e.strerror}{_as_root(e)}") from None
            variables.update(environment_file(text))
        return variables

    def credential(self, name: str) -> Path | None:
        """Return the file that a credential is loaded from; None: it is not given."""
        for line in reversed(self.values("LoadCredential")):
            key, colon, path = line.partition(":")
            if key == name and colon:
                try:
                    # The unit's own default is a line end, and that is what no password looks like.
                    return Path(path) if Path(path).stat().st_size > 1 else None
                except FileNotFoundError:
                    return None
                except OSError as e:
                    raise ConfigError(f"{path}: {e.strerror}{_as_root(e)}") from None
        return None

    def active(self) -> str | None:
        """Return what the running service says of itself; None: it does not run."""
        answer = _systemctl("show", "--property=ActiveState,StatusText", self.name)
        found = dict(line.partition("=")[::2] for line in (answer or "").splitlines())
        if found.get("ActiveState") not in ("active", "reloading"):
            return None
        return found.get("StatusText", "")

    def option(self, name: str) -> str:
        """Return the value of an option that `emotion-edge run` is started with, or nothing."""
        words = self.starts()
        return words[words.index(name) + 1] if name in words[:-1] else ""

    def starts(self) -> list[str]:
        """Return the program that the unit starts, and its arguments."""
        lines = self.values("ExecStart")
        return shlex.split(lines[-1].lstrip("-@:+!|")) if lines else []

    def sandboxed(self, command: str, *more: str) -> list[str]:
        """Return a command line that runs `command` instead of `run` in the unit's sandbox.

        It waits for the end, hands through output and exit code, and needs root.

        Raises:
            UnavailableError: the unit does not start `emotion-edge run`.
        """
        words = self.starts()
        if words[1:2] != ["run"]:
            raise UnavailableError(f"{self.name}: ExecStart is not `emotion-edge run ...`")
        properties = [f"--property={k}={v}" for k, v in self.settings if not _LIFE.match(k)]
        return [
            "systemd-run",
            *("--quiet", "--wait", "--pipe", "--collect"),
            f"--unit={NAME}-{command}-{os.getpid()}",
            f"--property=RuntimeMaxSec={TRY_S}",
            *properties,
            *("--", words[0], command, *words[2:], *more),
        ]


def name_for(config: Path) -> str | None:
    """Return the unit that reads a configuration file; None: it is nobody's."""
    from edge.configfile import DEFAULT_PATH

    if config == DEFAULT_PATH:
        return f"{NAME}.service"
    if config.parent == DEFAULT_PATH.parent and config.suffix == ".toml":
        return f"{NAME}@{config.stem}.service"
    return None


def find(name: str) -> Unit | None:
    """Return a unit as the service manager knows it; None: there is none, or no systemd."""
    text = _systemctl("cat", name)
    return parse(name, text) if text else None


def parse(name: str, text: str) -> Unit:
    """Return a unit out of its files, one after the other, drop-ins last."""
    instance = name.removesuffix(".service").partition("@")[2]
    host = socket.gethostname()
    known = {"i": instance, "I": instance, "n": name, "N": name.removesuffix(".service")}
    known |= {"p": NAME, "H": host, "l": host.partition(".")[0], "%": "%"}
    settings = []
    section = ""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        line = line.strip()
        if line.startswith(("#", ";")) or not line:
            continue
        if line.startswith("["):
            section = line
        elif section == "[Service]":
            key, _, value = line.partition("=")
            value = re.sub(r"%(.)", lambda m: known.get(m[1], m[0]), value.strip())
            settings.append((key.strip(), value))
    return Unit(name, tuple(settings))


def environment_file(text: str) -> dict[str, str]:
    """Return the variables of an EnvironmentFile=, by the rules of systemd.exec(5)."""
    variables = {}
    for line in re.sub(r"\\\n", "", text).splitlines():
        line = line.strip()
        if line and not line.startswith(("#", ";")) and "=" in line:
            key, value = _assignment(line)
            variables[key.strip()] = _unquoted(value.strip())
    return variables


def _assignment(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, value


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) > 1 and value[0] == value[-1] == '"':
        return re.sub(r'\\(["\\`$])', r"\1", value[1:-1])
    return re.sub(r"\\(.)", r"\1", value)


def run_in_sandbox(unit: Unit, command: str, *more: str) -> int:
    """Run a command as `Unit.sandboxed` says; return its exit code.

    Raises:
        UsageError: this is not root.
        UnavailableError: it cannot be run there.
    """
    if os.geteuid() != 0:
        raise UsageError(f"{command} --service: only root may start something in the sandbox: sudo")
    try:
        return subprocess.run(unit.sandboxed(command, *more)).returncode
    except OSError as e:
        raise UnavailableError(f"systemd-run: {e.strerror}") from e


def _systemctl(*words: str) -> str | None:
    try:
        done = subprocess.run(
            ["systemctl", *words], capture_output=True, text=True, timeout=ASK_S, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _as_root(error: OSError) -> str:
    denied = isinstance(error, PermissionError) and os.geteuid() != 0
    return "; only root sees what the service sees: sudo" if denied else ""
