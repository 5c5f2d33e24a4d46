"""Text from the broker, as it may be shown on a terminal."""

from __future__ import annotations


def plain(text: str) -> str:
    """Return `text` without control characters: a message must not drive the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def span(seconds: float) -> str:
    """Return a length of time in its largest unit, such as `12 min`."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
