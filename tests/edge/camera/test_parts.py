"""The small parts of live cameras: slot, frame check, back-off, raw buffers."""

from __future__ import annotations

import random
import threading

import cv2
import numpy as np
import pytest

from edge.backoff import Backoff, Waits
from edge.camera.framecheck import FrameCheck, is_noise
from edge.camera.jpeg import size
from edge.camera.slot import Slot
from edge.camera.v4l2 import luma_of_raw
from edge.messages import Frame
from tests.waiting import PATIENCE_S


def frame(seq: int) -> Frame:
    return Frame(seq, float(seq), np.zeros((2, 2), np.uint8))


def test_the_newest_frame_wins_and_the_others_are_counted() -> None:
    slot = Slot()
    for seq in range(3):
        slot.put(frame(seq))
    taken = slot.take(0)
    assert isinstance(taken, Frame)
    assert taken.seq == 2
    assert slot.take(0) is None
    assert slot.dropped == 2


def test_an_interruption_comes_before_frames_on_both_sides_of_it() -> None:
    slot = Slot()
    slot.put(frame(0))
    slot.interrupt("unplugged")
    slot.put(frame(1))
    assert slot.take(0) == "unplugged"
    taken = slot.take(0)
    assert isinstance(taken, Frame)
    assert taken.seq == 1
    assert slot.dropped == 1


@pytest.mark.parametrize("wake", ["put", "interrupt", "close"])
def test_a_taker_is_woken(wake: str) -> None:
    slot = Slot()
    taken: list[object] = []
    taker = threading.Thread(target=lambda: taken.append(slot.take(60)))
    taker.start()
    {"put": lambda: slot.put(frame(0)), "interrupt": lambda: slot.interrupt("x")}.get(
        wake, slot.close
    )()
    taker.join(PATIENCE_S)
    assert not taker.is_alive()
    assert len(taken) == 1


def test_a_closed_slot_never_waits() -> None:
    slot = Slot()
    slot.close()
    assert slot.take(3600) is None


def scene(seed: int = 0) -> np.ndarray:
    """Blurred blobs with the noise of a sensor."""
    rng = np.random.default_rng(seed)
    blobs = cv2.GaussianBlur(rng.integers(0, 256, (120, 160), np.uint8), (0, 0), 4)
    wide = cv2.normalize(blobs, None, 20, 235, cv2.NORM_MINMAX).astype(float)
    return np.clip(wide + rng.normal(0, 3, wide.shape), 0, 255).astype(np.uint8)


def test_a_picture_that_never_changes_is_a_problem_after_a_while() -> None:
    check = FrameCheck(frozen_s=30)
    still = scene()
    reasons = [check.problem(t, still.copy()) for t in range(40)]
    assert reasons[:31] == [None] * 31
    assert all(r is not None and "same picture" in r for r in reasons[31:])
    assert check.problem(40, scene(1)) is None


def test_one_grey_level_in_one_pixel_is_a_change() -> None:
    check = FrameCheck(frozen_s=1)
    picture = scene()
    for t in range(10):
        picture = picture.copy()
        picture[3, 5] ^= 1
        assert check.problem(t, picture) is None


def test_noise_is_not_a_picture_and_scenes_are() -> None:
    rng = np.random.default_rng(1)
    assert is_noise(rng.integers(0, 256, (480, 640), np.uint8))
    assert not is_noise(scene())
    assert not is_noise(np.zeros((480, 640), np.uint8))
    dark = np.clip(rng.normal(12, 9, (480, 640)), 0, 255).astype(np.uint8)
    assert not is_noise(dark), "what a sensor sees in the dark"
    stripes = np.tile(np.arange(160, dtype=np.uint8) % 2 * 200, (120, 1))
    assert not is_noise(stripes)
    assert not is_noise(np.zeros((1, 1), np.uint8))


def test_noise_is_a_problem_until_a_picture_comes() -> None:
    rng = np.random.default_rng(1)
    check = FrameCheck()
    assert check.problem(0.0, scene()) is None
    garbage = [
        check.problem(1 + i / 30, rng.integers(0, 256, (120, 160), np.uint8)) for i in range(9)
    ]
    assert all(g is not None and "noise" in g for g in garbage)
    assert check.problem(2.0, scene(2)) is None


