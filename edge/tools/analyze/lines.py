"""Results as text: JSON Lines, CSV, or for a person to read."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Protocol

from msgspec import UNSET

from edge.analysis import AnalyzedFace, ErrorLine, PictureLine, Summary, SummaryLine, encode_line
from edge.contract import Attribute
from edge.messages import UNKNOWN, Estimate, Frame, Reason, rounded
from edge.publish.event_builder import share
from edge.tools.analyze.job import Format

FIRST_COLUMNS = ("file", "face", "predicted")
LAST_COLUMNS = ("t", "reason", "x", "y", "width", "height")
SUMMARY_COLUMNS = ("from_s", "to_s", "seconds")
DIGITS = 4  # of fractions, as in events


def columns(labels: Sequence[str], *, summary: bool) -> tuple[str, ...]:
    """Return the head of the table: the emotion depth index, and what else is known of a face."""
    return (*FIRST_COLUMNS, *labels, *LAST_COLUMNS, *(SUMMARY_COLUMNS if summary else ()))


def head(form: Format, labels: Sequence[str], *, summary: bool) -> bytes:
    """Return what comes before the first result."""
    return row(columns(labels, summary=summary)) if form is Format.CSV else b""


def row(values: Sequence[object]) -> bytes:
    """Return one row of a CSV table (RFC 4180); bytes of names that are no UTF-8 as they are."""
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue().encode("utf-8", "surrogateescape")


def shown(name: str) -> str:
    """Return a file's name for a terminal: what would steer it is written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def analyzed(estimate: Estimate, *, recording: bool) -> AnalyzedFace:
    """Return a face as it is written."""
    track = estimate.track
    width, height = track.frame_size
    return AnalyzedFace(
        track=track.id if recording else UNSET,
        box=[share(v) for v in track.unit_box],
        score=share(track.score),
        landmarks=None
        if track.landmarks is None
        else [[round(x / width, DIGITS), round(y / height, DIGITS)] for x, y in track.landmarks],
        emotion=estimate.emotion,
        confidence=share(estimate.confidence),
        scores={label: share(v) for label, v in estimate.scores.items()},
        reason=_why(estimate),
        state=rounded(estimate.state),
        attributes={
            name: Attribute(
                a.label, share(a.confidence), {label: share(v) for label, v in a.scores.items()}
            )
            for name, a in estimate.attributes.items()
        }
        or UNSET,
        still=track.still or UNSET,
    )


def _why(estimate: Estimate) -> str | None:
    """Return why a face is unknown; one that settles, by what it will be if it never does."""
    if estimate.reason is None and estimate.emotion == UNKNOWN:
        return Reason.LOW_CONFIDENCE if estimate.scores else Reason.NOT_SCORED
    return estimate.reason


class Lines(Protocol):
    """Turns what is said of one file into text."""

    def picture(self, width: int, height: int, estimates: Sequence[Estimate], /) -> bytes:
        """Return a picture."""

    def frame(self, frame: Frame, estimates: Sequence[Estimate], /) -> bytes:
        """Return a frame of a recording."""

    def summary(self, width: int, height: int, summary: Summary, cut: str, /) -> bytes:
        """Return the end of a recording; `cut`: where it ended before its end."""

    def error(self, why: str, /) -> bytes:
        """Return a file that was skipped."""


def open_lines(form: Format, name: str, labels: Sequence[str], *, summary: bool) -> Lines:
    """Return what writes about the file `name`; `summary`: of a recording only its summary."""
    if form is Format.JSON:
        return _Json(name, summary)
    if form is Format.CSV:
        return _Csv(name, labels, summary)
    return _Text(shown(name), summary)


class _Json:
    """See `edge.analysis`."""

    def __init__(self, name: str, summary: bool) -> None:
        self._name = name
        self._summary = summary

    def picture(self, width: int, height: int, estimates: Sequence[Estimate], /) -> bytes:
        faces = [analyzed(e, recording=False) for e in estimates]
        return encode_line(PictureLine(file=self._name, width=width, height=height, faces=faces))

    def frame(self, frame: Frame, estimates: Sequence[Estimate], /) -> bytes:
        if self._summary:
            return b""
        height, width = frame.luma.shape
        line = PictureLine(
            file=self._name,
            frame=frame.seq,
            t=round(frame.t, DIGITS),
            width=width,
            height=height,
            faces=[analyzed(e, recording=True) for e in estimates],
        )
        return encode_line(line)

    def summary(self, width: int, height: int, summary: Summary, cut: str, /) -> bytes:
        line = SummaryLine(
            file=self._name, width=width, height=height, summary=summary, error=cut or UNSET
        )
        return encode_line(line)

    def error(self, why: str, /) -> bytes:
        return encode_line(ErrorLine(file=self._name, error=why))


