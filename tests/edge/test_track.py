import random

import numpy as np
import pytest

from edge.config import TrackKeys
from edge.geometry import Box
from edge.messages import Face, Frame, Track
from edge.track import FaceTracker

RNG = np.random.default_rng(7)
PERSON = {
    "anna": RNG.integers(0, 255, (12, 10), np.uint8),
    "ben": RNG.integers(0, 255, (12, 10), np.uint8),
}


def frame(t: float, *people: tuple[str, float, float]) -> Frame:
    """A grey room with people in it; who comes later stands in front."""
    luma = np.full((240, 320), 90, np.uint8)
    for name, x, y in people:
        x0, y0 = round(x), round(y)
        picture = np.kron(PERSON[name], np.ones((4, 4), np.uint8))
        luma[y0 : y0 + 48, x0 : x0 + 40] = picture[: 240 - y0, : 320 - x0]
    return Frame(round(t * 30), t, luma)


def face(x: float, y: float) -> Face:
    return Face(Box(x, y, 40, 48), 0.9)


def tracker(confirm: int = 1, lost_s: float = 2.0) -> FaceTracker:
    return FaceTracker(TrackKeys(confirm=confirm, lost_s=lost_s), random.Random(1))


def test_a_face_is_believed_only_after_it_was_found_often_enough() -> None:
    tr = tracker(confirm=3)
    seen = [
        len(tr.update(frame(t, ("anna", 50, 50)), [face(50, 50)])) for t in (0.0, 0.1, 0.2, 0.3)
    ]
    assert seen == [0, 0, 1, 1]


def test_a_false_alarm_that_is_not_found_again_never_becomes_a_track() -> None:
    tr = tracker(confirm=3)
    found = [[face(50, 50)], [], [], [face(200, 100)], [], [], [face(50, 50)], [face(50, 50)]]
    for i, faces in enumerate(found):
        assert tr.update(frame(i / 10, ("anna", 50, 50)), faces) == ()


def test_the_same_face_keeps_its_track_through_missed_detections() -> None:
    tr = tracker()
    (first,) = tr.update(frame(0, ("anna", 50, 50)), [face(50, 50)])
    for i in range(1, 12):  # 1.1 s without a detection, while she moves slowly
        x = 50 + 2 * i
        (track,) = tr.update(frame(i / 10, ("anna", x, 50)), [])
        assert track.id == first.id
    (again,) = tr.update(frame(1.2, ("anna", 74, 50)), [face(74, 50)])
    assert again.id == first.id
    assert again.seen == 1.2


@pytest.mark.parametrize("confirm", [1, 2, 3])
def test_a_face_is_found_where_detections_are_further_apart_than_a_lost_one_lives(
    confirm: int,
) -> None:
    tr = tracker(confirm=confirm)
    seen = [
        tr.update(frame(n / 10, ("anna", 50, 50)), [face(50, 50)] if n % 25 == 0 else None)
        for n in range(200)
    ]
    found = [tracks[0].id for tracks in seen if tracks]
    assert len(found) == len(seen) - 25 * (confirm - 1), "it never left"
    assert len(set(found)) == 1


def test_who_is_looked_for_in_vain_after_so_long_has_left() -> None:
    tr = tracker()
    tr.update(frame(0.0, ("anna", 50, 50)), [face(50, 50)])
    tr.update(frame(1.2), None)
    assert tr.update(frame(2.4), None)
    assert tr.update(frame(2.5), []) == ()


@pytest.mark.parametrize("found", [[face(50, 50)], [], None])
def test_a_gap_between_frames_ends_all_tracks_whoever_is_there_after_it(
    found: list[Face] | None,
) -> None:
    tr = tracker()
    for n in range(30):
        before = tr.update(frame(n / 10, ("anna", 50, 50)), [face(50, 50)])
    after = tr.update(frame(3602.9, ("anna", 50, 50)), found)
    assert len(after) == len(found or [])
    assert not {k.id for k in before} & {k.id for k in after}


@pytest.mark.parametrize("step_s", [1.9, 5.0, 12.0, 31.0, 600.0])
def test_frames_that_always_come_seldom_are_no_gaps(step_s: float) -> None:
    tr = tracker()
    seen = [tr.update(frame(n * step_s, ("anna", 50, 50)), [face(50, 50)]) for n in range(1, 20)]
    assert len({k.id for tracks in seen[2:] for k in tracks}) == 1


