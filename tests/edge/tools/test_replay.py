"""Recordings replayed against reviewed events, and what must hold on clips of real people.

After a wanted change: `python -m tests.edge.tools.test_replay`, then read the difference before
it is committed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge import cli
from tests.conftest import DEMO_CLIP, ROOT, data_folder
from tests.same_events import assert_same, read

REVIEWED = ROOT / "tests" / "replay"


def replay(clip: Path, *args: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "edge", "replay", str(clip), *args],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def events(clip: Path, *args: str) -> list[dict[str, Any]]:
    return [e["data"] for e in replay(clip, *args)]


def test_the_demo_clip_gives_the_reviewed_events() -> None:
    got = events(DEMO_CLIP)
    assert_same(got, read(REVIEWED / "astronaut" / "events.jsonl"))
    assert {e["boot_id"] for e in got} == {"replay"}
    assert not any(e["time_synced"] for e in got)


def test_frames_tell_what_a_face_is_doing_and_nothing_where_nobody_asked() -> None:
    tiny = ROOT / "tests" / "models" / "tiny-state"
    on = replay(
        DEMO_CLIP, "--frames", "--set", "state.enabled=true", "--set", f"state.model={tiny}",
        # What the tiny model says of the pose is nonsense, and would leave faces unscored.
        "--set", "classify.max_yaw=90", "--set", "classify.max_pitch=90",
        "--set", "classify.max_bowed=90",
    )  # fmt: skip
    off = replay(DEMO_CLIP, "--frames")
    states = [f.pop("state") for line in on for f in line["faces"]]
    assert {f.pop("state") for line in off for f in line["faces"]} == {None}
    assert on == off  # nothing else is different for it
    assert states
    told = [s for s in states if s["yaw"] is not None]
    assert len(told) > len(states) / 2
    assert all(s.keys() == told[0].keys() for s in states)
    assert {s["looking"] for s in states} <= {None, True, False}


def yunet() -> list[str]:
    (model,) = (data_folder() / "detectors").glob("face_detection_yunet_*.onnx")
    return ["--set", "detect.name=yunet", "--set", f"detect.model={model}"]


@pytest.mark.parametrize("detector", ["yunet", "default"])
@pytest.mark.parametrize("name", ["sorry.mkv", "yes.mkv"])
def test_one_person_has_one_track_and_no_flicker(data: Path, name: str, detector: str) -> None:
    options = yunet() if detector == "yunet" else []
    clip = data / "clips" / name
    got = events(clip, *options)
    frames = replay(clip, "--frames", *options)
    tracks = {f["track"] for line in frames for f in line["faces"]}
    assert len(tracks) == 1
    assert "turned_away" not in {f["reason"] for line in frames for f in line["faces"]}
    first, last = frames[0]["t"], frames[-1]["t"]
    seen = [line["t"] for line in frames if line["faces"]]
    assert seen[0] <= first + 1
    assert seen[-1] == last
    assert [e["event_type"] for e in got].count("face_left") == 0
    assert per_minute(got, last) <= 10


def per_minute(got: list[dict[str, Any]], seconds: float) -> float:
    """Changes of emotion a minute."""
    return [e["event_type"] for e in got].count("emotion_changed") * 60 / seconds


@pytest.mark.parametrize("detector", ["yunet", "default"])
def test_bottles_are_not_people(data: Path, detector: str) -> None:
    options = yunet() if detector == "yunet" else []
    assert events(data / "clips" / "bottle-detection.mp4", *options) == []


def test_the_smiling_man_is_seen_happy(data: Path) -> None:
    clip = data / "clips" / "head-pose-face-detection-male.gif"
    got = events(clip, *yunet())
    assert "happy" in {e["emotion"] for e in got}
    frames = replay(clip, "--frames", *yunet())
    assert len({f["track"] for line in frames for f in line["faces"]}) == 1
    assert per_minute(got, frames[-1]["t"]) <= 10


OWN = "{angry=0.2, disgust=0.15, fear=0.15, happy=0.1, sad=0.2, surprise=0.1, neutral=0.1}"


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["raters", "equal", OWN])
@pytest.mark.parametrize(
    ("name", "emotion"),
    [
        ("sorry.mkv", "neutral"),
        ("yes.mkv", "neutral"),
        ("bird.mkv", "neutral"),
        ("walk.mkv", "neutral"),
        ("head-pose-face-detection-male.gif", "happy"),
    ],
)
def test_who_rests_is_neutral_and_who_smiles_is_happy_whatever_the_prior(
    data: Path, name: str, emotion: str, prior: str
) -> None:
    got = events(data / "clips" / name, "--set", f"classify.prior={prior}")
    assert {e["emotion"] for e in got} - {"unknown"} == {emotion}
    assert not [e for e in got if e["event_type"] == "emotion_changed"]


def record() -> None:
    """Write what the demo clip gives now, to be read before it is committed."""
    folder = REVIEWED / "astronaut"
    folder.mkdir(parents=True, exist_ok=True)
    lines = replay(DEMO_CLIP)
    text = "".join(json.dumps(e) + "\n" for e in lines)
    (folder / "events.jsonl").write_text(text)


@pytest.mark.parametrize("source", ["7", "rtsp://localhost/a", "rpicam", "/dev/zero"])
def test_a_camera_is_refused_at_once(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # Opening one would wait for ever.
    monkeypatch.setattr("edge.camera.open_camera", lambda *_: pytest.fail("opened"))
    assert cli.main(["replay", source]) == 64
    said = capsys.readouterr().err
    assert "a camera or stream; allowed: a video, GIF or folder" in said


@pytest.mark.parametrize("where", ["here", "token=1234567890", "no utf-8 \udcff"])
def test_a_folder_that_is_called_like_a_camera_is_a_folder(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # What the folder that we are in is called is not held to what a source may be.
    (tmp_path / where).mkdir()
    monkeypatch.chdir(tmp_path / where)
    Path("7").mkdir()
    cv2.imwrite("7/0.png", np.full((120, 160), 90, np.uint8))
    monkeypatch.setattr("edge.camera.LiveCamera", lambda *_: pytest.fail("taken for a camera"))
    assert cli.main(["replay", "7", "--frames"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


if __name__ == "__main__":
    record()
