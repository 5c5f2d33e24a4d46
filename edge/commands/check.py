"""`emotion-edge check`: what works, what does not, and what to do about it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge.commands.common import add_config_options, load_config
from edge.errors import EdgeError

if TYPE_CHECKING:
    from edge.config import Config


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help="try configuration, runtime, model, detector, camera and broker; one line each",
        description="Ends with the exit code of the first thing that is wrong, 0 if nothing is.",
    )
    add_config_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check each part for real; a part that fails does not keep the others from being checked."""
    try:
        config = load_config(args)
    except EdgeError as e:
        _report("configuration", str(e), good=False)
        return e.exit_code
    _report("configuration", "no mistakes")
    code = 0
    parts: list[tuple[str, Callable[[Config], str]]] = [
        ("runtime", _runtime),
        ("model", _model),
        *[(f"attribute {a.name}", _attribute(i)) for i, a in enumerate(config.attribute)],
        ("detector", _detector),
        ("camera", _camera),
        ("broker", _broker),
    ]
    for name, part in parts:
        try:
            _report(name, part(config))
        except EdgeError as e:
            _report(name, str(e), good=False)
            code = code or e.exit_code
    return code


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


def _model(config: Config) -> str:
    from edge.build import load_emotion

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


def _detector(config: Config) -> str:
    import numpy as np

    from edge.build import load_detector

    detector = load_detector(config)
    detector.detect(np.zeros((config.camera.height, config.camera.width), np.uint8))
    return f"{config.detect.name}, {config.detect.width} pixels wide, {config.detect.rate:g}/s"


def _camera(config: Config) -> str:
    from edge.camera import probe
    from edge.clock import SystemClock

    return probe(config.camera, SystemClock())


def _broker(config: Config) -> str:
    if not config.mqtt.host:
        return "none configured: events go to standard output"
    from edge.publish import probe_broker

    return probe_broker(config)
