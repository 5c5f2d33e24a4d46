"""What is drawn into a picture, and where it goes."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import NoInputError, StorageError, UsageError
from edge.geometry import Box
from edge.messages import Eyes, FaceState, Frame, Reason
from edge.tools.annotate import AXES, COLOURS, GREY, MIN_WIDTH, Annotator, draw
from tests.edge.publish.rig import estimate

FRAME = Frame(7, 0.5, np.full((240, 320), 90, np.uint8))
HAPPY = replace(estimate("happy"), track=replace(estimate().track, box=Box(40, 60, 80, 100)))


def at(picture: np.ndarray, x: int, y: int) -> tuple[int, ...]:
    return tuple(picture[y, x].tolist())


def test_a_small_frame_is_enlarged_and_the_box_with_it() -> None:
    picture = draw(FRAME, [HAPPY])
    assert picture.shape == (480, MIN_WIDTH, 3)
    happy = COLOURS[list(HAPPY.scores).index("happy")]
    assert at(picture, 80, 200) == happy, "the left edge of the box, twice as large"
    assert at(picture, 120, 200) == (90, 90, 90), "inside, the picture as it was"


def test_unknown_is_grey_and_says_why() -> None:
    unknown = replace(HAPPY, emotion="unknown", reason=Reason.LOW_LIGHT)
    assert at(draw(FRAME, [unknown]), 80, 200) == GREY
    without = draw(FRAME, [replace(unknown, reason=None)])
    assert (draw(FRAME, [unknown]) != without).any(), "the reason is part of the text"


def test_bars_are_as_long_as_their_scores() -> None:
    def coloured(scores: dict[str, float]) -> int:
        picture = draw(FRAME, [replace(HAPPY, scores=scores)])
        return int((picture == COLOURS[0]).all(axis=2).sum())

    rest = dict.fromkeys(HAPPY.scores, 0.0)
    low, high = coloured({**rest, "angry": 0.2}), coloured({**rest, "angry": 0.8})
    assert high - low == pytest.approx(0.6 * 60 * 11, rel=0.05)  # 60 pixels long, 11 high


def test_what_a_face_is_doing_is_drawn_axes_in_it_and_lids_below() -> None:
    doing = FaceState(yaw=60.0, pitch=0.0, roll=0.0, eyes=Eyes(left=0.5, right=0.0))
    picture = draw(FRAME, [replace(HAPPY, state=doing)])
    # The box is 160 wide and 200 high at (80, 120) once the frame is enlarged.
    assert at(picture, 160 + 40, 220) == AXES[2], "it looks to the right"
    assert at(picture, 160, 220 - 40) == AXES[1]
    assert at(picture, 160 - 10, 220) == (90, 90, 90)
    lids = [at(picture, x, 120 + 200 + 8) for x in (100, 176, 220)]
    assert lids == [(60, 60, 60), (255, 255, 255), (60, 60, 60)], "shut, half open"
    unknown = draw(FRAME, [replace(HAPPY, state=FaceState())])
    assert at(unknown, 200, 220) == (90, 90, 90)


def test_a_folder_gets_one_picture_a_frame_by_its_number(tmp_path: Path) -> None:
    annotator = Annotator(tmp_path / "out", 10.0)
    annotator.frame(FRAME, [HAPPY])
    annotator.close()
    (file,) = (tmp_path / "out").iterdir()
    assert file.name == "000007.png"
    assert (cv2.imread(str(file)) == draw(FRAME, [HAPPY])).all()


def test_a_video_takes_frames_of_other_shapes_with_borders(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    annotator = Annotator(out, 10.0)
    for shape in ((480, 640), (640, 480), (1200, 1600), (100, 900)):
        annotator.frame(replace(FRAME, luma=np.full(shape, 200, np.uint8)), [])
    annotator.close()
    video = cv2.VideoCapture(str(out))
    pictures = [np.asarray(video.read()[1]) for _ in range(4)]
    assert [p.shape for p in pictures] == [(480, 640, 3)] * 4
    # How bright they are at the left, in the middle and at the top.
    seen = [
        [bool(p[y, x, 0] > 100) for x, y in ((30, 240), (320, 240), (320, 30))] for p in pictures
    ]
    assert seen == [[True] * 3, [False, True, True], [True] * 3, [True, True, False]]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_video_that_the_disk_has_no_room_for_is_an_error(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    whole = Annotator(out, 10.0)
    for seq in range(12):
        whole.frame(replace(FRAME, seq=seq), [HAPPY])
    whole.close()
    most = out.stat().st_size * 2 // 3
    script = (
        "import resource, sys; from pathlib import Path\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))\n"
        "from tests.edge.tools.test_annotate import FRAME, HAPPY, Annotator, replace\n"
        "a = Annotator(Path(sys.argv[1]), 10.0)\n"
        "for seq in range(12): a.frame(replace(FRAME, seq=seq), [HAPPY])\n"
        "try: a.close()\n"
        "except Exception as e: print(type(e).__name__, e)\n"
    )
    # What Python and coverage write would meet the limit too; half a .pyc ends the next import.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(
        [sys.executable, "-c", script, str(out)],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    assert "StorageError --annotate: " in done.stdout and "disk full" in done.stdout


@pytest.mark.parametrize(
    ("out", "error"),
    [("/nowhere/a.mp4", NoInputError), ("/proc/out", StorageError), ("/dev/null/x", StorageError)],
)
def test_a_place_that_cannot_be_written_is_named(out: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="--annotate: /"):
        Annotator(Path(out), 10.0)


DRAW = """
import sys
from pathlib import Path
import numpy as np
from edge.messages import Frame
from edge.tools.annotate import Annotator
for out in sys.argv[1:]:
    annotator = Annotator(Path(out), 25.0)
    for seq in range(3):
        annotator.frame(Frame(seq, seq / 25, np.full((240, 320), 90, np.uint8)), [])
    annotator.close()
"""


def test_a_folder_that_is_not_utf8_is_drawn_into(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"\xff")
    odd.mkdir()
    done = subprocess.run(  # OpenCV ended the process
        [sys.executable, "-c", DRAW, odd / "frames", odd / "film.mp4"], capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert len(list((odd / "frames").iterdir())) == 3
    (odd / "film.mp4").rename(tmp_path / "film.mp4")
    assert cv2.VideoCapture(str(tmp_path / "film.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 3


def test_a_video_s_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="allowed for a recording: a name in UTF-8"):
        Annotator(tmp_path / os.fsdecode(b"x\xff.mp4"), 25.0)
