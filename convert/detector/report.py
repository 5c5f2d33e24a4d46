"""The report of `evaluate-detector` as one HTML page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.detector.photographs import truth_of
from convert.detector.photos import Photo
from convert.detector.scores import Found, Truth, match
from convert.detector.under_test import DetectorUnderTest
from convert.evaluate.charts import new_figure, png_of
from convert.evaluate.page import Page

if TYPE_CHECKING:
    from convert.detector.evaluate import Material

Luma = NDArray[np.uint8]
MOST = 8  # pictures of each kind of mistake
FEWEST = 1e-4  # false faces a picture: left edge of the curve
GREEN, RED, BLUE = (60, 160, 40), (50, 50, 210), (200, 120, 30)  # BGR: right, false, missed


def page(verdict: dict[str, Any], detectors: Sequence[DetectorUnderTest], m: Material) -> str:
    """Return the page: tables of all figures, then pictures with mistakes of each detector."""
    out = Page("Face detectors side by side")
    out.heading("Time")
    out.table(
        ("detector", "ms a frame, median", "90th percentile"),
        [(k, v["ms_a_frame"]["median"], v["ms_a_frame"]["p90"]) for k, v in verdict.items()],
    )
    composed = [(label, own["composed"]) for label, own in verdict.items() if "composed" in own]
    photographs = [
        (label, own["photographs"]["faces"])
        for label, own in verdict.items()
        if "faces" in own.get("photographs", {})
    ]
    for title, rows in (("Composed pictures", composed), ("Held-out photographs", photographs)):
        if rows:
            _pictures_tables(out, title, rows)
    if photographs:
        out.picture(froc_chart(verdict), "recall over false faces a picture")
    if m.clips:
        out.heading("Videos, beside the reference")
        names = ("frames", "reference_faces", "found", "frames_with_all", "false_a_minute")
        keys = (*names, "false_tracks")
        out.table(
            ("video, detector", *(k.replace("_", " ") for k in keys)),
            [
                (f"{c.name}, {label}", *(own["videos"][c.name][k] for k in keys))
                for c in m.clips
                for label, own in verdict.items()
            ],
        )
    for d in detectors:
        out.heading(f"{d.label}: right (green), false (red), missed (blue)")
        for name, luma, truth in _worth_a_look(d, m):
            out.picture(drawn(luma, truth, _sure(d, luma)), name)
    return str(out)


def _pictures_tables(out: Page, title: str, rows: Sequence[tuple[str, dict[str, Any]]]) -> None:
    out.heading(title)
    keys = ("faces", "average_precision", "threshold", "recall", "false_a_picture")
    more = ("mean_overlap", "landmark_error")
    out.table(
        ("detector", *(k.replace("_", " ") for k in (*keys, *more))),
        [(label, *(f[k] for k in (*keys, *more))) for label, f in rows],
    )
    for by, unit in (("recall_by_size", "pixels"), ("recall_by_turn", "degrees")):
        bins = rows[0][1][by]
        header = [f"{b['from']:g} to {b['to']:g} {unit} ({b['faces']})" for b in bins]
        out.table(
            ("detector", *header), [(label, *(b["recall"] for b in f[by])) for label, f in rows]
        )


def froc_chart(verdict: dict[str, Any]) -> bytes:
    """Draw recall on held-out photographs over false faces in those without any, as PNG."""
    figure, axes = new_figure(6.4, 4.2)
    for label, own in verdict.items():
        curve = own.get("photographs", {}).get("froc")
        if curve:
            axes.plot(np.maximum(curve["false_a_picture"], FEWEST), curve["recall"], label=label)
    axes.set_xscale("log")
    axes.set_xlim(FEWEST, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("false faces a photograph without people (left edge: none)")
    axes.set_ylabel("faces found in photographs with people")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)
    return png_of(figure)


def _sure(d: DetectorUnderTest, luma: Luma) -> Found:
    found = d.find(luma)
    keep = found.scores >= d.threshold
    return Found(found.boxes[keep], found.scores[keep], None)


def _worth_a_look(d: DetectorUnderTest, m: Material) -> Iterator[tuple[str, Luma, Truth]]:
    """Yield pictures with mistakes, kind by kind, and one good frame of each video."""
    by_kind: dict[str, list[Photo]] = {}
    for photo in m.photos:
        by_kind.setdefault(photo.kind, []).append(photo)
    for kind, photos in sorted(by_kind.items()):
        wrong = ((p.luma, truth_of(p)) for p in photos)
        for k, (luma, truth) in enumerate(_mistakes(d, wrong, MOST)):
            yield f"{kind} {k}", luma, truth
    composed = zip(m.pictures, m.truths, strict=True)
    for k, (luma, truth) in enumerate(_mistakes(d, composed, 2 * MOST)):
        yield f"composed {k}", luma, truth
    for clip in m.clips:
        step = max(1, len(clip.frames) // 100)
        frames = list(zip((f.luma for f in clip.frames), clip.truths, strict=True))
        wrong_frames = list(_mistakes(d, frames[::step], MOST // 2))
        for luma, truth in wrong_frames or [frames[len(frames) // 2]]:
            yield clip.name, luma, truth


def _mistakes(
    d: DetectorUnderTest, pictures: Iterable[tuple[Luma, Truth]], most: int
) -> Iterator[tuple[Luma, Truth]]:
    wrong = ((luma, truth) for luma, truth in pictures if _mistaken(d, luma, truth))
    return islice(wrong, most)


def _mistaken(d: DetectorUnderTest, luma: Luma, truth: Truth) -> bool:
    of_face, kind = match(truth, _sure(d, luma))
    return bool((kind == 0).any() or (of_face[~truth.ignored] < 0).any())


def drawn(luma: Luma, truth: Truth, found: Found) -> bytes:
    """Return a PNG of the picture with found boxes, and those missed."""
    of_face, kind = match(truth, found)
    canvas = cv2.cvtColor(luma, cv2.COLOR_GRAY2BGR)
    for box, score, k in zip(found.boxes, found.scores, kind, strict=True):
        _rectangle(canvas, box, RED if k == 0 else GREEN)
        at = (int(box[0]), max(9, int(box[1]) - 2))
        cv2.putText(
            canvas, f"{score:.2f}", at, cv2.FONT_HERSHEY_SIMPLEX, 0.35, RED if k == 0 else GREEN
        )
    for face, index, ignored in zip(truth.faces, of_face, truth.ignored, strict=True):
        if index < 0 and not ignored:
            _rectangle(canvas, face[:4], BLUE)
    return bytes(cv2.imencode(".png", canvas)[1])


def _rectangle(canvas: NDArray[Any], box: NDArray[np.float32], colour: tuple[int, ...]) -> None:
    x, y, w, h = (round(float(v)) for v in box)
    cv2.rectangle(canvas, (x, y), (x + w, y + h), colour, 1)
