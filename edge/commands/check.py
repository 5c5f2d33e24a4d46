"""`emotion-edge check`: what works, what does not, and what to do about it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge.commands.common import add_service_options, config_path, load_as_service
from edge.errors import EdgeError, NoInputError, UnavailableError, UsageError

if TYPE_CHECKING:
    from edge.config import Config

Part = tuple[str, Callable[["Config"], str]]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help="try configuration, runtime, model, detector, camera and broker; one line each",
        description="Reads what the service reads, its environment files and credentials too. Ends "
        "with the exit code of the first thing that is wrong, 0 if nothing is.",
    )
    add_service_options(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--service",
        nargs="?",
        const="",
        metavar="INSTANCE",
        help="in the sandbox of the service, or of emotion-edge@INSTANCE: finds what it may not "
        "read or reach; as root",
    )
    how.add_argument(
        "--config-only", action="store_true", help="only the configuration; says nothing if good"
    )
    # What the service says that runs beside this: handed into the sandbox, which cannot ask.
    parser.add_argument("--beside", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check each part for real; a part that fails does not keep the others from being checked."""
    if args.service is not None:
        return _in_sandbox(args)
    try:
        config, unit = load_as_service(args)
        _with_its_model(config)
    except EdgeError as e:
        if args.config_only:
            raise
        _report("configuration", str(e), good=False)
        return e.exit_code
    if args.config_only:
        return 0
    path = config_path(args)
    said = f"no mistakes in {path}" if path else "no file; the defaults"
    _report("configuration", said + (f", read as {unit.name} does" if unit else ""))
    beside = args.beside
    if unit is not None and (status := unit.active()) is not None:
        beside = f"{unit.name}: {status}"
    code = 0
    for name, part in _parts(config, beside):
        try:
            _report(name, part(config))
        except EdgeError as e:
            _report(name, str(e), good=False)
            code = code or e.exit_code
    return code


def _with_its_model(config: Config) -> None:
    """Check what the configuration says of the model's labels, as `run` does before it starts.

    A model that cannot be read is no mistake of these keys: its own part says so.
    """
    from edge.model.manifest import find_model, load_manifest
    from edge.pipeline import check_labels

    if not config.classify.enabled:
        return
    try:
        manifest = load_manifest(find_model(config.classify.model))
    except EdgeError:
        return
    check_labels(config, manifest.labels, manifest.prior)


def _in_sandbox(args: argparse.Namespace) -> int:
    from edge.service import unit as units

    if args.config is not None or args.default_name:
        raise UsageError("check --service: --config is the unit's; allowed: --set")
    name = f"{units.NAME}@{args.service}.service" if args.service else f"{units.NAME}.service"
    unit = units.find(name)
    if unit is None:
        raise UnavailableError(f"{name}: no such unit here; see docs/install.md")
    more = [word for item in args.sets for word in ("--set", item)]
    if (status := unit.active()) is not None:
        more += ["--beside", f"{name}: {status}"]
    return units.run_in_sandbox(unit, "check", *more)


def _parts(config: Config, beside: str | None) -> list[Part]:
    from edge.config_rules import asked_states

    return [
        *([("profile", _profile)] if config.profile else []),
        ("runtime", _runtime),
        ("model", _model),
        *[(f"attribute {a.name}", _attribute(i)) for i, a in enumerate(config.attribute)],
        *([("state", _state)] if asked_states(config) else []),
        ("detector", _detector),
        ("camera", _camera(beside)),
        ("broker", _broker),
        *([("metrics", _metrics(beside))] if config.metrics.enabled else []),
    ]


def _report(name: str, text: str, *, good: bool = True) -> None:
    mark = "ok  " if good else "FAIL"
    if sys.stdout.isatty():
        mark = f"\x1b[{32 if good else 31}m{mark}\x1b[0m"
    lines = text.splitlines() or [""]
    print(f"{mark} {name:<14} {lines[0]}", flush=True)
    for more in lines[1:]:
        print(f"     {'':<14} {more}", flush=True)


def _runtime(config: Config) -> str:
    import cv2
    import numpy as np

    from edge.model.tflite import choose_runtime, runtime_version

    runtime = choose_runtime(config.classify.runtime)
    return f"{runtime_version(runtime)}, numpy {np.__version__}, OpenCV {cv2.__version__}"


def _profile(config: Config) -> str:
    import msgspec

    from edge.profiles import PROFILES, lines

    name = config.profile
    return "\n".join([f"{name}: {PROFILES[name].what}", *lines(name, msgspec.to_builtins(config))])


def _model(config: Config) -> str:
    from edge.build import load_emotion

    if not config.classify.enabled:
        return "none: classify.enabled is false, no emotion is judged"

    m = load_emotion(config).manifest
    return (
        f"{m.name}, {m.quantisation}, {m.input.width}x{m.input.height}, sha256 {m.sha256[:12]}..., "
        f"labels {' '.join(m.labels)}"
    )


def _attribute(index: int) -> Callable[[Config], str]:
    def part(config: Config) -> str:
        from edge.build import load_attribute

        entry = config.attribute[index]
        m = load_attribute(entry.model, entry.name, config).manifest
        return f"{m.name}, {m.quantisation}, labels {' '.join(m.labels)}"

    return part


def _state(config: Config) -> str:
    from edge.build import load_state

    m = load_state(config).manifest
    return f"{m.name}, {m.quantisation}, {' '.join(o.name for o in m.outputs)}"


def _detector(config: Config) -> str:
    import numpy as np

    from edge.build import load_detector

    detector = load_detector(config)
    detector.detect(np.zeros((config.camera.height, config.camera.width), np.uint8))
    return f"{config.detect.name}, {config.detect.width} pixels wide, {config.detect.rate:g}/s"


def _camera(beside: str | None) -> Callable[[Config], str]:
    def part(config: Config) -> str:
        from edge.camera import is_live, probe
        from edge.clock import SystemClock

        try:
            return probe(config.camera, SystemClock())
        except NoInputError as e:
            if beside is None or not is_live(config.camera):
                raise
            unit, _, status = beside.partition(": ")
            if status.startswith("camera lost"):
                raise NoInputError(f"{e}\n{unit}, which is running, says: {status}") from e
            return (
                f"not tried: {unit} is running and has the camera; it says: {status}\n"
                f"to try it here: systemctl stop {unit} (what was found now: {e})"
            )

    return part


def _broker(config: Config) -> str:
    if not config.mqtt.host:
        return "none configured: events go to standard output"
    from edge.build import device_name
    from edge.publish import probe_broker

    return probe_broker(config, device_name(config))


def _metrics(beside: str | None) -> Callable[[Config], str]:
    def part(config: Config) -> str:
        import importlib
        import importlib.metadata
        import socket

        from edge.publish.metered import MISSING

        try:
            importlib.import_module("edge.publish.metrics")
            version = importlib.metadata.version("prometheus-client")
        except ImportError as e:
            raise UnavailableError(f"metrics.enabled: {MISSING} ({e})") from e
        address, port = config.metrics.address, config.metrics.port
        if beside is None:  # else it is the service that listens there
            try:
                family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
                with socket.create_server((address, port), family=family):
                    pass
            except OSError as e:
                raise UnavailableError(f"metrics: {address}:{port}: {e.strerror or e}") from e
        return f"prometheus-client {version}, {address}:{port}"

    return part
