"""What `analyze` says of pictures, recordings and nonsense, as a person runs it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest

from edge import cli
from edge.schema.jsonschema import analysis_schema
from tests.conftest import DEMO_CLIP
from tests.edge.tools.analyze.rig import analyze, clip, cut, empty, face, lines, save, save_gif

LABELS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
SCHEMA = jsonschema.Draft202012Validator(analysis_schema())


def test_a_portrait_has_its_emotion_at_once(tmp_path: Path) -> None:
    code, out, err = analyze(save(tmp_path / "photo.jpg", face()), "--json")
    assert (code, err) == (0, "")
    (line,) = lines(out)
    SCHEMA.validate(line)
    assert (line["width"], line["height"]) == (320, 240)
    (found,) = line["faces"]
    assert found["emotion"] == "happy" and found["reason"] is None
    assert found["confidence"] == found["scores"]["happy"] > 0.5
    assert list(found["scores"]) == LABELS
    assert sum(found["scores"].values()) == pytest.approx(1, abs=1e-3)
    x, y, width, height = found["box"]
    for px, py in found["landmarks"]:
        assert x < px < x + width and y < py < y + height
    assert found["state"] is None


def test_what_cannot_be_judged_is_unknown_with_its_reason(tmp_path: Path) -> None:
    dark = (face() * 0.05).astype(np.uint8)
    for luma, sets, reason in (
        (face(), "classify.min_face_px=500", "too_small"),
        (face(), "classify.min_brightness=250", "low_light"),
        (face(), "classify.min_sharpness=99", "blurred"),
    ):
        path = save(tmp_path / "photo.png", luma)
        (line,) = lines(analyze(path, "--json", "--set", sets)[1])
        assert [(f["emotion"], f["reason"]) for f in line["faces"]] == [("unknown", reason)]
    (line,) = lines(analyze(save(tmp_path / "dark.png", dark), "--json")[1])
    assert all(f["emotion"] == "unknown" for f in line["faces"])


def test_behind_a_mask_nothing_is_read_and_its_state_is_not_told(tmp_path: Path) -> None:
    masked = face().copy()
    masked[116:164, 92:211] = 190  # from under the nose to the chin
    path = save(tmp_path / "masked.png", cv2.GaussianBlur(masked, (5, 5), 0))
    told = {}
    for rate in (4, 0):
        (line,) = lines(analyze(path, "--json", "--set", f"classify.check_rate={rate}")[1])
        told[rate] = [(f["reason"] == "covered", f["state"]) for f in line["faces"]]
    assert told == {4: [(True, None)], 0: [(False, None)]}


def test_more_faces_than_a_kiosk_scores_are_all_scored(tmp_path: Path) -> None:
    many = np.vstack([np.hstack([face()] * 3)] * 2)
    (line,) = lines(analyze(save(tmp_path / "group.jpg", many), "--json")[1])
    assert [f["emotion"] for f in line["faces"]] == ["happy"] * 6


def test_a_folder_is_as_many_scenes_and_the_broken_ones_are_listed(tmp_path: Path) -> None:
    folder = tmp_path / "album"
    for name in ("2.jpg", "10.jpg", "so\nodd;'\"$x.png"):
        save(folder / name, face())
    save(folder / "1.jpg", empty())
    (folder / "3.jpg").write_bytes(b"\xff\xd8 no more")
    odd = os.fsdecode(b"latin\xe9.jpg")
    save(folder / odd, face())
    code, out, err = analyze(folder, "--json", "--workers", 1)
    assert code == 65
    found = lines(out)
    for line in found:
        SCHEMA.validate(line)
    names = [Path(line["file"]).name for line in found]
    assert names == ["1.jpg", "2.jpg", "3.jpg", "10.jpg", odd, "so\nodd;'\"$x.png"]
    assert [len(line.get("faces", "-")) for line in found] == [0, 1, 1, 1, 1, 1]
    assert "3.jpg: cut off before its end" in err and "1 skipped" in err
    assert found[2]["error"] == "cut off before its end"


@pytest.mark.parametrize("what", ["empty folder", "nothing there", "nonsense"])
def test_nothing_readable_is_66(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x.jpg"
    if what == "empty folder":
        path.mkdir()
    elif what == "nonsense":
        path.write_bytes(os.urandom(1000))
    code, out, err = analyze(path)
    assert (code, out) == (66, b"")
    assert str(path) in err


def test_a_stream_is_refused_with_the_command_to_use() -> None:
    code, _, err = analyze("rtsp://camera/1")
    assert code == 64
    assert "emotion-edge run" in err


def test_a_recording_ends_with_its_summary(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", 4.0)
    found = lines(analyze(path, "--json")[1])
    for line in found:
        SCHEMA.validate(line)
    frames, last = found[:-1], found[-1]
    assert [f["frame"] for f in frames] == list(range(60))
    summary = last["summary"]
    assert summary["frames"] == 60 and summary["seconds"] == pytest.approx(4, abs=0.01)
    (one,) = summary["faces"]
    assert {f["track"] for line in frames for f in line["faces"]} == {one["track"]}
    in_view = sum(bool(line["faces"]) for line in frames) / 15
    assert one["seconds"] == summary["face_seconds"] == pytest.approx(in_view, abs=0.01)
    assert summary["nobody_seconds"] == pytest.approx(4 - in_view, abs=0.01)
    happy = sum(f["emotion"] == "happy" for line in frames for f in line["faces"]) / 15
    assert summary["emotions"]["happy"]["seconds"] == pytest.approx(happy, abs=0.01)
    assert summary["dominant"] == one["dominant"] == "happy"


def test_a_face_that_settles_has_a_reason_too(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", 2.0)
    faces = [f for line in lines(analyze(path, "--json")[1])[:-1] for f in line["faces"]]
    settling = [f for f in faces if f["emotion"] == "unknown"]
    assert settling
    assert all(f["reason"] == ("low_confidence" if f["scores"] else "not_scored") for f in settling)
    assert all(f["reason"] is None for f in faces if f["emotion"] != "unknown")
    rows = list(csv.DictReader(io.StringIO(analyze(path, "--csv")[1].decode())))
    assert [r["reason"] for r in rows] == [f["reason"] or "" for f in faces]


def test_summary_alone_leaves_out_the_frames(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4")
    (line,) = lines(analyze(path, "--json", "--summary")[1])
    assert line["summary"]["dominant"] == "happy"
    code, out, _ = analyze(path, "--summary")
    assert code == 0
    assert b"shown the longest: happy" in out


def test_an_alert_is_in_the_summary(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4")
    sets = ("alert.emotions=['happy']", "alert.after_s=1")
    options = [o for s in sets for o in ("--set", s)]
    (line,) = lines(analyze(path, "--json", "--summary", *options)[1])
    (alert,) = line["summary"]["alerts"]
    assert alert["what"] == "alert" and alert["grade"] == "more"
    assert 0.9 < alert["from_s"] < alert["to_s"] <= 3.0


def test_csv_is_the_emotion_depth_index(tmp_path: Path) -> None:
    folder = tmp_path / "album"
    save(folder / "a,b.jpg", face())
    save(folder / "none.jpg", empty())
    clip(folder / "clip.mp4", 2.0)
    code, out, _ = analyze(folder, "--csv", "--workers", 1)
    assert code == 0
    head, *rows = csv.reader(io.StringIO(out.decode()))
    assert head[:10] == ["file", "face", "predicted", *LABELS]
    assert rows[0][0].endswith("a,b.jpg") and rows[0][2] == "happy"
    assert sum(map(float, rows[0][3:10])) == pytest.approx(1, abs=1e-3)
    assert {r[0].rsplit("/", 1)[1] for r in rows} == {"a,b.jpg", "clip.mp4"}
    assert len({r[1] for r in rows[1:]}) == 1  # the track


@pytest.mark.parametrize("count", [1, 2])
def test_of_a_recording_that_is_cut_off_the_rest_is_told(tmp_path: Path, count: int) -> None:
    path = cut(clip(tmp_path / "whole.avi", 4.0), tmp_path / "cut.avi")
    more = [save(tmp_path / "photo.jpg", face())][: count - 1]
    code, out, err = analyze(path, *more, "--json", "--summary")
    assert code == 65
    line = next(found for found in lines(out) if "summary" in found)
    SCHEMA.validate(line)
    assert re.fullmatch(r"ended after [123]\.\d of 4\.0 s", line["error"])
    assert line["summary"]["seconds"] < 3.5 and line["summary"]["dominant"] == "happy"
    assert f"cut.avi: {line['error']}" in err and "1 cut off" in err
    assert "WARNING" not in err
    code, out, _ = analyze(path, *more)
    assert code == 65 and f"cut.avi: {line['error']}".encode() in out


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="makes the recording")
def test_a_recording_without_some_frames_is_whole(tmp_path: Path) -> None:
    """As a telephone or a browser records: frames come as they like, and there are fewer."""
    path, loose = clip(tmp_path / "clip.mp4", 4.0), tmp_path / "loose.mkv"
    some = ["-vf", "select='lt(mod(n,10),7)'", "-fps_mode", "vfr", "-c:v", "mpeg4"]
    subprocess.run(["ffmpeg", "-loglevel", "error", "-i", path, *some, loose], check=True)
    video = cv2.VideoCapture(str(loose))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) > 50  # an estimate
    video.release()
    code, out, err = analyze(loose, "--json", "--summary")
    assert code == 0 and "ended" not in err
    assert lines(out)[0]["summary"]["frames"] == 42


def test_a_gif_that_does_not_move_is_a_picture(data: Path, tmp_path: Path) -> None:
    moving = data / "clips" / "head-pose-face-detection-male.gif"
    assert lines(analyze(moving, "--json", "--summary")[1])[0]["summary"]["frames"] > 10
    still = tmp_path / "still.gif"
    save_gif(still)
    (line,) = lines(analyze(still, "--json")[1])
    assert len(line["faces"]) == 1 and "frame" not in line


def test_a_recording_of_any_name_is_read(tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff\xe9.mp4"
    Path(os.fsdecode(odd)).write_bytes(clip(tmp_path / "clip.mp4", 1.0).read_bytes())
    plain = tmp_path / "no suffix"
    plain.write_bytes((tmp_path / "clip.mp4").read_bytes())
    for path in (os.fsdecode(odd), str(plain)):
        code, out, _ = analyze(path, "--json", "--summary")
        assert code == 0
        assert lines(out)[0]["summary"]["frames"] == 15


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out.jsonl"
    save(folder / "photo.jpg", face())
    film = clip(folder / "clip.mkv", 2.0).read_bytes()
    (folder / "cut.mkv").write_bytes(film[: len(film) // 2])
    page = tmp_path / "page.html"
    command = (folder, "--json", "-o", out, "--html", page)
    code, _, err = analyze(*command)
    assert "done before" not in err
    written, shown = out.read_bytes(), page.read_bytes()
    again, _, err = analyze(*command)
    assert (again, "3 done before" in err) == (code, True), err
    assert (out.read_bytes(), page.read_bytes()) == (written, shown)


def test_a_state_model_fills_the_state(tmp_path: Path) -> None:
    from edge.errors import ConfigError
    from edge.model.manifest import find_model

    try:
        find_model("state")
    except ConfigError:
        pytest.skip("no model of a face's state comes with this version")
    photo = save(tmp_path / "photo.jpg", face())
    (line,) = lines(analyze(photo, "--json", "--set", "state.enabled=true")[1])
    SCHEMA.validate(line)
    assert set(line["faces"][0]["state"]) >= {"yaw", "pitch", "eyes", "mouth"}


def test_replay_sends_a_picture_to_analyze(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = save(tmp_path / "my photo.jpg", face())
    assert cli.main(["replay", str(photo)]) == 64
    assert f"emotion-edge analyze '{photo}'" in capsys.readouterr().err
    assert cli.main(["replay", str(DEMO_CLIP), "--annotate", str(tmp_path / "out.png")]) == 64
    assert "allowed for a recording: a name that ends in .mp4" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()


def test_the_page_shows_faces_and_fetches_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "<b>album</b>"
    save(folder / "photo.jpg", face())
    clip(folder / "film.mp4")
    (folder / "broken.jpg").write_bytes(b"x")
    page = tmp_path / "page.html"
    assert analyze(folder, "--html", page, "--workers", 1)[0] == 65
    text = page.read_text()
    assert "&lt;b&gt;album" in text and "<b>album" not in text
    assert text.count("data:image/jpeg") >= 3 and "<polygon" in text
    assert "http://" not in text and "https://" not in text
    assert "broken.jpg" in text and "not a readable picture" in text


def test_the_page_says_why_a_face_has_no_emotion(tmp_path: Path) -> None:
    dark = save(tmp_path / "dark.jpg", (face() // 8).astype(np.uint8))
    page = tmp_path / "page.html"
    assert analyze(dark, "--html", page)[0] == 0
    text = page.read_text()
    assert "low light" in text and "<b>1</b> picture<" in text


def test_a_recording_of_a_driver_has_a_summary_without_emotions(tmp_path: Path) -> None:
    film = clip(tmp_path / "film.mp4", 2.0)
    args = [film, "--summary", "--set", "profile=driver", "--html", tmp_path / "page.html"]
    code, out, _ = analyze(*args)
    assert code == 0 and b"looked" in out
    assert b"unknown" not in out and b": -" not in out
    assert "no emotion is judged" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    "arguments", [["analyze", "x", "--workers", "many"], ["bench", "--seconds", "long"]]
)
def test_a_number_that_is_none_is_said_in_words(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 64
    err = capsys.readouterr().err
    assert f"got '{arguments[-1]}'; allowed: " in err and "_" not in err.splitlines()[-1]


def test_json_lines_are_read_back_as_they_were(tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff.jpg")
    save(tmp_path / odd, face())
    (line,) = lines(analyze(tmp_path / odd, "--json")[1])
    assert os.fsencode(line["file"]).endswith(b"/\xff.jpg")
    assert json.loads(json.dumps(line)) == line


def test_results_do_not_depend_on_who_reads_standard_error(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.jpg").write_bytes(b"no picture")
    save(tmp_path / "d.jpg", empty())
    out = tmp_path / "out"
    read, write = os.pipe()
    os.close(read)
    for stdout in (subprocess.DEVNULL, write):
        done = subprocess.run(
            [sys.executable, "-m", "edge", "analyze", tmp_path, "--json", "-o", out],
            stdout=stdout,
            stderr=write,
        )
        assert done.returncode == 65
        text = out.read_text()
        assert [text.count(f"/{name}.jpg") for name in "abcd"] == [1, 1, 1, 1]
        out.unlink()
        (tmp_path / "out.journal").unlink()
    os.close(write)
