"""What the devices of a broker say of themselves, and whether all is well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from edge.client.device import FACE_REASONS, Device
from edge.client.text import plain, span
from edge.contract import ModelInfo
from edge.messages import Status


class Row(Struct, frozen=True, kw_only=True):
    """One device; `problems` is empty when all is well."""

    device: str
    online: bool
    problems: list[str]
    tags: list[str] = []
    status: str | None = None
    version: str | None = None
    contract: str | None = None
    model: str | None = None
    fps: float | None = None
    faces: int | None = None
    uptime_s: float | None = None
    health_age_s: float | None = None
    outbox_depth: int | None = None
    outbox_oldest_s: float | None = None
    outbox_lost: int | None = None
    memory_mb: float | None = None
    temperature_c: float | None = None


def rows(
    devices: Iterable[Device], expected: Sequence[str], wall: float, max_age_s: float
) -> list[Row]:
    """Return a row a device, by name; devices that were expected and never spoke have one too.

    Args:
        devices: what is known.
        expected: names that must be there.
        wall: seconds since 1970, now.
        max_age_s: an older health message is a problem.
    """
    found = {d.name: _row(d, wall, max_age_s) for d in devices if _has_spoken(d)}
    for name in expected:
        if name not in found:
            found[name] = Row(device=name, online=False, problems=["never_seen"])
    return [found[name] for name in sorted(found)]


def _has_spoken(d: Device) -> bool:
    return any((d.online is not None, d.health, d.state, d.info))


def _row(d: Device, wall: float, max_age_s: float) -> Row:
    problems: list[str] = []
    h, info = d.health, d.info
    age = _age(h.time, wall) if h is not None else None
    if not d.online:
        stopped = d.state is not None and d.state.status == Status.STOPPED
        problems.append(Status.STOPPED if stopped else "offline")
    else:
        if h is not None:
            problems += [r for r in h.reasons if r not in FACE_REASONS]
        if age is None:
            problems.append("no_health")
        elif age > max_age_s:
            problems.append("health_old")  # or the device's clock is wrong
    if not d.compatible:
        problems.append("contract_unknown")
    if d.invalid:
        problems.append("messages_invalid")
    return Row(
        device=d.name,
        online=bool(d.online),
        tags=d.tags,
        problems=list(dict.fromkeys(problems)),
        status=d.state.status if d.state is not None else None,
        version=info.version if info is not None else None,
        contract=info.contract if info is not None else None,
        model=_model(info.model) if info is not None else None,
        health_age_s=age,
        fps=d.fps,
        faces=d.faces,
        **{name: getattr(h, name) for name in _OF_HEALTH} if h is not None else {},
    )


def _model(m: ModelInfo) -> str | None:
    """Return its name and how its sha256 begins; None: the device judges no emotion."""
    return f"{m.name} {m.sha256[:8]}" if m.name else None


_OF_HEALTH = (
    "uptime_s",
    "outbox_depth",
    "outbox_oldest_s",
    "outbox_lost",
    "memory_mb",
    "temperature_c",
)


def _age(said: str, wall: float) -> float | None:
    try:
        return round(wall - datetime.fromisoformat(said).timestamp(), 1)
    except ValueError:
        return None


def table(found: Sequence[Row]) -> list[str]:
    """Return the lines of a table, the header first and a summary last."""
    head = ["device", "", "version", "model", "frames/s", "faces", "waiting", "oldest", "problems"]
    cells = [head, *(_cells(row) for row in found)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
    lines = [
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells
    ]
    well = sum(not row.problems for row in found)
    online = sum(row.online for row in found)
    devices = f"{len(found)} device{'s' * (len(found) != 1)}"
    return [*lines, f"{devices}, {online} online, {len(found) - well} with problems"]


def _cells(r: Row) -> list[str]:
    return [
        plain(r.device),
        "online"
        if r.online
        else f"offline {span(r.health_age_s)}"
        if r.health_age_s
        else "offline",
        plain(r.version or "-"),
        plain(r.model or "-"),
        "-" if r.fps is None else f"{r.fps:.1f}",
        "-" if r.faces is None else str(r.faces),
        "-" if r.outbox_depth is None else str(r.outbox_depth),
        "-" if not r.outbox_oldest_s else span(r.outbox_oldest_s),
        plain(", ".join(r.problems)),
    ]
