"""Judging with real detectors on a real video; the reference judges itself as perfect."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from convert.arguments import told_apart
from convert.cli import main
from convert.detector.scores import Found, Truth
from convert.detector.under_test import DetectorUnderTest, open_all, open_under_test
from convert.detector.videos import Clip, evaluate_clip
from edge.errors import UsageError
from edge.geometry import Box
from edge.messages import Face, Frame
from tests.conftest import DEMO_CLIP
from tests.convert.detector.pictures import archive, peopled, portrait, scene


class Scripted:
    """Answers with what was written down for each frame, by the frame's first pixel."""

    def __init__(self, script: list[list[tuple[float, Box]]]) -> None:
        self._script = script

    def detect(self, luma: np.ndarray, /) -> tuple[Face, ...]:
        return tuple(Face(box, score) for score, box in self._script[int(luma[0, 0])])


def clip(truths: list[list[Box]], fps: float = 10.0) -> Clip:
    frames = []
    for k in range(len(truths)):
        luma = np.zeros((240, 320), np.uint8)
        luma[0, 0] = k
        frames.append(Frame(k, k / fps, luma))
    made = []
    for boxes in truths:
        faces = np.full((len(boxes), 14), np.nan, np.float32)
        for i, b in enumerate(boxes):
            faces[i, :4] = (b.x, b.y, b.width, b.height)
        made.append(Truth(faces, np.zeros(len(boxes), bool)))
    return Clip("scripted", frames, made)


HERE, THERE = Box(100, 100, 40, 50), Box(200, 30, 40, 50)


def test_missed_and_false_faces_are_counted_at_the_threshold() -> None:
    script = [[(0.9, HERE)], [(0.9, HERE), (0.8, THERE)], [(0.5, HERE)], []]
    detector = DetectorUnderTest("scripted", 0.7, Scripted(script))
    got = evaluate_clip(clip([[HERE]] * 4), detector, rate=10, confirm=3)
    assert got["found"] == 0.5 and got["frames_with_all"] == 0.5
    assert got["false_a_minute"] == pytest.approx(1 / (4 / 10 / 60))
    assert got["false_tracks"] == 0


def test_a_false_face_survives_confirmation_only_when_it_stays() -> None:
    flickers = [[(0.9, THERE)] if k % 5 == 0 else [] for k in range(20)]
    stays = [[(0.9, THERE)] if 5 <= k < 12 else [] for k in range(20)]
    empty = clip([[]] * 20)
    for script, tracks in ((flickers, 0), (stays, 1)):
        detector = DetectorUnderTest("scripted", 0.7, Scripted(script))
        assert evaluate_clip(empty, detector, rate=10, confirm=3)["false_tracks"] == tracks


def test_a_real_face_is_no_false_track() -> None:
    detector = DetectorUnderTest("scripted", 0.7, Scripted([[(0.9, HERE)]] * 20))
    assert evaluate_clip(clip([[HERE]] * 20), detector, rate=10, confirm=3)["false_tracks"] == 0


@pytest.mark.parametrize("spec", ["", "blaze", "haar@", "haar@x", "face@5", "haar@320:2"])
def test_a_spec_that_makes_no_sense(spec: str) -> None:
    with pytest.raises(UsageError, match="--detector: got"):
        open_under_test(spec)


def test_detectors_of_one_name_and_width_are_called_as_given() -> None:
    specs = ["face@320:0.5", "face@320:0.6", "face@160", "haar@320"]
    opened = open_all(specs)
    assert [d.label for d in opened] == ["face@320:0.5", "face@320:0.6", "face@160", "haar@320"]
    assert [d.threshold for d in opened[:2]] == [0.5, 0.6]


