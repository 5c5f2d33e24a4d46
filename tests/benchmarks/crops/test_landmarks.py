"""Where landmarks lie: exactly known with a detector that follows a script, and the real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.crops.boxes import HEIGHT, WIDTH
from benchmarks.crops.landmarks import landmark_figures, landmark_table
from benchmarks.crops.tilted import LARGE
from convert.detector.photos import Photo, load_photos, split
from convert.detector.under_test import DetectorUnderTest, open_under_test
from edge.geometry import Box
from edge.messages import Face

POINTS = np.array([[70, 80], [130, 80], [100, 110], [75, 140], [125, 140]], np.float32)


def photo() -> Photo:
    face = np.concatenate([[50, 50, 100, 120], POINTS.reshape(10), [0.95]]).astype(np.float32)
    return Photo("p", np.zeros((200, 200), np.uint8), face[None])


class Level:
    """Believes every head upright, and sees it too far right by a tenth of an eye distance."""

    def __init__(self, found: bool = True) -> None:
        self._found = found

    def detect(self, _luma: np.ndarray, /) -> tuple[Face, ...]:
        if not self._found:
            return ()
        scale = LARGE / 200
        points = (POINTS - (100, 110)) * scale + (WIDTH / 2 + 6 * scale, HEIGHT / 2)
        marks = tuple((float(x), float(y)) for x, y in points)
        return (Face(Box(100, 60, 120, 120), 0.9, marks),)


def test_a_detector_that_sees_no_tilt_is_found_out() -> None:
    entries = {
        e["tilt"]: e
        for e in landmark_figures(DetectorUnderTest("level", 0.5, Level()), [photo(), photo()])
    }
    assert entries[0]["faces"] == 2 and entries[20]["faces"] == 4
    assert entries[0]["error"] == pytest.approx(0.1, abs=1e-6)
    assert entries[0]["told"] == pytest.approx(0, abs=1e-6)
    assert entries[40]["told"] == pytest.approx(0, abs=1e-6)
    assert entries[40]["error"] > entries[20]["error"] > 0.1


def test_nothing_found_is_no_figure() -> None:
    entries = landmark_figures(DetectorUnderTest("blind", 0.5, Level(found=False)), [photo()])
    assert all(e["found"] == 0 and e["error"] is None and e["told"] is None for e in entries)
    assert len(landmark_table(entries).splitlines()) == len(entries)


def test_the_second_look_sees_the_tilt_that_the_detector_alone_does_not(data: Path) -> None:
    held = split(load_photos(data / "lfw" / "lfw_faces.npz"))[1][:20]
    near, alone = (
        {e["tilt"]: e for e in landmark_figures(open_under_test(spec), held)}
        for spec in ("face@320", "face-alone@320")
    )
    assert near[0]["found"] > 0.9
    for tilt in (20, 30, 40):
        assert near[tilt]["told"] > 0.7 * tilt > alone[tilt]["told"]
        assert near[tilt]["error"] < alone[tilt]["error"]
