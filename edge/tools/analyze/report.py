"""One page to look at: who showed what, when, and the strongest moments. Fetches nothing."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template

from edge import __version__
from edge.analysis import EmotionShare
from edge.messages import NOBODY, UNKNOWN
from edge.tools.analyze.chart import bar, colour, swatches, timeline
from edge.tools.analyze.job import Moment, Part, Tally
from edge.tools.analyze.journal import Record
from edge.tools.analyze.lines import shown
from edge.tools.analyze.progress import duration

PAGE = Path(__file__).parent / "page.html"
STRONGEST = 12  # faces of an emotion, from pictures
RECORDINGS = 100  # with a timeline; of more, only the sums
PICTURES = 200  # with all their faces
BROKEN = 200  # names


class Report:
    """Gathers parts, of which it keeps a bounded number, and makes the page."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Show the emotions `labels`."""
        self._labels = labels
        self._strongest: dict[str, list[tuple[float, int, str, Moment]]] = {n: [] for n in labels}
        self._order = itertools.count()
        self._recordings: list[Part] = []
        self._pictures: list[Part] = []
        self._broken: list[tuple[str, str]] = []

    def add(self, record: Record) -> None:
        """Take what came of a file."""
        if record.error is not None:
            if len(self._broken) < BROKEN:
                self._broken.append((record.name, record.error))
            return
        part = record.part
        if part is None:
            return
        if part.summary is not None:
            if len(self._recordings) < RECORDINGS:
                self._recordings.append(part)
            return
        if len(self._pictures) < PICTURES:
            self._pictures.append(part)
        for moment in part.moments:
            if moment.emotion in self._strongest:
                found = (moment.confidence, -next(self._order), part.name, moment)
                heap = self._strongest[moment.emotion]
                (heapq.heappush if len(heap) < STRONGEST else heapq.heappushpop)(heap, found)

    def page(self, tally: Tally) -> str:
        """Return the page."""
        return Template(PAGE.read_text(encoding="utf-8")).substitute(
            head=self._head(tally),
            legend=swatches(self._labels),
            recordings="".join(self._recording(p) for p in self._recordings)
            + _more("recordings", tally.recordings - len(self._recordings)),
            strongest=self._gallery(),
            pictures=self._picture_list(tally),
            broken=self._broken_list(tally),
            version=escape(__version__),
        )

    def _head(self, t: Tally) -> str:
        counts = {"picture": t.pictures, "recording": t.recordings, "face": t.faces}
        named = {k: (k + "s" * (n != 1), str(n)) for k, n in counts.items()}
        cells = [named["picture"], named["recording"]]
        if t.recordings:
            cells.append(("recorded", duration(t.seconds)))
        cells.append(named["face"])
        if t.broken:
            cells.append(("skipped", str(t.broken)))
        if t.cut:
            cells.append(("cut off", str(t.cut)))
        tiles = "".join(f"<div><b>{escape(v)}</b> {escape(k)}</div>" for k, v in cells)
        bars = ""
        if t.shown:
            bars += _named_bar("Faces in pictures", t.shown, self._labels)
        if t.shown_s:
            bars += _named_bar("Time of faces in recordings", t.shown_s, self._labels)
        return f'<div class="tiles">{tiles}</div>{bars}'

    def _recording(self, part: Part) -> str:
        s = part.summary
        assert s is not None  # `add` sorted them
        living = [f for f in s.faces if not f.still]
        unsure = "no emotion was sure" if self._labels else "no emotion is judged"
        said = {NOBODY: "nobody in it", UNKNOWN: unsure}.get(s.dominant, f"mostly {s.dominant}")
        attention = "" if s.attention is None else f", attention {s.attention:.0%}"
        out = [
            f"<section><h3>{_name(part.name)}</h3>",
            f"<p>{duration(s.seconds)}, {s.frames} frames, {len(living)} "
            f"face{'s' * (len(living) != 1)}, {escape(said)}{attention}</p>",
            timeline(part, self._labels),
        ]
        if part.moments:
            out.append("<h4>Strongest moments</h4><div class='faces'>")
            best = sorted(part.moments, key=lambda m: m.t or 0.0)
            out += [_face(m, f"{m.t:.1f} s", self._labels) for m in best]
            out.append("</div>")
        if living:
            out.append(self._faces_table(part))
        for alert in s.alerts:
            grade = f" ({escape(alert.grade)})" if alert.grade else ""
            what = escape(alert.name or alert.what)
            out.append(
                f"<p class='alert'>{what}{grade}: face {escape(alert.track)}, "
                f"{alert.from_s:.1f} to {alert.to_s:.1f} s</p>"
            )
        return "".join([*out, "</section>"])

    def _faces_table(self, part: Part) -> str:
        assert part.summary is not None  # only called for recordings
        thumbs = {m.face: m for m in part.faces}
        measured = part.summary.attention is not None
        rows = []
        for face in part.summary.faces:
            if face.still:
                continue
            thumb = thumbs.get(face.track)
            looked = "–" if face.attention is None else f"{face.attention:.0%}"
            attention = f"<td data-is='attention'>{looked}</td>" if measured else ""
            rows.append(
                f"<tr><td>{_image(thumb.thumbnail) if thumb else ''}"
                f"<small>{escape(face.track)}</small></td>"
                f"<td>{face.from_s:.1f}–{face.to_s:.1f} s</td>"
                f"<td data-is='in view'>{face.seconds:.1f} s</td>"
                f"<td class='wide'>{bar(_shares(face.emotions), self._labels)}</td>"
                f"<td data-is='mostly'>{escape(face.dominant)}</td>{attention}</tr>"
            )
        return (
            "<h4>Faces</h4><table><thead><tr><th></th><th>seen</th>"
            "<th>in view</th><th>share of time</th><th>mostly</th>"
            f"{'<th>attention</th>' if measured else ''}</tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table>"
        )

    def _gallery(self) -> str:
        out = []
        for label in self._labels:
            found = sorted(self._strongest[label], reverse=True, key=lambda f: f[:2])
            if found:
                out.append(f"<h3>{escape(label)}</h3><div class='faces'>")
                out += [_face(m, shown(Path(name).name), self._labels) for _, _, name, m in found]
                out.append("</div>")
        return f"<h2>Strongest in pictures</h2>{''.join(out)}" if out else ""

    def _picture_list(self, tally: Tally) -> str:
        if not self._pictures:
            return ""
        out = ["<h2>Pictures</h2>"]
        for part in self._pictures:
            faces = "".join(
                _face(m, m.reason.replace("_", " "), self._labels) for m in part.moments
            )
            body = f"<div class='faces'>{faces}</div>" if faces else "<p>no face</p>"
            out.append(f"<section><h4>{_name(part.name)}</h4>{body}</section>")
        return "".join(out) + _more("pictures", tally.pictures - len(self._pictures))

    def _broken_list(self, tally: Tally) -> str:
        if not self._broken:
            return ""
        rows = "".join(f"<li>{_name(n)}: {escape(shown(why))}</li>" for n, why in self._broken)
        more = _more("files", tally.broken - len(self._broken))
        return f"<h2>Skipped</h2><ul>{rows}</ul>{more}"


