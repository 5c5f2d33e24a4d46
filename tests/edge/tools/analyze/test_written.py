"""What is written because somebody asked: drawn, cut out, a page; and over nothing that is read."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge import cli
from tests.edge.tools.analyze.rig import analyze, clip, face, save, save_gif


def test_pictures_are_drawn_into_pictures_and_recordings_into_videos(tmp_path: Path) -> None:
    photo = save(tmp_path / "photo.jpg", face())
    assert analyze(photo, "--annotate", tmp_path / "out.png")[0] == 0
    drawn = cv2.imread(str(tmp_path / "out.png"))
    assert drawn is not None and np.ptp(drawn.astype(int), axis=2).max() > 60  # colour is drawn
    film = clip(tmp_path / "film.mp4", 1.0)
    assert analyze(film, "--annotate", tmp_path / "seen.mp4")[0] == 0
    video = cv2.VideoCapture(str(tmp_path / "seen.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 15
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(15)
    folder = tmp_path / "drawn"
    assert analyze(photo, film, "--annotate", folder, "--workers", 1)[0] == 0
    assert sorted(p.name for p in folder.iterdir()) == ["film.mp4", "photo.jpg"]


def test_what_is_drawn_into_is_what_a_file_turns_out_to_be(tmp_path: Path) -> None:
    film, photo = clip(tmp_path / "film.mp4", 0.5), save(tmp_path / "photo.jpg", face())
    film, photo = film.rename(tmp_path / "film"), photo.rename(tmp_path / "photo")
    folder = tmp_path / "drawn"
    assert analyze(photo, film, "--annotate", folder, "--workers", 1)[0] == 0
    assert sorted(p.name for p in folder.iterdir()) == ["film.mp4", "photo.png"]
    assert cv2.VideoCapture(str(folder / "film.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 8
    for path, name, what in ((film, "out.png", "recording"), (photo, "out.mp4", "picture")):
        code, _, err = analyze(path, "--annotate", tmp_path / name)
        assert code == 66 and f"is a {what}; allowed for --annotate: " in err
        assert not (tmp_path / name).exists()


def test_a_gif_that_does_not_move_is_drawn_into_a_picture(tmp_path: Path) -> None:
    still, folder = save_gif(tmp_path / "still.gif"), tmp_path / "drawn"
    assert analyze(still, "--annotate", tmp_path / "out.png")[0] == 0
    assert analyze(still, photo := save(tmp_path / "p.jpg", face()), "--annotate", folder)[0] == 0
    assert sorted(p.name for p in folder.iterdir()) == [photo.name, "still.gif.png"]
    assert cv2.imread(str(folder / "still.gif.png")) is not None


@pytest.mark.parametrize("name", ["out.gif", "out.webm", "out.png"])
def test_a_recording_is_not_drawn_into_a_folder_with_a_file_s_name(
    tmp_path: Path, name: str
) -> None:
    film = clip(tmp_path / "film.mp4", 0.2)
    code, _, err = analyze(film, "--annotate", tmp_path / name)
    assert code == 64 and "allowed for a recording: .mp4, .mkv, .avi" in err
    assert cli.main(["replay", str(film), "--annotate", str(tmp_path / name)]) == 64
    assert not (tmp_path / name).exists()


def test_nothing_is_written_over_what_is_read_or_said(tmp_path: Path) -> None:
    photo = save(tmp_path / "in" / "photo.jpg", face())
    out, before = tmp_path / "out", photo.read_bytes()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "in")
    for more in (
        ("--crop", tmp_path / "in"),
        ("--crop", link),
        ("--annotate", tmp_path / "in"),
        ("--html", photo),
        ("-o", out, "--html", out),
    ):
        code, _, err = analyze(tmp_path / "in", *more)
        assert code == 64 and "allowed: another f" in err, more
    assert photo.read_bytes() == before
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["in", "link", "photo.jpg"]


def test_a_replay_is_not_drawn_over_its_own_recording(tmp_path: Path, capsys) -> None:
    film = clip(tmp_path / "film.mp4", 0.2)
    before = film.read_bytes()
    frames = save(tmp_path / "frames" / "1.png", face()).parent
    for path in (film, frames):
        assert cli.main(["replay", str(path), "--annotate", str(path)]) == 64
        assert "would be written over" in capsys.readouterr().err
    assert film.read_bytes() == before
    assert len(list(frames.iterdir())) == 1


def test_a_replay_is_not_drawn_into_a_loop_of_links(tmp_path: Path, capsys) -> None:
    (tmp_path / "loop").symlink_to("loop")
    film = clip(tmp_path / "film.mp4", 0.2)
    assert cli.main(["replay", str(film), "--annotate", str(tmp_path / "loop")]) == 74
    assert f"--annotate: {tmp_path}/loop: " in capsys.readouterr().err


def test_a_page_is_written_to_a_pipe_and_through_a_link_and_replaces_neither(
    tmp_path: Path,
) -> None:
    photo = save(tmp_path / "photo.jpg", face())
    real, link, pipe = tmp_path / "real.html", tmp_path / "link.html", tmp_path / "pipe.html"
    real.write_text("before")
    link.symlink_to(real)
    assert analyze(photo, "--html", link)[0] == 0
    assert link.is_symlink() and "<html" in real.read_text()
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 1 << 20)  # room for the whole page
    assert analyze(photo, "--html", pipe)[0] == 0
    assert pipe.is_fifo() and b"<html" in os.read(reader, 1 << 20)
    os.close(reader)


def test_faces_are_cut_out_as_the_model_sees_them(tmp_path: Path) -> None:
    photo = save(tmp_path / "photo.jpg", np.hstack([face(), face()]))
    assert analyze(photo, "--crop", tmp_path / "crops")[0] == 0
    crops = sorted((tmp_path / "crops").iterdir())
    assert [p.name for p in crops] == ["photo.jpg-0.png", "photo.jpg-1.png"]
    assert cv2.imread(str(crops[0]), cv2.IMREAD_UNCHANGED).shape == (48, 48)
    assert analyze(clip(tmp_path / "c.mp4", 3.0), "--crop", tmp_path / "film")[0] == 0
    assert len(list((tmp_path / "film").iterdir())) == 3  # one a second


def test_a_replay_is_not_drawn_among_the_frames_of_another(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    (out / "notes").mkdir(parents=True)
    replay = ["replay", str(clip(tmp_path / "film.mp4", 0.4)), "--annotate", str(out)]
    assert cli.main(replay) == 0
    frames = sorted(p.name for p in out.glob("*.png"))
    assert len(frames) == 6
    shorter = ["replay", str(clip(tmp_path / "other.mp4", 0.2)), "--annotate", str(out)]
    capsys.readouterr()
    assert cli.main(shorter) == 64
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == (
        f"emotion-edge: --annotate: got {out}: has frames of an earlier run, such as 000000.png; "
        "allowed: a folder without any"
    )
    assert sorted(p.name for p in out.glob("*.png")) == frames


def test_no_picture_is_written_unless_asked_for(tmp_path: Path) -> None:
    photo = save(tmp_path / "photo.jpg", face())
    analyze(photo, "--json", "-o", tmp_path / "out.jsonl")
    assert {p.name for p in tmp_path.iterdir()} == {"photo.jpg", "out.jsonl", "out.jsonl.journal"}
    for path in (tmp_path / "out.jsonl", tmp_path / "out.jsonl.journal"):
        assert len(path.read_bytes()) < 2000
