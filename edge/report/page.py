"""A report as HTML: a file of its own, or the inside of the dashboard's page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from edge.report import svg, words
from edge.report.figures import Cell, DeviceRow, Report
from edge.report.svg import Bar

STATIC = Path(__file__).resolve().parents[1] / "web" / "static"
STYLES = ("page.css", "history.css")  # the dashboard's own
NONE = (None, None, None)
HOURS_ALWAYS = range(8, 20)  # shown even if nobody came


def document(report: Report) -> str:
    """Return one file that needs nothing else: no script, no font, no picture from elsewhere."""
    styles = "\n".join((STATIC / name).read_text("utf-8") for name in STYLES)
    title = f"Visitors, {words.title(report)}"
    return (
        '<!doctype html>\n<html lang="en" data-theme="auto">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        '<link rel="icon" href="data:,">\n'
        f"<style>\n{styles}\n</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{escape(title)}</h1>\n</header>\n<main>\n{inside(report)}\n</main>\n"
        f'<footer class="faint">\n{footer(report)}\n</footer>\n</body>\n</html>\n'
    )


def inside(report: Report) -> str:
    """Return what is between `<main>` and `</main>`."""
    return "\n".join(_inside(report))


def footer(report: Report) -> str:
    """Return what a reader must know to read the figures rightly."""
    notes = "\n".join(f"<p>{escape(n)}</p>" for n in words.notes(report))
    return f"{notes}\n<p>Made {escape(report.made)} by emotion-edge.</p>"


def _inside(r: Report) -> Iterator[str]:
    names = [d.device for d in r.devices]
    some = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    said = [
        f"{len(names)} {'device' if len(names) == 1 else 'devices'}{': ' if some else ''}{some}.",
        words.unfinished(r),
        f"Compared with {words.compared(r)}.",
    ]
    yield f'<p class="about">{escape(" ".join(filter(None, said)))}</p>'
    if not r.events and not r.missing and not any(d.known for d in r.devices):
        yield f'<p class="card empty">{escape(words.nothing(r))}</p>'
        return
    yield from _tiles(r)
    yield '<div class="charts">'
    if len(r.now.days) > 1:
        yield _visitors("Visitors by day", r.now.days, r.before.days, r, short_days=True)
    hours = _open(r.now.hours, r.before.hours)
    yield _visitors("Visitors by hour", hours, r.before.hours, r)
    if r.now.first != r.now.last:
        yield _visitors("Visitors by weekday", r.now.weekdays, r.before.weekdays, r)
    yield _emotions(r)
    yield _stacked("Emotions by hour", hours, r)
    if r.now.first != r.now.last:
        yield _stacked("Emotions by weekday", r.now.weekdays, r)
    yield _dwell("Dwell by hour", hours)
    if r.now.first != r.now.last:
        yield _dwell("Dwell by weekday", r.now.weekdays)
    if any(c.attention is not None for c in hours):
        yield _attention("Attention by hour", hours)
    yield "</div>"
    yield _devices(r)


def _tiles(r: Report) -> Iterator[str]:
    now, old = r.now.total, r.before.total
    yield '<dl class="tiles">'
    yield _tile("Visitors", words.people(now, r.k), words.change(now.visitors, old.visitors))
    q, before = now.dwell_s, old.dwell_s
    yield _tile(
        "Dwell, median",
        words.seconds(q[1] if q else None),
        words.change(q[1] if q else None, before[1] if before else None),
        f"half stay {words.seconds(q[0])} to {words.seconds(q[2])}" if q else "",
    )
    if now.attention is not None or old.attention is not None:
        looked = f"{words.percent(r.now.looked)} of visitors looked" if r.now.looked else ""
        yield _tile(
            "Attention, of dwell",
            words.percent(now.attention),
            words.points(now.attention, old.attention),
            looked,
        )
    known = [d.online for d in r.devices if d.online is not None]
    if known:
        lowest = f"lowest {words.most(min(known))}" if len(known) > 1 else ""
        yield _tile("Online", words.most(sum(known) / len(known)), "", lowest)
    share = r.missing / (r.events + r.missing) if r.events + r.missing else 0.0
    gaps = sum(d.gaps for d in r.devices)
    detail = f"{words.count(r.missing)} in {words.count(gaps)} {'gap' if gaps == 1 else 'gaps'}"
    yield _tile("Events missing", words.least(share), "", detail if r.missing else "none")
    yield "</dl>"


def _tile(name: str, value: str, change: str, detail: str = "") -> str:
    more = [f'<span class="change">{escape(change)}</span>'] if change not in ("", "-") else []
    more += [f'<span class="detail">{escape(detail)}</span>'] if detail else []
    long = ' class="long"' if len(value) > 8 else ""
    return (
        f'<div class="card tile"><dt>{escape(name)}</dt>'
        f"<dd><strong{long}>{escape(value)}</strong>{''.join(more)}</dd></div>"
    )


def _open(hours: Sequence[Cell], before: Sequence[Cell]) -> list[Cell]:
    """Return the hours of the day that matter: from the first to the last with people."""
    busy = [i for i in range(24) if hours[i].visitors != 0 or before[i].visitors != 0]
    both = [*busy, *HOURS_ALWAYS]
    return list(hours[min(both) : max(both) + 1])


def _visitors(
    title: str,
    cells: Sequence[Cell],
    before: Sequence[Cell],
    r: Report,
    *,
    short_days: bool = False,
) -> str:
    # Days are compared in their order, hours and weekdays by their name.
    then = dict(zip((c.name for c in cells), before, strict=False))
    if not short_days:
        then = {c.name: c for c in before}
    names = {c.name: words.day(c.name, r) if short_days else c.name for c in cells}
    places = [
        Bar(
            c.name[5:] if short_days else c.name,
            value=c.visitors,
            then=then[c.name].visitors if c.name in then else None,
            withheld=c.shown != "yes",
            partial=names[c.name] != c.name,
            tip=f"{names[c.name]}: {words.people(c, r.k)}"
            + (f", before {words.people(then[c.name], r.k)}" if c.name in then else ""),
        )
        for c in cells
    ]
    peak = max((c for c in cells if c.visitors), key=lambda c: c.visitors or 0, default=None)
    most = f", most in {peak.name}: {words.count(peak.visitors or 0)}" if peak else ""
    chart = svg.bars(places, f"{title}{most}")
    rows = [
        [
            names[c.name],
            words.people(c, r.k),
            words.people(then[c.name], r.k) if c.name in then else "",
        ]
        for c in cells
    ]
    partial = ' <span class="k-partial"></span>so far' if any(p.partial for p in places) else ""
    key = (
        f'<p class="key"><span class="k-now"></span>this time{partial} '
        '<span class="k-then"></span>before</p>'
    )
    return _figure(title, chart + key, ["", "visitors", "before"], rows)


def _emotions(r: Report) -> str:
    now, old = r.now.total.emotions, r.before.total.emotions
    if not now:
        body = '<p class="faint">None to tell.</p>'
    else:
        body = '<dl class="emotions">'
        for label in words.labels([r.now, r.before]):
            share = now.get(label, 0.0)
            then = old.get(label, 0.0) if old else None
            said = words.percent(share, 1)
            if then is not None:
                said += f", before {words.percent(then, 1)}"
            body += (
                f"<dt>{escape(label)}</dt><dd>"
                + svg.share(share, then, said, svg.colour(label))
                + f"<span>{words.percent(share)}</span></dd>"
            )
        body += (
            '</dl><p class="key"><span class="k-mark"></span>before</p>'
            f'<p class="faint">Of {words.seconds(r.now.total.emotions_s)} in view of '
            f"{words.count(r.now.total.visitors or 0)} visitors.</p>"
        )
    return f'<figure class="card"><figcaption><h2>Emotions</h2></figcaption>{body}</figure>'


def _stacked(title: str, cells: Sequence[Cell], r: Report) -> str:
    labels = words.labels([r.now])
    places = []
    for c in cells:
        said = ", ".join(f"{e} {words.percent(c.emotions.get(e, 0.0))}" for e in labels)
        places.append(
            Bar(
                c.name,
                parts={e: 100 * c.emotions[e] for e in labels if c.emotions.get(e)},
                withheld=c.shown != "yes",
                tip=f"{c.name}: {said}, of {words.people(c, r.k)} visitors" if c.emotions else "",
            )
        )
    chart = svg.bars(places, f"{title}, share of the time in view", unit=" %", top=100.0)
    legend = "".join(f"<li>{svg.swatch(e)}{escape(e)}</li>" for e in labels)
    rows = [
        [
            c.name,
            words.people(c, r.k),
            *(words.percent(c.emotions.get(e, 0.0)) if c.emotions else "-" for e in labels),
        ]
        for c in cells
    ]
    return _figure(
        title, chart + f'<ul class="legend">{legend}</ul>', ["", "visitors", *labels], rows
    )


def _dwell(title: str, cells: Sequence[Cell]) -> str:
    places = [
        Bar(
            c.name,
            value=c.dwell_s[1] if c.dwell_s else None,
            low=c.dwell_s[0] if c.dwell_s else None,
            high=c.dwell_s[2] if c.dwell_s else None,
            withheld=c.shown != "yes",
            tip=f"{c.name}: " + " to ".join(words.seconds(q) for q in c.dwell_s)
            if c.dwell_s
            else "",
        )
        for c in cells
    ]
    rows = [[c.name, *(words.seconds(q) for q in c.dwell_s or NONE)] for c in cells]
    chart = svg.bars(places, f"{title}: median and quartiles", unit=" s")
    key = (
        '<p class="key"><span class="k-span"></span>half of the visitors '
        '<span class="k-mark"></span>median</p>'
    )
    return _figure(title, chart + key, ["", "25 %", "median", "75 %"], rows)


def _attention(title: str, cells: Sequence[Cell]) -> str:
    places = [
        Bar(
            c.name,
            value=None if c.attention is None else 100 * c.attention,
            withheld=c.shown != "yes",
            tip=f"{c.name}: {words.percent(c.attention)}",
        )
        for c in cells
    ]
    chart = svg.bars(places, f"{title}, share of the dwell time", unit=" %", top=100.0)
    rows = [[c.name, words.percent(c.attention)] for c in cells]
    return _figure(title, chart, ["", "attention"], rows)


def _figure(title: str, body: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return (
        f'<figure class="card"><figcaption><h2>{escape(title)}</h2></figcaption>{body}'
        f"<details><summary>{escape(title)} as a table</summary>"
        f"{_table(title, head, rows)}</details></figure>"
    )


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f'<th scope="col">{escape(h)}</th>' if h else "<td></td>" for h in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(c)}</td>" for c in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(title)}, table">'
        f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _devices(r: Report) -> str:
    cells = {c.name: c for c in r.now.devices}
    rows = [_device(d, cells.get(d.device), r) for d in r.devices]
    partly = [d.known for d in r.devices if d.known < 0.995]
    known = ""
    if partly:
        known = (
            "<p>Whether a device was online is known only while a recorder listened: here for "
            f"{words.percent(min(partly))} of the time at least.</p>"
        )
    head = [
        "device",
        "visitors",
        "online",
        "camera running",
        "events",
        "missing",
        "gaps",
        "dropped",
    ]
    return (
        '<section class="card devices"><h2>Devices, and what is missing</h2>'
        f"<p>{escape(words.missing(r))}</p>{known}{_table('Devices', head, rows)}</section>"
    )


def _device(d: DeviceRow, cell: Cell | None, r: Report) -> list[str]:
    return [
        d.device,
        words.people(cell, r.k) if cell else "-",
        words.online(d),
        "not known" if d.working is None else words.most(d.working),
        words.count(d.events),
        words.count(d.missing),
        words.count(d.gaps),
        words.count(d.dropped),
    ]
