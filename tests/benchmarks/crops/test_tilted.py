"""Real detector, real emotion model, real faces, turned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.crops.boxes import HEIGHT, WIDTH
from benchmarks.crops.tilted import Posed, framed, tilt_figures, tilt_table, turned
from convert.detector.photos import Photo, load_photos, split
from convert.detector.under_test import DetectorUnderTest, open_under_test
from edge.classify import Model
from edge.geometry import Box
from edge.messages import Face
from edge.model.manifest import find_model


def test_a_photograph_stands_with_its_face_in_the_middle() -> None:
    luma = np.zeros((100, 200), np.uint8)
    luma[20:40, 150:170] = 255
    faces = np.zeros((2, 15), np.float32)
    faces[0, :4], faces[1, :4] = (0, 0, 5, 5), (150, 20, 20, 20)
    frame = framed(Photo("p", luma, faces))
    assert frame.shape == (HEIGHT, WIDTH)
    rows, columns = np.nonzero(frame > 128)
    assert rows.mean() == pytest.approx(HEIGHT / 2, abs=1)
    assert columns.mean() == pytest.approx(WIDTH / 2, abs=1)


def test_turning_is_clockwise() -> None:
    frame = np.zeros((HEIGHT, WIDTH), np.uint8)
    frame[118:123, 220:240] = 255  # right of the middle
    rows, columns = np.nonzero(turned(frame, 90) > 128)
    assert rows.mean() == pytest.approx(190, abs=2) and columns.mean() == pytest.approx(160, abs=2)


def test_tilted_faces_say_more_of_the_same_when_they_are_cut_out_upright(data: Path) -> None:
    subject, model = open_under_test("face@320"), Model(find_model("emotion"))
    _, held = split(load_photos(data / "lfw" / "lfw_faces.npz"))
    frames = [framed(p) for p in held[:40]]
    posed = Posed("lfw", frames, np.zeros(len(frames), np.int64))
    entries = {e["tilt"]: e for e in tilt_figures(subject, model, posed)}
    level = entries[0]
    assert level["found"] > 0.9 and level["faces"] == 40
    assert level["as_it_is"]["shift"] == 0 and level["as_it_is"]["same_emotion"] == 1
    for tilt in (20, 30, 40):
        entry = entries[tilt]
        assert entry["faces"] == 80 and entry["compared"] > 70
        assert entry["upright"]["shift"] < entry["as_it_is"]["shift"]
    text = tilt_table({"lfw": list(entries.values())})
    assert len(text.splitlines()) == 1 + len(entries) and "accuracy" in text


class Unmarked:
    def detect(self, _luma: np.ndarray, /) -> tuple[Face, ...]:
        return (Face(Box(100, 60, 120, 120), 0.9),)


def test_a_detector_without_landmarks_turns_nothing() -> None:
    posed = Posed("p", [np.zeros((HEIGHT, WIDTH), np.uint8)], None)
    subject = DetectorUnderTest("haar-like", 0.0, Unmarked())
    assert tilt_figures(subject, Model(find_model("emotion")), posed) == []
