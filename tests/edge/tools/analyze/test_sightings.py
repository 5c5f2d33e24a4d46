"""A face that left is carried on for a while; it counts up to when it was last found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge import cli
from edge.geometry import Box
from edge.messages import Estimate, Track
from edge.tools.analyze.sightings import Sightings
from tests.edge.tools.analyze.rig import analyze, lines, visits


def seen(name: str, at: float) -> Estimate:
    """A face that was last found at `at` (s)."""
    track = Track(name, Box(0, 0, 9, 9), 1.0, 0.0, at, (99, 99))
    return Estimate(track, "happy", 1.0, {}, 1.0, 0.0, None, 0.0)


def names(frames: list[list[tuple[str, float]]]) -> list[tuple[float, list[str]]]:
    """Return which faces were there in frames a second apart."""
    out: list[tuple[float, list[str]]] = []
    sightings = Sightings(lambda t, there: out.append((t, [e.track.id for e in there])))
    for t, faces in enumerate(frames):
        sightings.frame(t, [seen(*face) for face in faces])
    sightings.finish()
    return out


def test_who_is_found_again_was_there_meanwhile() -> None:
    frames = [[("a", 0.0)], [("a", 0.0)], [("a", 2.0)], []]
    assert names(frames) == [(0, ["a"]), (1, ["a"]), (2, ["a"]), (3, [])]


def test_who_is_not_found_again_had_left() -> None:
    frames = [[("a", 0.0), ("b", 0.0)], [("a", 0.0), ("b", 1.0)], [("b", 2.0)]]
    assert names(frames) == [(0, ["a", "b"]), (1, ["b"]), (2, ["b"])]


def test_at_the_end_only_who_was_found_a_moment_before_is_there() -> None:
    assert names([[("a", 0.0)], [("a", 0.0)]]) == [(0, ["a"]), (1, [])]
    assert names([[("a", 0.0)], [("a", 0.5)]]) == [(0, ["a"]), (1, ["a"])]


def test_a_summary_has_the_length_of_a_visit_that_its_event_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = visits(tmp_path / "visit.mp4")
    assert cli.main(["replay", str(path)]) == 0
    events = [json.loads(line)["data"] for line in capsys.readouterr().out.splitlines()]
    (left,) = (e for e in events if e["event_type"] == "face_left")
    alert = ("--set", "alert.emotions=['happy']", "--set", "alert.after_s=1")
    (line,) = lines(analyze(path, "--json", "--summary", *alert)[1])
    summary = line["summary"]
    (face,) = summary["faces"]
    # What differs is that a face is believed at its third detection, and counts to the next frame.
    assert face["seconds"] == pytest.approx(left["duration_s"], abs=0.25)
    assert face["to_s"] < 2.3
    assert summary["nobody_seconds"] == pytest.approx(6 - face["seconds"], abs=0.01)
    assert [a["to_s"] for a in summary["alerts"]] == [face["to_s"]]


def test_crops_are_of_faces_that_were_found(tmp_path: Path) -> None:
    analyze(visits(tmp_path / "visit.mp4"), "--crop", tmp_path / "crops")
    times = [float(p.stem.rsplit("-", 1)[1]) for p in (tmp_path / "crops").iterdir()]
    assert times and max(times) < 2.0


def test_tracks_of_replay_are_those_of_its_frames_and_of_analyze(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = visits(tmp_path / "two.mp4", 30, 60, 30)
    assert cli.main(["replay", str(path)]) == 0
    events = [json.loads(line)["data"]["track"] for line in capsys.readouterr().out.splitlines()]
    assert cli.main(["replay", str(path), "--frames"]) == 0
    frames = [json.loads(line)["faces"] for line in capsys.readouterr().out.splitlines()]
    (line,) = lines(analyze(path, "--json", "--summary")[1])
    summed = [face["track"] for face in line["summary"]["faces"]]
    assert len(summed) == 2
    assert summed == list(dict.fromkeys(events))
    assert summed == list(dict.fromkeys(f["track"] for faces in frames for f in faces))