def test_waits_double_up_to_the_cap_and_are_spread() -> None:
    backoff = Backoff(Waits(0.5, 15), random.Random(1))
    waits = [backoff.next() for _ in range(8)]
    for wait, cap in zip(waits, [0.5, 1, 2, 4, 8, 15, 15, 15], strict=True):
        assert cap / 2 <= wait <= cap
    assert len({w / c for w, c in zip(waits, [0.5, 1, 2, 4, 8, 15, 15, 15], strict=True)}) == 8
    backoff.reset()
    assert backoff.next() <= 0.5


LUMA = 16 + np.arange(48, dtype=np.uint8).reshape(6, 8) * 4  # limited range: 16 to 235
FULL = np.round((LUMA.astype(float) - 16) * 255 / 219)


@pytest.mark.parametrize(
    ("fourcc", "raw", "expected"),
    [
        ("GREY", LUMA, LUMA),
        ("YUYV", np.dstack([LUMA, np.full_like(LUMA, 128)]), FULL),
        ("UYVY", np.dstack([np.full_like(LUMA, 128), LUMA]), FULL),
        ("NV12", np.vstack([LUMA, np.full((3, 8), 128, np.uint8)]), FULL),
        ("YU12", np.vstack([LUMA, np.full((3, 8), 128, np.uint8)]).reshape(1, -1), FULL),
    ],
)
def test_luma_is_taken_out_of_raw_buffers(
    fourcc: str, raw: np.ndarray, expected: np.ndarray
) -> None:
    luma = luma_of_raw(raw, fourcc, 8, 6)
    assert luma is not None
    np.testing.assert_array_equal(luma, expected)
    assert luma_of_raw(raw.reshape(-1)[:-3], fourcc, 8, 6) is None, "a short buffer"


def test_jpeg_buffers_are_decoded_as_grey_and_broken_ones_left_out() -> None:
    picture = cv2.merge([scene(1), scene(2), scene(3)])
    ok, jpeg = cv2.imencode(".jpg", picture)
    assert ok
    padded = np.concatenate([jpeg.reshape(-1), np.zeros(100, np.uint8)]).reshape(1, -1)
    luma = luma_of_raw(padded, "MJPG", 160, 120)
    assert luma is not None
    assert np.abs(luma.astype(int) - cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)).mean() < 4
    for broken in (jpeg[: len(jpeg) // 2], jpeg[100:], jpeg[:0], np.zeros(5000, np.uint8)):
        assert luma_of_raw(broken, "MJPG", 160, 120) is None


def test_a_jpeg_that_claims_to_be_huge_is_left_out() -> None:
    jpeg = bytearray(cv2.imencode(".jpg", scene())[1].tobytes())
    size = jpeg.index(b"\x00\x78\x00\xa0")  # 120 by 160 in the frame header
    assert luma_of_raw(np.frombuffer(bytes(jpeg), np.uint8), "MJPG", 160, 120) is not None
    jpeg[size : size + 4] = b"\x7f\xff\x7f\xff"
    assert luma_of_raw(np.frombuffer(bytes(jpeg), np.uint8), "MJPG", 160, 120) is None


@pytest.mark.parametrize("before", [b"\xff\x01", b"\xff\xd0", b"\xff\xd7", b"\xff"])
def test_a_huge_jpeg_that_shows_us_a_small_frame_header_is_left_out(before: bytes) -> None:
    """`before` has no length: who reads one there lands in the comments, at another header."""
    jpeg = cv2.imencode(".jpg", np.full((2000, 2000), 128, np.uint8))[1].tobytes()
    small = b"\xff\xc0\0\x0b\x08\0\x10\0\x10\x01\x01\x11\0"  # 16 by 16
    comment = b"\xff\xfe\xff\x78" + small * 5000 + bytes(0xFF76 - 5000 * len(small))
    for shift in range(len(small)):  # one of them is where the wrong length leads
        hidden = b"\xff\xd8" + before + comment + b"\xff\xfe\0\xff" + bytes(shift)
        hidden += (small * 30)[: 0xFD - shift] + jpeg[2:]
        buffer = np.frombuffer(hidden, np.uint8)
        assert size(buffer) == (2000, 2000)
        assert luma_of_raw(buffer, "MJPG", 16, 16) is None


def test_an_unknown_format_is_left_to_opencv() -> None:
    assert luma_of_raw(np.zeros(100, np.uint8), "XYZ1", 8, 6) is None
