"""Downloads what is not shipped, from its project's own address, and says where it is kept."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.errors import StorageError, UnavailableError, UsageError

SYSTEM_STORE = Path("/usr/local/share/emotion-edge")  # readable for a service with its own user
CHUNK = 64 * 1024  # bytes
TIMEOUT_S = 30.0  # without a byte


@dataclass(frozen=True, slots=True)
class Download:
    """One file, exactly."""

    name: str
    url: str
    sha256: str
    size: int  # bytes
    about: str  # what it is, and its licence


YUNET = Download(
    name="face_detection_yunet_2026may.onnx",
    url="https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/"
    "face_detection_yunet_2026may.onnx",
    sha256="ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
    size=229_738,
    about="YuNet face detector, OpenCV Zoo, MIT licence",
)
DOWNLOADS = {"yunet": YUNET}


def stores(env: Mapping[str, str], *, root: bool) -> tuple[Path, ...]:
    """Return the folders searched for downloads; the first is where new ones go.

    Args:
        env: `XDG_DATA_HOME` and `HOME` are read, as the XDG base directory specification says.
        root: whether this is root, whose downloads are for every user.
    """
    home = env.get("XDG_DATA_HOME", "")
    if not home.startswith("/") and env.get("HOME", "").startswith("/"):
        home = str(Path(env["HOME"], ".local", "share"))
    own = Path(home, "emotion-edge") if home.startswith("/") else None
    if root or own is None:
        return (SYSTEM_STORE,) if own is None else (SYSTEM_STORE, own)
    return (own, SYSTEM_STORE)


def find(download: Download) -> Path | None:
    """Return where a download was kept, or None."""
    for folder in stores(os.environ, root=os.geteuid() == 0):
        path = folder / download.name
        try:
            if path.is_file():
                return path
        except OSError:  # a home that this service may not enter
            continue
    return None


def fetch(
    download: Download, folder: Path, *, url: str | None = None, timeout_s: float = TIMEOUT_S
) -> Path:
    """Download a file into `folder`, check it, and put it in place in one step.

    A file already there with the right checksum is left alone. Whatever goes wrong, neither a
    part nor a wrong file is left behind, and an older file stays.

    Args:
        download: what.
        folder: where; made when missing.
        url: a mirror; the checksum is the same.
        timeout_s: seconds without a byte.

    Raises:
        UnavailableError: it cannot be had from there, or what comes is not the file.
        StorageError: it cannot be written.
        UsageError: `url` is no http or https address.
    """
    source = url or download.url
    if not source.startswith(("https://", "http://")):
        raise UsageError(f"--url: got {source!r}; allowed: an http:// or https:// address")
    path = folder / download.name
    try:
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == download.sha256:
            return path
        content = _received(download, source, timeout_s)
        _place(path, content)
    except OSError as e:
        raise StorageError(f"{e.filename or folder}: {e.strerror or e}") from e
    return path


def _received(download: Download, source: str, timeout_s: float) -> bytes:
    import http.client  # here: every command reads this file, and these two load slowly
    import urllib.error
    import urllib.request

    content = bytearray()
    try:
        request = urllib.request.Request(source, headers={"User-Agent": "emotion-edge"})
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            while part := answer.read1(CHUNK):
                content += part
                if len(content) > download.size:
                    raise UnavailableError(
                        f"{source}: more than the {download.size} bytes of {download.name}; "
                        "nothing was kept"
                    )
    except urllib.error.HTTPError as e:
        raise UnavailableError(f"{source}: the server answers {e.code} {e.reason}") from e
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as e:
        reason = getattr(e, "reason", None) or e
        raise UnavailableError(
            f"{source}: {reason} after {len(content)} of {download.size} bytes; nothing was kept"
        ) from e
    if len(content) < download.size:
        raise UnavailableError(
            f"{source}: ended after {len(content)} of {download.size} bytes; nothing was kept"
        )
    digest = hashlib.sha256(content).hexdigest()
    if digest != download.sha256:
        raise UnavailableError(
            f"{source}: sha256 is {digest}, {download.name} has {download.sha256}; nothing was kept"
        )
    return bytes(content)


def _place(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as f:
            f.write(content)
            f.flush()
            os.fsync(f.fileno())
        partial.chmod(0o644)  # mkstemp's 0600 would hide it from the service
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
