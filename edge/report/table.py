"""A report as CSV: one row a part, each figure in a column of its own."""

from __future__ import annotations

import csv
import io

from edge.report import words
from edge.report.figures import Cell, Report

COLUMNS = (
    "part",  # all, hour, weekday, day, device
    "name",
    "shown",  # yes; few: fewer than k people; hidden: it would give such a sum away
    "visitors",
    "visitors_before",  # in the period before; days by their order
    "dwell_q1_s",
    "dwell_median_s",
    "dwell_q3_s",
    "attention",
    "online",
    "events",
    "missing",
    "gaps",
)


def table(report: Report) -> str:
    """Return the whole report, a header first. A figure that is not given out is empty."""
    labels = words.labels([report.now])
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"share_{e}" for e in labels), "emotions_s"])
    now, before = report.now, report.before
    for part, cells, then in (
        ("all", [now.total], [before.total]),
        ("hour", now.hours, before.hours),
        ("weekday", now.weekdays, before.weekdays),
        ("day", now.days, before.days),
        ("device", now.devices, before.devices),
    ):
        for cell, old in zip(cells, then, strict=True):
            writer.writerow(_row(report, part, cell, old, labels))
    return out.getvalue()


def _row(r: Report, part: str, c: Cell, before: Cell, labels: list[str]) -> list[object]:
    complete: list[object] = ["", "", "", ""]
    if part == "all":
        complete = ["", r.events, r.missing, sum(d.gaps for d in r.devices)]
    elif part == "device":
        complete = next(
            ([_or(d.online), d.events, d.missing, d.gaps] for d in r.devices if d.device == c.name),
            complete,
        )
    return [
        part,
        _text(c.name),
        c.shown,
        _or(c.visitors),
        _or(before.visitors),
        *(c.dwell_s or ("", "", "")),
        _or(c.attention),
        *complete,
        *(c.emotions.get(e, 0.0) if c.emotions else "" for e in labels),
        round(c.emotions_s) if c.emotions else "",
    ]


def _or(value: float | None) -> object:
    return "" if value is None else value


def _text(name: str) -> str:
    """Return a name that no spreadsheet takes for a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@")) else name