class _Csv:
    """One row a face; of a recording one a face and frame, or one a face with its means."""

    def __init__(self, name: str, labels: Sequence[str], summary: bool) -> None:
        self._name = name
        self._labels = labels
        self._summary = summary

    def picture(self, _width: int, _height: int, estimates: Sequence[Estimate], /) -> bytes:
        return b"".join(self._face(e, e.track.id, "") for e in estimates)

    def frame(self, frame: Frame, estimates: Sequence[Estimate], /) -> bytes:
        if self._summary:
            return b""
        t = round(frame.t, DIGITS)
        return b"".join(self._face(e, e.track.id, t) for e in estimates)

    def summary(self, _width: int, _height: int, summary: Summary, _cut: str, /) -> bytes:
        if not self._summary:
            return b""
        blank = [""] * len(LAST_COLUMNS)
        return b"".join(
            row(
                [
                    *(self._name, face.track, face.dominant),
                    *(face.emotions[label].mean for label in self._labels),
                    *blank,
                    *(face.from_s, face.to_s, face.seconds),
                ]
            )
            for face in summary.faces
        )

    def error(self, _why: str, /) -> bytes:
        return b""  # no face, no row

    def _face(self, e: Estimate, face: str, t: float | str) -> bytes:
        scores = [share(e.scores[n]) if e.scores else "" for n in self._labels]
        box = [share(v) for v in e.track.unit_box]
        values = [self._name, face, e.emotion, *scores, t, _why(e) or "", *box]
        return row([*values, *([""] * len(SUMMARY_COLUMNS) if self._summary else ())])


class _Text:
    """One line a picture or recording; with `summary`, a table for each recording."""

    def __init__(self, name: str, summary: bool) -> None:
        self._name = name
        self._summary = summary

    def picture(self, _width: int, _height: int, estimates: Sequence[Estimate], /) -> bytes:
        faces = ", ".join(_said(e.emotion, e.confidence, e.reason) for e in estimates)
        return f"{self._name}: {_faces(len(estimates))}{': ' if faces else ''}{faces}\n".encode()

    def frame(self, _frame: Frame, _estimates: Sequence[Estimate], /) -> bytes:
        return b""

    def summary(self, _width: int, _height: int, summary: Summary, cut: str, /) -> bytes:
        living = [f for f in summary.faces if not f.still]
        shares = {label: e.share for label, e in summary.emotions.items() if e.share >= 0.005}
        best = sorted(shares.items(), key=lambda kv: -kv[1])
        mostly = ", ".join(f"{label} {value:.0%}" for label, value in best)
        head = f"{self._name}: {cut or f'{summary.seconds:.1f} s'}, {_faces(len(living))}"
        if not self._summary:
            return f"{head}{': ' if mostly else ''}{mostly}\n".encode()
        return (f"{head}\n" + table(summary)).encode()

    def error(self, _why: str, /) -> bytes:
        return b""  # it is on standard error


def table(summary: Summary) -> str:
    """Return a summary as a table: a column for the whole and one a face."""
    living = [f for f in summary.faces if not f.still]
    if not living:
        return f"  nobody in {summary.seconds:.1f} s\n"
    lines = [f"  a face in view for {summary.seconds - summary.nobody_seconds:.1f} s"]
    if summary.emotions:
        lines[0] += f"; shown the longest: {summary.dominant}"
        lines.append(f"  {'':<10}{'seconds':>9}{'share':>7}{'mean':>6}")
        for label, e in summary.emotions.items():
            lines.append(f"  {label:<10}{e.seconds:>9.1f}{e.share:>7.0%}{e.mean:>6.2f}")
        known = sum(e.seconds for e in summary.emotions.values())
        unsure = max(summary.face_seconds - known, 0.0)
        part = unsure / max(summary.face_seconds, 1e-9)
        lines.append(f"  {UNKNOWN:<10}{unsure:>9.1f}{part:>7.0%}")
    for face in living:
        means = sorted(face.emotions.items(), key=lambda kv: -kv[1].share)
        said = ", ".join(
            f"{label} {e.seconds:.1f} s ({e.share:.0%}, mean {e.mean:.2f})"
            for label, e in means
            if e.share >= 0.005
        )
        looked = "" if face.attention is None else f", looked {face.attention:.0%} of it"
        showed = f": {said or '-'}" if summary.emotions else ""
        lines.append(f"  face {face.track}: {face.from_s:.1f} to {face.to_s:.1f} s{looked}{showed}")
    for span in summary.alerts:
        grade = f", {span.grade}" if span.grade else ""
        name = f" {span.name}" if span.name else ""
        lines.append(
            f"  {span.what}{name}: face {span.track}, {span.from_s:.1f} to {span.to_s:.1f} s{grade}"
        )
    return "\n".join(lines) + "\n"


def _said(emotion: str, confidence: float, reason: str | None) -> str:
    return f"{emotion} ({reason})" if emotion == UNKNOWN else f"{emotion} {confidence:.2f}"


def _faces(count: int) -> str:
    return {0: "no face", 1: "1 face"}.get(count, f"{count} faces")
