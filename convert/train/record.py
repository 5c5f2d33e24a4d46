"""What a training was done with, for its record."""

from __future__ import annotations

import platform
from importlib import metadata

TOOLS = ("keras", "tensorflow", "tensorflow-cpu", "torch", "jax", "numpy")


def versions() -> dict[str, str]:
    """Return the versions of Python, the Keras backend and the packages that decide a result."""
    import keras

    found = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for name in (*TOOLS, "opencv-python-headless", "emotion-edge"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
