"""A report as text, for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import structs

from edge.client.text import plain
from edge.report import words
from edge.report.figures import Cell, Report

WIDTH = 80
BAR = 24  # characters
EIGHTHS = " ▏▎▍▌▋▊▉"
DAYS_MOST = 31  # days listed; of a longer period the page and the CSV have them
DEVICES_MOST = 60  # devices listed


def lines(report: Report) -> list[str]:
    """Return the report's lines, at most 80 columns wide."""
    return [plain(line) for line in _lines(report)]  # names and emotions came from the broker


def _lines(r: Report) -> Iterator[str]:
    yield words.title(r)
    yield from _wrapped(_devices_named(r), "")
    if r.now.until:
        yield words.unfinished(r)
    if not r.events and not r.missing and not any(d.known for d in r.devices):
        yield ""
        yield from _wrapped(words.nothing(r), "")
        return
    yield ""
    yield from _totals(r)
    yield ""
    yield from _emotions(r)
    for heading, cells, before in (
        ("By hour", _open(r.now.hours), r.before.hours),
        ("By weekday", r.now.weekdays if r.now.first != r.now.last else [], r.before.weekdays),
    ):
        if cells and all(c.visitors is None for c in cells):
            yield ""
            yield f"{heading}: withheld, too few visitors to be divided."
        elif cells:
            yield ""
            yield from _table(heading, cells, before, r)
    if 7 < len(r.now.days) <= DAYS_MOST:
        yield ""
        days = [structs.replace(c, name=words.day(c.name, r)) for c in r.now.days]
        pairs = zip(days, r.before.days, strict=False)
        before = [structs.replace(b, name=c.name) for c, b in pairs]
        yield from _table("By day", days, before, r)
    yield ""
    yield from _completeness(r)
    yield ""
    for note in words.notes(r):
        yield from _wrapped(note, "  ")


def _devices_named(r: Report) -> str:
    names = [d.device for d in r.devices]
    if not names:
        return "no device" if not r.asked else "devices: " + ", ".join(r.asked)
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"{len(names)} {'device' if len(names) == 1 else 'devices'}: {shown}"


def _totals(r: Report) -> Iterator[str]:
    now, old = r.now.total, r.before.total
    yield f"{'':<26}{'':>14}{'before':>16}{'change':>14}"
    yield _row(
        "visitors",
        words.people(now, r.k),
        words.people(old, r.k),
        words.change(now.visitors, old.visitors),
    )
    names = ("dwell: a quarter up to", "dwell: half up to (median)", "dwell: three quarters to")
    for i, name in enumerate(names):
        a = now.dwell_s[i] if now.dwell_s else None
        b = old.dwell_s[i] if old.dwell_s else None
        yield _row(name, words.seconds(a), words.seconds(b), words.change(a, b))
    yield _row(
        "attention, share of dwell",
        words.percent(now.attention),
        words.percent(old.attention),
        words.points(now.attention, old.attention),
    )
    yield _row(
        "looked at the screen",
        words.percent(r.now.looked),
        words.percent(r.before.looked),
        words.points(r.now.looked, r.before.looked),
    )
    yield f"before: {words.compared(r)}"


def _row(name: str, now: str, before: str, change: str) -> str:
    return f"{name:<26}{now:>14}{before:>16}{change:>14}"


def _emotions(r: Report) -> Iterator[str]:
    now, old = r.now.total.emotions, r.before.total.emotions
    if not now:
        yield "Emotions: none to tell."
        return
    yield (
        f"Emotions, share of {words.seconds(r.now.total.emotions_s)} in view of "
        f"{words.count(r.now.total.visitors or 0)} visitor{'s' * (r.now.total.visitors != 1)}"
    )
    for label in words.labels([r.now, r.before]):
        share = now.get(label, 0.0)
        yield (
            f"{label[:14]:<14}{words.percent(share):>6}  {_bar(share, BAR):<{BAR}}"
            f"{words.percent(old.get(label, 0.0) if old else None):>10}"
            f"{words.points(share, old.get(label, 0.0) if old else None):>14}"
        )


def _open(hours: Sequence[Cell]) -> Sequence[Cell]:
    """Return the hours from the first to the last in which somebody came."""
    busy = [i for i, c in enumerate(hours) if c.visitors != 0]
    return hours[busy[0] : busy[-1] + 1] if busy else []


def _table(heading: str, cells: Sequence[Cell], before: Sequence[Cell], r: Report) -> Iterator[str]:
    """One line a part: visitors, before, dwell, attention, and the emotions in per cent."""
    old = {c.name: c for c in before}
    labels = words.labels([r.now])
    first = max(len(c.name) for c in cells)
    width = first + 13 + 8 + 8 + 6 + 1
    columns = [e[:4] for e in labels[: (WIDTH - width) // 5]]
    yield f"{heading}: dwell is the median; attention and emotions in %"
    head = f"{'':<{first}}{'visitors':>13}{'before':>8}{'dwell':>8}{'attn':>6} "
    yield head + "".join(f"{c:>5}" for c in columns)
    for c in cells:
        then = old.get(c.name)
        line = f"{c.name:<{first}}{words.people(c, r.k):>13}"
        line += f"{_short(then, r.k):>8}{_brief(c.dwell_s[1] if c.dwell_s else None):>8}"
        line += f"{'-' if c.attention is None else f'{100 * c.attention:.0f}':>6} "
        for label in labels[: len(columns)]:
            line += f"{f'{100 * c.emotions.get(label, 0):.0f}' if c.emotions else '-':>5}"
        yield line.rstrip()


def _short(cell: Cell | None, k: int) -> str:
    if cell is None:
        return ""
    if cell.visitors is not None:
        return words.count(cell.visitors)
    return f"< {k}" if cell.shown == "few" else "-"


def _brief(s: float | None) -> str:
    return "-" if s is None else f"{s:.1f} s" if s < 99.95 else f"{s / 60:.0f} min"


def _bar(share: float, width: int) -> str:
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + (EIGHTHS[eighths % 8] if eighths % 8 else "")


def _completeness(r: Report) -> Iterator[str]:
    yield f"What is missing: {words.missing(r)}"
    names = {c.name: c for c in r.now.devices}
    first = min(max((len(d.device) for d in r.devices), default=6), 24)
    yield (
        f"{'device':<{first}}{'visitors':>14}{'online':>11}{'events':>11}{'missing':>9}{'gaps':>6}"
    )
    for d in r.devices[:DEVICES_MOST]:
        cell = names.get(d.device)
        yield (
            f"{_cut(d.device, first):<{first}}{words.people(cell, r.k) if cell else '':>14}"
            f"{words.online(d):>11}{words.count(d.events):>11}"
            f"{words.count(d.missing):>9}{words.count(d.gaps):>6}"
        )
    if len(r.devices) > DEVICES_MOST:
        yield f"and {len(r.devices) - DEVICES_MOST} more devices"
    unknown = [d for d in r.devices if 0 < d.known < 0.995]
    if unknown:
        least = min(d.known for d in unknown)
        yield (
            "Whether a device was online is known for a part of the time only"
            f" ({words.percent(least)} at least)."
        )


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _wrapped(text: str, indent: str) -> Iterator[str]:
    import textwrap

    yield from textwrap.wrap(text, WIDTH, subsequent_indent=indent) or [""]
