"""The report of `evaluate-detector` as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.detector.scores import Found, Truth, match
from convert.detector.under_test import Subject
from convert.detector.videos import Clip
from convert.evaluate.page import Page

Luma = NDArray[np.uint8]
MOST = 8  # pictures of each kind of mistake
GREEN, RED, BLUE = (60, 160, 40), (50, 50, 210), (200, 120, 30)  # BGR: right, false, missed


def page(
    verdict: dict[str, Any],
    subjects: Sequence[Subject],
    pictures: Sequence[Luma],
    truths: Sequence[Truth],
    clips: Sequence[Clip],
) -> str:
    """Return the page: tables of all figures, then pictures with mistakes of each detector."""
    out = Page("Face detectors side by side")
    out.heading("Time")
    out.table(
        ("detector", "ms a frame, median", "90th percentile"),
        [(k, v["ms_a_frame"]["median"], v["ms_a_frame"]["p90"]) for k, v in verdict.items()],
    )
    for kind in ("composed", "photographs"):
        rows = [(label, own[kind]) for label, own in verdict.items() if kind in own]
        if rows:
            _pictures_tables(out, kind, rows)
    if clips:
        out.heading("Videos, beside the reference")
        names = ("frames", "reference_faces", "found", "frames_with_all", "false_a_minute")
        keys = (*names, "false_tracks")
        out.table(
            ("video, detector", *(k.replace("_", " ") for k in keys)),
            [
                (f"{c.name}, {label}", *(own["videos"][c.name][k] for k in keys))
                for c in clips
                for label, own in verdict.items()
            ],
        )
    for s in subjects:
        out.heading(f"{s.label}: right (green), false (red), missed (blue)")
        for name, luma, truth in _worth_a_look(s, pictures, truths, clips):
            out.picture(drawn(luma, truth, _sure(s, luma)), name)
    return str(out)


def _pictures_tables(out: Page, kind: str, rows: Sequence[tuple[str, dict[str, Any]]]) -> None:
    title = {"composed": "Composed pictures", "photographs": "Held-out photographs"}[kind]
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


def _sure(subject: Subject, luma: Luma) -> Found:
    found = subject.find(luma)
    keep = found.scores >= subject.threshold
    return Found(found.boxes[keep], found.scores[keep], None)


def _worth_a_look(
    subject: Subject, pictures: Sequence[Luma], truths: Sequence[Truth], clips: Sequence[Clip]
) -> Iterator[tuple[str, Luma, Truth]]:
    """Yield pictures with mistakes first, and one good frame of each video."""
    wrong = 0
    for k, (luma, truth) in enumerate(zip(pictures, truths, strict=True)):
        if wrong < 2 * MOST and _mistaken(subject, luma, truth):
            wrong += 1
            yield f"composed {k}", luma, truth
    for clip in clips:
        wrong = 0
        step = max(1, len(clip.frames) // 100)
        for frame, truth in list(zip(clip.frames, clip.truths, strict=True))[::step]:
            if wrong < MOST // 2 and _mistaken(subject, frame.luma, truth):
                wrong += 1
                yield f"{clip.name} {frame.seq}", frame.luma, truth
        if not wrong:
            middle = len(clip.frames) // 2
            frame = clip.frames[middle]
            yield f"{clip.name} {frame.seq}", frame.luma, clip.truths[middle]


def _mistaken(subject: Subject, luma: Luma, truth: Truth) -> bool:
    of_face, kind = match(truth, _sure(subject, luma))
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
