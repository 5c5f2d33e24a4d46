"""What the network saw of sequences, kept: rules are judged anew without what precedes them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchmarks.state.judged import Said, Sample
from benchmarks.state.sequences import Expected
from edge.config import Config
from edge.config_face import Drowsiness
from edge.drowsiness import DrowsinessJudge
from edge.events import EventRules
from edge.geometry import Box
from edge.messages import Estimate, Eyes, FaceState, Track

BY_LIDS = ("eyes_closed", "drowsy", "yawn")  # what events of lids and mouths begin with
FRAME = (640, 480)  # pixels


class Kept(msgspec.Struct):
    """One sequence: what it was, what the network saw, what was said."""

    name: str
    source: str
    does: str
    half: int
    expected: Expected
    samples: list[Sample]
    said: list[Said]


def load(path: Path) -> list[Kept]:
    """Read what `save` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=list[Kept])


def save(path: Path, kept: list[Kept]) -> None:
    """Write it as JSON."""
    path.write_bytes(msgspec.json.encode(kept))


def judged_anew(kept: Kept) -> list[Said]:
    """Return what is said now of lids and mouth, and what was said of all else."""
    judge, rules = DrowsinessJudge(Config(drowsiness=Drowsiness(enabled=True))), EventRules()
    said = [s for s in kept.said if not s.what.startswith(BY_LIDS)]
    for s in kept.samples:
        eyes = Eyes(*s.eyes)
        state = FaceState(yaw=s.yaw, pitch=s.pitch, eyes=eyes, mouth=s.mouth)
        track = Track("face", Box(0, 0, 80, 90), 0.9, 0.0, s.t, FRAME, state=state, state_t=s.t)
        estimate = Estimate(track, "neutral", 1.0, {}, 0.0, 0.0, None, 1.0, state=state)
        for e in rules.update(s.t, judge.update(s.t, (estimate,))):
            what = f"{e.kind}" + (f" {e.level}" if e.level else "")
            if what.startswith(BY_LIDS):
                said.append(Said(what, e.t, s.t))
    return said