def test_a_box_is_carried_on_between_detections() -> None:
    tr = tracker()
    tr.update(frame(0, ("anna", 50, 50)), [face(50, 50)])
    for i in range(1, 10):
        x, y = 50 + 5 * i, 50 + 2 * i
        (track,) = tr.update(frame(i / 30, ("anna", x, y)), None)
        assert track.box.iou(Box(x, y, 40, 48)) > 0.75
    assert track.seen == 0


def test_landmarks_settle_and_are_carried_on_with_the_box() -> None:
    def marked(x: float, eyes: float) -> Face:
        box = Box(x, 50, 40, 48)
        return Face(box, 0.9, ((x + 12, 70), (x + 28, 70 + eyes)))

    def drop(track: Track) -> float:
        assert track.landmarks is not None
        (_, right), (_, left) = track.landmarks
        return left - right

    tr = tracker()
    (track,) = tr.update(frame(0, ("anna", 50, 50)), [marked(50, 0)])
    assert drop(track) == 0
    drops = []
    for i in range(1, 10):
        x = 50 + 2 * i
        (track,) = tr.update(frame(i / 10, ("anna", x, 50)), [marked(x, 8)])
        drops.append(drop(track))
    assert drops == sorted(drops) and 0 < drops[0] < 4 and 7 < drops[-1] <= 8
    assert track.landmarks is not None
    assert track.landmarks[0] == pytest.approx((68 + 12, 70)), "places lag only within the box"
    (track,) = tr.update(frame(1.0, ("anna", 80, 53)), None)
    assert track.landmarks is not None
    dx, dy = track.box.x - 68, track.box.y - 50
    assert (dx, dy) != (0, 0)
    assert track.landmarks[0] == pytest.approx((80 + dx, 70 + dy))
    (track,) = tr.update(frame(1.1, ("anna", 82, 53)), [face(82, 53)])
    assert track.landmarks is None, "this detector found none"


def test_a_face_that_is_gone_leaves_after_the_time_allowed_and_comes_back_as_another() -> None:
    tr = tracker(lost_s=1.0)
    (first,) = tr.update(frame(0, ("anna", 50, 50)), [face(50, 50)])
    assert tr.update(frame(0.9), []) != ()
    assert tr.update(frame(1.1), []) == ()
    (later,) = tr.update(frame(1.2, ("anna", 50, 50)), [face(50, 50)])
    assert later.id != first.id


@pytest.mark.parametrize("step_s", [1 / 30, 1 / 10])
def test_two_people_who_cross_keep_their_tracks(step_s: float) -> None:
    tr = tracker()
    ids: dict[str, str] = {}
    for i in range(round(4 / step_s)):
        t = i * step_s
        anna, ben = 20 + 60 * t, 260 - 60 * t  # they pass at 2 s
        faces = [face(ben, 104)]
        if abs(anna - ben) > 24:  # she is hidden behind him for 0.4 s
            faces.append(face(anna, 100))
        tracks = tr.update(frame(t, ("anna", anna, 100), ("ben", ben, 104)), faces)
        if t < 0.1:
            continue
        for name, x in (("anna", anna), ("ben", ben)):
            nearest = min(tracks, key=lambda k: abs(k.box.x - x))
            if abs(anna - ben) > 60:
                assert ids.setdefault(name, nearest.id) == nearest.id
    assert len(set(ids.values())) == 2


def test_a_second_person_beside_the_first_gets_a_track_of_their_own() -> None:
    tr = tracker()
    (anna,) = tr.update(frame(0, ("anna", 50, 50)), [face(50, 50)])
    both = tr.update(frame(0.1, ("anna", 50, 50), ("ben", 120, 50)), [face(120, 50), face(50, 50)])
    assert len(both) == 2
    assert {k.id for k in both if k.box.x == 50} == {anna.id}


def test_who_walks_out_of_the_picture_leaves_before_the_time_is_up() -> None:
    tr = tracker(lost_s=5.0)
    for i in range(6):
        tr.update(frame(i / 10, ("anna", 250 + 10 * i, 50)), [face(250 + 10 * i, 50)])
    gone_at = next(t for t in np.arange(0.6, 3, 0.1) if not tr.update(frame(float(t)), []))
    assert gone_at < 1.0


def test_tracks_come_largest_first() -> None:
    tr = tracker()
    small, large = Face(Box(10, 10, 20, 24), 0.99), Face(Box(100, 60, 60, 72), 0.7)
    tracks = tr.update(frame(0), [small, large])
    assert [k.box.width for k in tracks] == [60, 20]


