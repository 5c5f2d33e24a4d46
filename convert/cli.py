"""`emotion-convert`: one module a command, each with `add_parser(subparsers)` and `run(args)`."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence

from edge.errors import EdgeError

# Imported for every call, so these modules import TensorFlow and the like inside functions only.
COMMANDS = (
    "convert.inspect.command",
    "convert.train.command",
    "convert.train.average",
    "convert.evaluate.command",
    "convert.evaluate.compare",
    "convert.evaluate.explain",
    "convert.evaluate.schema",
    "convert.quantize.command",
    "convert.quantize.prior",
    "convert.recover",
    "convert.detector.command",
    "convert.detector.evaluate",
    "convert.detector.quantize",
    "convert.refine.command",
    "convert.refine.quantize",
    "convert.state.label",
    "convert.state.command",
    "convert.state.evaluate",
    "convert.state.quantize",
)
EX_INTERRUPTED = 130  # 128 + SIGINT, as shells say it
EX_USAGE, EX_IOERR = 64, 74  # sysexits.h


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="emotion-convert",
        description="Trains, evaluates and quantises the models that emotion-edge runs.",
    )
    top.add_argument("-v", "--verbose", action="store_true", help="say more on standard error")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(name).add_parser(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; errors become one line on standard error and an exit code of sysexits."""
    try:
        args = parser().parse_args(argv)
    except SystemExit as e:  # argparse has said why; its 2 is not of sysexits
        return EX_USAGE if e.code not in (0, None) else 0
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if args.verbose else logging.INFO,
        format="%(levelname)s %(message)s",
    )
    for noisy in ("matplotlib", "PIL", "h5py", "absl", "tensorflow", "jax"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets at length otherwise
    # The same sums in every run. With oneDNN, TensorFlow 2.21 writes beside its memory on AVX-512
    # (gradients of a convolution of 1x1 with stride 2 and few channels: "double free", aborted).
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    try:
        code: int = args.run(args)
        sys.stdout.flush()
    except EdgeError as e:
        print(f"emotion-convert {args.command}: {e}", file=sys.stderr)
        return e.exit_code
    except KeyboardInterrupt:
        print(f"emotion-convert {args.command}: interrupted", file=sys.stderr)
        return EX_INTERRUPTED
    except BrokenPipeError:  # `| head` had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as e:
        where = f"{e.filename}: " if e.filename else ""
        print(f"emotion-convert {args.command}: {where}{e.strerror or e}", file=sys.stderr)
        return EX_IOERR
    return code


if __name__ == "__main__":
    sys.exit(main())
