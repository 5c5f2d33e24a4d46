"""How figures are written: the same on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Iterable

from edge.report.figures import Cell, DeviceRow, Report, Side

# As on the dashboard (edge/web/static/emotions.js): pleasant ones first.
ORDER = ("happy", "surprise", "neutral", "sad", "fear", "disgust", "angry")
UNKNOWN = "unknown"


def labels(sides: Iterable[Side]) -> list[str]:
    """Return the emotions that there are figures of, in the order in which they are shown."""
    found = {e for s in sides for c in (s.total, *s.hours, *s.weekdays) for e in c.emotions}
    known = [e for e in ORDER if e in found]
    others = sorted(found - set(ORDER) - {UNKNOWN})
    return [*known, *others, *([UNKNOWN] if UNKNOWN in found else [])]


def count(n: int) -> str:
    """Return a number with its thousands apart."""
    return f"{n:,}"


def people(cell: Cell, k: int) -> str:
    """Return how many visitors, or why that is not said."""
    if cell.visitors is not None:
        return count(cell.visitors)
    return f"fewer than {k}" if cell.shown == "few" else "withheld"


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share as per cent; a dash where there is none."""
    return "-" if share is None else f"{100 * share:.{digits}f} %"


def most(share: float) -> str:
    """Return a share near 1 such that it reads 100 % only where it is all."""
    for digits in (0, 1, 2):
        text = f"{100 * share:.{digits}f}"
        if share >= 1 or float(text) < 100:
            return f"{text} %"
    return "99.99 %"


def least(share: float) -> str:
    """Return a share near 0 such that it reads 0 % only where it is nothing."""
    for digits in (0, 1, 2):
        text = f"{100 * share:.{digits}f}"
        if share <= 0 or float(text) > 0:
            return f"{text} %"
    return "less than 0.01 %"


def seconds(s: float | None) -> str:
    """Return a length of time as one says it: 4.2 s, 38 s, 3 min 05 s, 2 h 10 min."""
    if s is None:
        return "-"
    if s < 9.95:
        return f"{s:.1f} s"
    if s < 59.5:
        return f"{s:.0f} s"
    whole = round(s)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{count(whole // 3600)} h {whole % 3600 // 60:02} min"


def change(now: float | None, before: float | None) -> str:
    """Return by how much something grew; a dash where that cannot be said."""
    if now is None or not before:
        return "-"
    return _signed(100 * (now - before) / before, "%")


def points(now: float | None, before: float | None) -> str:
    """Return by how many percentage points a share grew."""
    return "-" if now is None or before is None else _signed(100 * (now - before), "points")


def _signed(value: float, unit: str) -> str:
    whole = round(value)
    if not whole:
        return "same"
    return f"{whole:+,} {unit if abs(whole) != 1 else unit.removesuffix('s')}"


def title(report: Report) -> str:
    """Return the period in words."""
    side = report.now
    days = side.first if side.first == side.last else f"{side.first} to {side.last}"
    return f"{days}, {report.zone}"


def compared(report: Report) -> str:
    """Return with what it is compared."""
    side = report.before
    last = side.until[:10] if side.until else side.last
    days = side.first if side.first == last else f"{side.first} to {last}"
    return days + (f", until {side.until[11:16]}" if side.until else "")


def unfinished(report: Report) -> str:
    """Say up to when it counts, where the period is not over; else nothing."""
    until = report.now.until
    return f"{until[:10]} is not over: counted up to {until[11:16]}." if until else ""


def day(name: str, report: Report) -> str:
    """Return a day's name, and whether it is the one that is not over."""
    return f"{name} so far" if (report.now.until or "").startswith(name) else name


def nothing(report: Report) -> str:
    """Say that there is nothing to tell, and when there was something."""
    said = "Nothing is known of this period."
    if report.kept is None:
        return said
    first, last = report.kept
    return (
        f"{said} Devices spoke from {first} to {last}."
        if first != last
        else (f"{said} Devices spoke on {first} only.")
    )


def missing(report: Report) -> str:
    """Return in a sentence how much did not arrive."""
    if not report.events and not report.missing:
        return "No events came."
    if not report.missing:
        return f"Nothing is missing: all {count(report.events)} events arrived."
    share = report.missing / (report.events + report.missing)
    events = "event is" if report.missing == 1 else "events are"
    return (
        f"{count(report.missing)} {events} missing of "
        f"{count(report.events + report.missing)} ({least(share)})."
    )


def online(row: DeviceRow) -> str:
    """Return how much of the time a device was online."""
    return "not known" if row.online is None else most(row.online)


def notes(report: Report) -> list[str]:
    """Return what a reader must know to read the figures rightly."""
    said = ["A visitor is one visit: who comes back is counted again."]
    cells = [
        c
        for s in (report.now, report.before)
        for c in (s.total, *s.hours, *s.weekdays, *s.days, *s.devices)
    ]
    if any(c.shown != "yes" for c in cells):
        said.append(
            f"Sums of fewer than {report.k} visitors are not given out; withheld is what would "
            "give them away."
        )
    told = (c for s in (report.now, report.before) for c in (s.total, *s.hours, *s.days))
    if any(c.visitors and c.dwell_s is None for c in told):
        ended = "a visit has" if report.k <= 1 else f"{report.k} visits have"
        said.append(f"Dwell and attention are told where at least {ended} ended.")
    said.append("Scores are a model's estimate of what a face looks like, not of what one feels.")
    return said
