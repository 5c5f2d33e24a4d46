"""A still picture as a scene of its own: no confirmation, no settling, nothing carried over."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from edge.build import Models, state_stage
from edge.camera.opencv import Luma
from edge.classify import NoEmotions, TrackClassifier
from edge.config import Config
from edge.messages import UNKNOWN, AttributeEstimate, Estimate, Frame, Reason, Scores, Track
from edge.stages import Classifier
from edge.tools.analyze.faces import find_faces

ALL = 10**6  # faces: a group photograph has more than a kiosk


@dataclass(frozen=True, slots=True)
class Scenes:
    """Says of each picture what its faces show; keeps nothing between pictures."""

    models: Models
    config: Config

    def estimates(self, luma: Luma) -> tuple[Estimate, ...]:
        """Return one estimate a face, largest first, each by the scores of this picture alone."""
        height, width = luma.shape
        frame = Frame(0, 0.0, luma)
        tracks = [
            Track(f"{n}", f.box, f.score, 0.0, 0.0, (width, height), f.landmarks)
            for n, f in enumerate(find_faces(self.models.detector, self.config.detect, luma))
        ]
        every = msgspec.structs.replace(
            self.config,
            classify=msgspec.structs.replace(self.config.classify, max_faces=ALL),
            state=msgspec.structs.replace(self.config.state, max_faces=ALL),
        )
        classifier: Classifier = NoEmotions()
        if self.models.emotion is not None:
            attributes = self.models.attributes
            classifier = TrackClassifier(self.models.emotion, every.classify, attributes=attributes)
        if (state := state_stage(self.models.state, every)) is not None:
            tracks = list(state.update(frame, tracks))
        scores = {s.track: s for s in classifier.classify(frame, tracks)}
        return tuple(self._estimate(t, scores[t.id]) for t in tracks)

    def _estimate(self, track: Track, scores: Scores) -> Estimate:
        emotion, confidence, reason = UNKNOWN, 0.0, scores.reason
        named: dict[str, float] = {}
        if scores.probabilities is not None and self.models.emotion is not None:
            labels = self.models.emotion.labels
            named = dict(zip(labels, scores.probabilities.tolist(), strict=True))
            best = max(named, key=named.__getitem__)
            confidence = named[best]
            sure = confidence >= self.config.smooth.floor
            emotion, reason = (best, None) if sure else (UNKNOWN, Reason.LOW_CONFIDENCE)
        return Estimate(
            track=track,
            emotion=emotion,
            confidence=confidence,
            scores=named,
            intensity=min(max(1 - named.get("neutral", 1 - confidence), 0.0), 1.0),
            since=0.0,
            reason=reason,
            window_s=0.0,
            attributes={
                name: AttributeEstimate(
                    max(found, key=found.__getitem__), max(found.values()), found
                )
                for name, found in scores.attributes.items()
            },
            state=track.state if self.config.state.enabled else None,
        )