def test_what_was_found_keeps_its_order_and_empty_is_empty() -> None:
    detector = DetectorUnderTest("s", 0.7, Scripted([[(0.9, HERE), (0.2, THERE)], []]))
    luma = np.zeros((240, 320), np.uint8)
    found = detector.find(luma)
    assert isinstance(found, Found) and found.scores.tolist() == pytest.approx([0.9, 0.2])
    luma[0, 0] = 1
    assert detector.find(luma).boxes.shape == (0, 4)


def test_the_command_on_pictures_and_a_video(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = [portrait(f"P{k:02}_0001", seed=k) for k in range(20)]
    places = [scene(k) for k in range(20)] + [peopled(k) for k in range(20)]
    pytest.importorskip("matplotlib")
    code = main(
        [
            "evaluate-detector", "--detector", "haar@320", "--reference", "haar@320",
            "--photos", str(archive(tmp_path / "p.npz", people)),
            "--photos", str(archive(tmp_path / "s.npz", places)),
            "--pictures", "10", "--rooms", "0.3", "--clips", str(DEMO_CLIP),
            "--json", str(tmp_path / "v.json"), "--html", str(tmp_path / "v.html"),
            "--froc", str(tmp_path / "froc.png"),
        ]
    )  # fmt: skip
    assert code == 0
    own = json.loads((tmp_path / "v.json").read_text())["haar@320"]
    video = own["videos"]["astronaut"]
    assert video["reference_faces"] > 50
    assert video["found"] == 1 and video["false_tracks"] == 0
    assert own["composed"]["pictures"] == 10 and own["composed"]["faces"] > 0
    assert own["photographs"]["empty"]["pictures"] > 0
    assert own["photographs"]["faces"]["faces"] > 0
    assert own["rooms"]["views"] == 1 and own["rooms"]["frames"] == 200
    assert (tmp_path / "froc.png").read_bytes().startswith(b"\x89PNG")
    assert own["ms_a_frame"]["median"] > 0
    text = (tmp_path / "v.html").read_text()
    assert text.count("<img") >= 1 and "haar@320" in text
    assert "haar@320" in capsys.readouterr().out


def test_what_was_given_is_no_others_name() -> None:
    assert told_apart(["clip", "other"], ["clip.avi", "other.avi"]) == ["clip", "other"]
    given = ["clip.avi", "clip.mp4", "clip.avi.avi"]
    assert told_apart(["clip", "clip", "clip.avi"], given) == given


def film(path: Path, grey: int) -> str:
    path.parent.mkdir(exist_ok=True)
    out = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (160, 120))
    for _ in range(4):
        out.write(np.full((120, 160, 3), grey, np.uint8))
    out.release()
    return str(path)


def test_each_detector_and_each_clip_has_a_row(tmp_path: Path) -> None:
    specs = ["haar@160", "haar@160:0.5"]
    clips = [film(tmp_path / f"{place}/clip.avi", 90) for place in "ab"]
    other = film(tmp_path / "other.avi", 90)
    command = ["evaluate-detector", *(a for s in specs for a in ("--detector", s))]
    command += ["--reference", "haar@160", "--json", str(tmp_path / "v.json")]
    assert main([*command, "--clips", *clips, other]) == 0
    verdict = json.loads((tmp_path / "v.json").read_text())
    assert list(verdict) == specs
    for own in verdict.values():
        assert own["ms_a_frame"]["median"] > 0
        assert list(own["videos"]) == [*clips, "other"]


@pytest.mark.parametrize("option", ["--detector", "--clips"])
def test_the_same_twice(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = film(tmp_path / "clip.avi", 90)
    twice = {"--detector": ["--detector", "haar@160"] * 2, "--clips": []}[option]
    clips = [clip] if option == "--detector" else [clip, clip]
    assert main(["evaluate-detector", *twice, "--clips", *clips]) == UsageError.exit_code
    assert f"{option}: got " in (said := capsys.readouterr().err) and "twice" in said


def test_nothing_to_evaluate_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate-detector"]) == UsageError.exit_code
    assert "nothing to evaluate on" in capsys.readouterr().err