def test_ids_are_random_and_come_from_the_source_handed_in() -> None:
    def first_id(seed: int) -> str:
        tr = FaceTracker(TrackKeys(confirm=1, lost_s=1), random.Random(seed))
        return tr.update(frame(0), [face(10, 10)])[0].id

    assert first_id(1) == first_id(1) != first_id(2)


def test_reset_forgets() -> None:
    tr = tracker()
    tr.update(frame(0, ("anna", 50, 50)), [face(50, 50)])
    tr.reset()
    assert tr.update(frame(0.1), None) == ()


@pytest.mark.parametrize("step", [-0.8, -0.7, 0.7, 0.8])
def test_neighbours_keep_their_tracks_when_the_camera_pans(step: float) -> None:
    """Each face is now nearer to where another was than to where it was itself."""
    rng = np.random.default_rng(3)
    people = rng.integers(0, 255, (3, 12, 10), np.uint8)

    def shown(t: float, left: float) -> tuple[Frame, list[Face]]:
        luma = np.full((240, 320), 90, np.uint8)
        places = [round(left + 40 * k) for k in range(3)]
        for x, person in zip(places, people, strict=True):
            luma[100:148, x : x + 40] = np.kron(person, np.ones((4, 4), np.uint8))
        return Frame(round(30 * t), t, luma), [face(x, 100) for x in places]

    tr = tracker()
    before = {k.box.x: k.id for k in tr.update(*shown(0.0, 100))}
    after = {k.box.x: k.id for k in tr.update(*shown(0.1, 100 + 40 * step))}
    assert [after[x] for x in sorted(after)] == [before[x] for x in sorted(before)]


def test_a_face_without_contrast_is_not_followed_by_its_picture() -> None:
    tr = tracker()
    luma = np.full((240, 320), 90, np.uint8)
    luma[50:98, 50:90] = 140  # a burnt-out face: one grey
    tr.update(Frame(0, 0.0, luma), [face(50, 50)])
    empty = np.full((240, 320), 90, np.uint8)
    (track,) = tr.update(Frame(3, 0.1, empty), None)
    assert tr.demand() == 1, "not followed surely: the detector is needed"
    assert (track.box.x, track.box.y) == (50, 50)


def test_the_detector_is_needed_less_while_every_face_is_followed_surely() -> None:
    tr = tracker(confirm=2)
    assert tr.demand() == 1  # nobody there: whoever comes is to be found at once
    tr.update(frame(0, ("anna", 50, 50)), [face(50, 50)])
    assert tr.demand() == 1  # not yet believed
    tr.update(frame(0.1, ("anna", 50, 50)), [face(50, 50)])
    tr.update(frame(0.2, ("anna", 53, 50)), None)
    assert tr.demand() < 1
    tr.update(frame(0.3, ("anna", 53, 50)), [face(53, 50), face(200, 100)])
    assert tr.demand() == 1  # a newcomer


def test_a_face_that_is_lost_to_sight_has_the_detector_back_with_the_next_frame() -> None:
    tr = tracker()
    tr.update(frame(0, ("anna", 50, 50)), [face(50, 50)])
    tr.update(frame(0.1, ("anna", 53, 50)), None)
    assert tr.demand() < 1
    tr.update(frame(0.2), None)
    assert tr.demand() == 1


def test_a_face_is_gone_where_neither_a_detection_nor_its_picture_is_found() -> None:
    tr = tracker()
    tr.update(frame(0, ("anna", 50, 50)), [face(50, 50)])
    covered = ("anna", 50, 50), ("ben", 48, 49)
    missed = tr.update(frame(0.1, ("anna", 53, 50)), [])  # dim, turned: but it is there
    hidden = tr.update(frame(0.2, *covered), None), tr.update(frame(0.3, *covered), [])
    back = tr.update(frame(0.4, ("anna", 56, 50)), None)
    assert [k.gone for (k,) in (missed, *hidden, back)] == [False, True, True, False]
    found = tr.update(frame(0.5, *covered), [face(52, 50)])  # the detector is believed
    assert [k.gone for k in found] == [False]


def test_a_face_that_the_border_cuts_off_is_there_until_a_detection_misses_it() -> None:
    tr = tracker()  # it has no picture to be followed by
    tr.update(frame(0, ("anna", 290, 50)), [face(290, 50)])
    between = tr.update(frame(0.1, ("anna", 290, 50)), None)
    missed = tr.update(frame(0.2, ("anna", 290, 50)), [])
    assert [k.gone for (k,) in (between, missed)] == [False, True]