def _name(name: str) -> str:
    return escape(shown(name))


def _image(data: str) -> str:
    return f"<img src='data:image/jpeg;base64,{data}' width='96' height='96' alt='face'>"


def _face(moment: Moment, words: str, labels: Sequence[str]) -> str:
    scores = "".join(
        f"<i style='width:{v:.0%};background:{colour(labels, n)}' title='{escape(n)} {v:.2f}'></i>"
        for n, v in moment.scores.items()
    )
    sure = moment.emotion != UNKNOWN
    said = f"{moment.emotion} {moment.confidence:.2f}" if sure else UNKNOWN
    small = f"<small title='{escape(words)}'>{escape(words)}</small>" if words else ""
    return (
        f"<figure>{_image(moment.thumbnail)}<div class='scores'>{scores}</div>"
        f"<figcaption>{escape(said)}{small}</figcaption></figure>"
    )


def _named_bar(title: str, values: Mapping[str, float], labels: Sequence[str]) -> str:
    total = sum(values.values()) or 1.0
    shares = {label: value / total for label, value in values.items()}
    return f"<p>{escape(title)}</p>{bar(shares, labels)}"


def _shares(emotions: Mapping[str, EmotionShare]) -> dict[str, float]:
    return {label: e.share for label, e in emotions.items()}


def _more(what: str, count: int) -> str:
    return f"<p>{count} more {what} are in the sums, not shown one by one.</p>" if count > 0 else ""
