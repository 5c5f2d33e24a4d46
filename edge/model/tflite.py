"""The only file that knows a TFLite interpreter: which runtime, how to load, how to run."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError, UnavailableError, cannot_read

log = logging.getLogger(__name__)

# Name in the configuration: (module, distribution). The first that is installed is `auto`.
RUNTIMES = {
    "litert": ("ai_edge_litert", "ai-edge-litert"),
    "tflite-runtime": ("tflite_runtime", "tflite-runtime"),
}

# What a runtime throws for a model that is broken; a name in it may not be UTF-8 (ValueError).
REFUSALS = (ValueError, RuntimeError, ImportError, MemoryError)
CHUNK = 1 << 20  # bytes copied at once
INPUT_TYPES = ("float32", "int8", "uint8", "int16")  # what luma can become by a table


def choose_runtime(wanted: str) -> str:
    """Return the runtime to use, `litert` or `tflite-runtime`.

    Args:
        wanted: one of these, or `auto`: the first that is installed.

    Raises:
        UnavailableError: it is not installed, or cannot work beside the NumPy that is.
    """
    names = list(RUNTIMES) if wanted == "auto" else [wanted]
    present = [n for n in names if importlib.util.find_spec(RUNTIMES[n][0]) is not None]
    if not present:
        packages = " or ".join(RUNTIMES[n][1] for n in names)
        raise UnavailableError(f"classify.runtime: {wanted}: no TFLite runtime; install {packages}")
    # Version 2.14 was built against NumPy 1's ABI, which its metadata does not say; under NumPy 2
    # the import succeeds and the interpreter dies.
    if present[0] == "tflite-runtime" and int(np.__version__.split(".")[0]) >= 2:
        raise UnavailableError(
            f"tflite-runtime {_version('tflite_runtime')} cannot work with numpy "
            f"{np.__version__}; install 'numpy<2', or ai-edge-litert instead"
        )
    return present[0]


def runtime_version(name: str) -> str:
    """Return name and version of a runtime, such as `ai-edge-litert 2.3.0`."""
    module, distribution = RUNTIMES[name]
    return f"{distribution} {_version(module)}"


def import_runtime(wanted: str) -> None:
    """Import the runtime that `wanted` names, see `choose_runtime`.

    Raises:
        UnavailableError: there is none that works.
    """
    _interpreter_class(choose_runtime(wanted))


def _version(module: str) -> str:
    try:
        # Not importlib.metadata, which takes 1.3 MB of memory.
        return str(importlib.import_module(module).__version__)
    except (ImportError, AttributeError):
        return "?"


def _interpreter_class(runtime: str) -> Callable[..., Any]:
    try:
        if runtime == "litert":
            from ai_edge_litert.interpreter import Interpreter
        else:
            from tflite_runtime.interpreter import Interpreter
    except (ImportError, AttributeError) as e:
        raise UnavailableError(
            f"{runtime_version(runtime)} with numpy {np.__version__} does not load: {e}"
        ) from e
    return Interpreter  # type: ignore[no-any-return]  # untyped package


@contextlib.contextmanager
def _native_stderr_to_log() -> Iterator[None]:
    """Send what C++ writes to descriptor 2 to the debug log: no chatter in the journal."""
    # In memory: a full /tmp must not keep the daemon from starting.
    with os.fdopen(os.memfd_create("stderr"), "w+b") as caught:
        saved = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            caught.seek(0)
            for line in caught.read(64 * 1024).decode(errors="replace").splitlines():
                log.debug("tflite: %s", line)


@contextlib.contextmanager
def _private_copy(path: Path) -> Iterator[str]:
    """Give a path to a copy of a file in memory, for as long as it takes to map it.

    Not the file itself: runtimes map it, and a file cut short later would kill us. Not
    `model_content`: tflite-runtime takes that on trust, while it verifies a path's structure and
    refuses a file that was cut short. The kernel copies it: read into Python first, the models
    leave a heap that is 0.8 MB larger for good.
    """
    fd = os.memfd_create("model")
    try:
        with path.open("rb") as f:
            while os.sendfile(fd, f.fileno(), None, CHUNK):
                pass
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


class Network:
    """A loaded model with one input. Not for use from several threads at once."""

    def __init__(self, path: Path, runtime: str = "auto", threads: int = 1) -> None:
        """Load `path`; see `choose_runtime` for `runtime`.

        Raises:
            ConfigError: the file is not a model that this runtime can run.
            UnavailableError: there is no runtime that works.
        """
        self.runtime = choose_runtime(runtime)
        interpreter_class = _interpreter_class(self.runtime)
        self.path = path
        try:
            with _private_copy(path) as copy, _native_stderr_to_log():
                self._it = interpreter_class(model_path=copy, num_threads=threads)
                self._it.allocate_tensors()
                inputs = len(self._it.get_input_details())
                if inputs == 1:
                    self._bind()
        except OSError as e:
            raise cannot_read(path, e) from e
        except REFUSALS as e:
            raise self._refused(e) from e
        if inputs != 1:
            raise ConfigError(f"{path}: {inputs} inputs; allowed: 1")
        if self.input_dtype not in INPUT_TYPES:
            raise ConfigError(
                f"{path}: its input is of type {self.input_dtype}; "
                f"allowed: {', '.join(INPUT_TYPES)}"
            )

    def _refused(self, error: Exception) -> ConfigError:
        lines = str(error).strip().splitlines()
        return ConfigError(
            f"{self.path}: {runtime_version(self.runtime)} cannot run it: "
            f"{lines[0] if lines else type(error).__name__}"
        )

    def _bind(self) -> None:
        self._input = self._it.get_input_details()[0]
        self._outputs = self._it.get_output_details()
        self.input_shape: tuple[int, ...] = tuple(int(n) for n in self._input["shape"])
        self.input_dtype = np.dtype(self._input["dtype"])
        self.output_shapes = [tuple(int(n) for n in o["shape"]) for o in self._outputs]

    def resize(self, height: int, width: int) -> None:
        """Give a fully convolutional network another input size, in pixels.

        Raises:
            ConfigError: the graph does not allow it.
        """
        shape = [1, height, width, self.input_shape[3]]
        if tuple(shape) == self.input_shape:
            return
        try:
            self._it.resize_tensor_input(self._input["index"], shape)
            with _native_stderr_to_log():
                self._it.allocate_tensors()
        except REFUSALS as e:
            raise ConfigError(f"{self.path}: cannot take {width}x{height}: {e}") from e
        self._bind()

    def input_table(self, mean: float, scale: float) -> NDArray[Any]:
        """Return what each luma 0-255 becomes at the input: 256 values of its type.

        The value is (luma - mean) * scale, quantised by the model's own scale and zero point.
        """
        real = (np.arange(256, dtype=np.float64) - mean) * scale
        if self.input_dtype.kind == "f":
            return real.astype(self.input_dtype)
        step, zero = self._input["quantization"]
        limits = np.iinfo(self.input_dtype)
        if not step > 0:
            raise ConfigError(f"{self.path}: its input has no quantisation")
        quantised = np.rint(real / step) + zero
        return np.asarray(np.clip(quantised, limits.min, limits.max), self.input_dtype)

    def run(self, tensor: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Infer; `tensor` has the input's shape and type. Returns every output, dequantised.

        Raises:
            ConfigError: the graph turns out to be broken.
        """
        try:
            self._it.set_tensor(self._input["index"], tensor)
            self._it.invoke()
            return [self._real(o) for o in self._outputs]
        except REFUSALS as e:
            raise self._refused(e) from e

    def _real(self, output: dict[str, Any]) -> NDArray[np.float32]:
        values = self._it.get_tensor(output["index"])
        if values.dtype.kind == "f":
            return np.asarray(values, np.float32)
        step, zero = output["quantization"]
        return dequantise(values, step, zero)


def dequantise(values: NDArray[Any], step: float, zero: int) -> NDArray[np.float32]:
    """Return (values - zero) * step, as TFLite's 8-bit quantisation specification defines it."""
    return (values.astype(np.float32) - np.float32(zero)) * np.float32(step)
