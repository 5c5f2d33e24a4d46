"""Gathers from one file what the page shows of it: thumbnails, curves, the strongest moments."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from edge.analysis import Summary
from edge.camera.opencv import Luma
from edge.messages import UNKNOWN, Estimate, Frame
from edge.publish.event_builder import share
from edge.tools.analyze.job import Moment, Part
from edge.tools.analyze.sightings import Sightings
from edge.tools.analyze.written import thumbnail

MOST_FACES = 24  # of a picture, with a thumbnail each
STEP_S = 0.25  # s of a curve while it is drawn up
MOST_STEPS = 300  # of a curve when it is done: pixels of the page
BETTER = 0.02  # of a score, that makes a moment the strongest so far
SURE = 0.5  # score from which a moment counts


def of_picture(name: str, luma: Luma, estimates: Sequence[Estimate]) -> Part:
    """Return what the page shows of a picture."""
    return Part(name, [_moment(luma, e, None) for e in estimates[:MOST_FACES]])


class Gatherer:
    """An observer of a recording."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Draw curves of `labels`."""
        self._labels = labels
        self._strongest: dict[str, Moment] = {}
        self._faces: dict[str, Moment] = {}
        # (frames, seen, sums by label), of those steps alone that have frames: a wrong time of one
        # frame may lie days ahead.
        self._steps: dict[int, tuple[float, float, list[float]]] = {}
        self._sightings = Sightings(self._step)

    def frame(self, frame: Frame, estimates: Sequence[Estimate], /) -> None:
        """Take one frame."""
        for estimate in estimates:
            # A box that was carried on may hold anything: only of a face just found is a picture.
            if not estimate.track.still and estimate.track.seen >= frame.t:
                self._keep(frame, estimate)
        self._sightings.frame(frame.t, estimates)

    def _step(self, t: float, estimates: Sequence[Estimate]) -> None:
        living = [e for e in estimates if not e.track.still]
        step = int(t / STEP_S)
        count, seen, sums = self._steps.get(step) or (0.0, 0.0, [0.0] * len(self._labels))
        scored = [e.scores for e in living if e.scores]
        if scored:
            for i, label in enumerate(self._labels):
                sums[i] += sum(s[label] for s in scored) / len(scored)
        self._steps[step] = (count + 1, seen + bool(scored), sums)

    def part(self, name: str, summary: Summary) -> Part:
        """Return what the page shows, after the last frame."""
        self._sightings.finish()
        last = max(self._steps, default=-1) + 1
        merge = -(-last // MOST_STEPS) or 1
        merged: dict[int, list[tuple[float, float, list[float]]]] = {}
        for step in sorted(self._steps):
            merged.setdefault(step // merge, []).append(self._steps[step])
        curves: dict[str, list[float]] = {label: [] for label in self._labels}
        present = []
        for n in range(-(-last // merge)):
            steps = merged.get(n, [])
            frames, seen = sum(s[0] for s in steps), sum(s[1] for s in steps)
            present.append(share(seen / frames) if frames else 0.0)
            for i, label in enumerate(self._labels):
                total = sum(s[2][i] for s in steps)
                curves[label].append(share(total / seen) if seen else 0.0)
        return Part(
            name,
            [self._strongest[n] for n in self._labels if n in self._strongest],
            summary,
            list(self._faces.values()),
            STEP_S * merge,
            curves,
            present,
        )

    def _keep(self, frame: Frame, estimate: Estimate) -> None:
        best = self._faces.get(estimate.track.id)
        if best is None or (estimate.track.score > 0.5 and _better(best, estimate)):
            self._faces[estimate.track.id] = _moment(frame.luma, estimate, frame.t)
        if estimate.emotion == UNKNOWN or estimate.confidence < SURE:
            return
        strongest = self._strongest.get(estimate.emotion)
        if strongest is None or estimate.confidence > strongest.confidence + BETTER:
            self._strongest[estimate.emotion] = _moment(frame.luma, estimate, frame.t)


def _better(best: Moment, estimate: Estimate) -> bool:
    return estimate.emotion != UNKNOWN and estimate.confidence > best.confidence + 10 * BETTER


def _moment(luma: Luma, estimate: Estimate, t: float | None) -> Moment:
    return Moment(
        emotion=estimate.emotion,
        confidence=share(estimate.confidence),
        scores={label: share(v) for label, v in estimate.scores.items()},
        thumbnail=base64.b64encode(thumbnail(luma, estimate)).decode(),
        face=estimate.track.id,
        t=None if t is None else round(t, 2),
        reason=estimate.reason.value if estimate.reason else "",
    )
