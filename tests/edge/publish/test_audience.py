"""An audience by the hour, on a fake clock."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge.config_face import Audience
from edge.contract import AudienceHour, decode_audience, encode
from edge.geometry import Box
from edge.messages import Condition, ConditionKind, Estimate, Sums, Track
from edge.publish.audience import MAX_BYTES, AudienceCounter
from edge.publish.hours import MOST

ON = Audience(enabled=True, look_s=1.0)
NOON = 1_700_000_000.0 // 3600 * 3600  # s since 1970: the beginning of an hour


def person(
    name: str, *, looked_s: float = 0.0, looking: bool = False, still: bool = False
) -> Estimate:
    on = (Condition(ConditionKind.ATTENTION, 0.0, 0.0),) if looking else ()
    return Estimate(
        Track(name, Box(10, 10, 50, 60), 0.9, 0.0, 0.0, (320, 240), still=still),
        "neutral",
        0.9,
        {},
        0.0,
        0.0,
        None,
        1.0,
        conditions=on,
        sums=Sums(looked_s=looked_s),
    )


class Scene:
    """A counter, and time that goes on."""

    def __init__(
        self, outbox: Path | None = None, wall: float = NOON, config: Audience = ON
    ) -> None:
        self.hours: list[AudienceHour] = []
        self.counter = AudienceCounter(config, outbox, self.retain)
        self.t, self.wall, self.last = 100.0, wall, 100.0
        self.began: dict[str, float] = {}

    def retain(self, payload: bytes) -> None:
        self.hours.append(decode_audience(payload))

    def show(self, seconds: float, *people: Estimate, found: bool = True) -> None:
        """Show people who are found in each frame, or are carried on since the last of before."""
        for _ in range(round(seconds * 2)):
            if found:
                self.last = self.t
            seen = [self._at(e) for e in people]
            self.counter.update(self.wall, seen, synced=True)
            self.t += 0.5
            self.wall += 0.5

    def _at(self, e: Estimate) -> Estimate:
        # A face is told half a second after it was first detected.
        began = self.began.setdefault(e.track.id, self.t - 0.5)
        return replace(e, track=replace(e.track, began=began, seen=self.last))


def test_a_face_that_was_not_found_for_long_was_there_all_along() -> None:
    scene = Scene()
    scene.counter.configure(ON, lost_s=30.0)
    scene.show(10.0, person("a"))
    scene.show(8.0, person("a"), found=False)
    scene.show(2.0, person("a"))
    now = scene.counter.now()
    assert now is not None
    assert now.dwell_s == pytest.approx(20.0, abs=0.6)  # as `duration_s`, from first to last


def test_people_lookers_dwell_and_attention_are_counted() -> None:
    scene = Scene()
    scene.show(10.0, person("a"), person("b", looking=True))
    scene.show(10.0, person("b", looking=True, looked_s=10.0))
    now = scene.counter.now()
    assert now is not None
    assert (now.now, now.looking, now.seen, now.looked) == (1, 1, 2, 1)
    assert now.dwell_s == pytest.approx(30.0, abs=1.0)
    assert now.attention_s == pytest.approx(20.0, abs=1.0)


def test_who_left_counts_to_the_last_detection_as_in_the_event() -> None:
    scene = Scene()
    for name in "abcd":
        scene.show(3.0, person(name, looking=True))
        scene.show(2.0, person(name, looking=True), found=False)  # track.lost_s
    now = scene.counter.now()
    assert now is not None
    assert (now.seen, now.dwell_s, now.attention_s) == (4, 12.0, 12.0)


def test_a_glance_is_no_look_and_a_picture_is_nobody() -> None:
    scene = Scene()
    scene.show(5.0, person("a", looked_s=0.9, looking=True), person("poster", still=True))
    now = scene.counter.now()
    assert now is not None
    assert (now.seen, now.looked, now.now) == (1, 0, 1)


def test_who_comes_back_counts_again() -> None:
    scene = Scene()
    scene.show(2.0, person("a"))
    scene.show(2.0)
    scene.show(2.0, person("b"))
    now = scene.counter.now()
    assert now is not None
    assert now.seen == 2
    assert now.dwell_s == pytest.approx(4.0, abs=1.0)


def test_an_hour_is_told_when_it_is_over_and_the_next_begins_at_nothing() -> None:
    scene = Scene(wall=NOON + 3590)
    scene.show(20.0, person("a", looking=True, looked_s=5.0))
    (hour,) = scene.hours
    assert (hour.seen, hour.looked, hour.time_synced) == (1, 1, True)
    assert hour.dwell_s == pytest.approx(10.0, abs=0.6)
    now = scene.counter.now()
    assert now is not None
    assert (now.seen, now.looked) == (0, 0)  # they came in the hour before
    assert now.dwell_s == pytest.approx(10.0, abs=0.6)


def test_nothing_is_credited_to_a_time_that_was_not_watched() -> None:
    scene = Scene()
    scene.show(1.0, person("a"))
    scene.t += 600.0
    scene.wall += 600.0
    scene.show(1.0, person("a"))
    now = scene.counter.now()
    assert now is not None
    assert now.dwell_s < 5.0


def test_a_restart_within_the_hour_goes_on(tmp_path: Path) -> None:
    first = Scene(tmp_path / "outbox.db")
    first.show(10.0, person("a", looking=True, looked_s=2.0))
    first.counter.write()
    again = Scene(tmp_path / "outbox.db", wall=first.wall + 60)
    again.show(10.0, person("b"))
    now = again.counter.now()
    assert now is not None
    assert (now.seen, now.looked) == (2, 1)
    assert now.dwell_s == pytest.approx(20.0, abs=1.5)
    assert again.hours == []


def test_after_a_restart_in_another_hour_the_one_before_is_told(tmp_path: Path) -> None:
    first = Scene(tmp_path / "outbox.db")
    first.show(10.0, person("a"))
    first.counter.write()
    again = Scene(tmp_path / "outbox.db", wall=NOON + 7200)
    again.show(1.0)
    (hour,) = again.hours
    assert hour.seen == 1
    now = again.counter.now()
    assert now is not None
    assert now.seen == 0


def begins(scene: Scene) -> list[str]:
    return [hour.begin[11:16] for hour in scene.hours]


def test_an_hour_is_handed_over_when_the_broker_has_the_one_before(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "outbox.db", wall=NOON)
    for _ in range(4):
        scene.show(1.0)
        scene.wall += 3600
    assert begins(scene) == ["22:00", "22:00", "22:00"]
    for hour in scene.hours[-1:] * 2:  # a second time after a reconnect
        scene.counter.hours.acknowledged(encode(hour))
    scene.wall -= 3600
    scene.show(1.0)
    scene.counter.write()
    assert begins(scene) == ["22:00", "22:00", "22:00", "23:00"]
    again = Scene(tmp_path / "outbox.db", wall=scene.wall)
    for hour in again.hours:
        again.counter.hours.acknowledged(encode(hour))
    assert begins(again) == ["23:00", "00:00"]
    again.show(1.0)
    again.wall += 3600
    again.show(1.0)
    assert begins(again) == ["23:00", "00:00", "01:00"]


def test_hours_that_nobody_takes_are_bounded(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "outbox.db", wall=NOON)
    for _ in range(MOST + 3):
        scene.show(1.0)
        scene.wall += 3600
    scene.counter.write()
    assert (tmp_path / "outbox.db.audience.json").stat().st_size < MAX_BYTES
    again = Scene(tmp_path / "outbox.db", wall=scene.wall)
    assert len(again.counter.hours.kept) == MOST
    assert again.hours[0].begin == scene.hours[-1].begin != scene.hours[0].begin


def test_an_hour_that_is_over_is_kept_at_once_and_the_present_one_with_the_next_event(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path / "outbox.db")
    file = tmp_path / "outbox.db.audience.json"
    scene.show(10.0, person("a"))
    scene.counter.write(over=True)
    assert not file.exists()
    scene.wall += 3600
    scene.show(1.0)
    scene.counter.write(over=True)
    kept = file.read_bytes()
    assert b'"begin":"2023-11-14T22:00:00.000Z"' in kept
    scene.show(1.0, person("b"))
    scene.counter.write(over=True)
    assert file.read_bytes() == kept


def test_a_file_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    (tmp_path / "outbox.db.audience.json").write_text(
        f'{{"hour":{NOON:.0f},"begin":{NOON},"end":{NOON + 9},"seen":3,"looked":1,"dwell_s":7.0,'
        '"attention_s":2.0}'
    )
    scene = Scene(tmp_path / "outbox.db", wall=NOON + 3600)
    scene.show(1.0)
    (hour,) = scene.hours
    assert (hour.seen, hour.looked, hour.dwell_s, hour.attention_s) == (3, 1, 7.0, 2.0)


TIMES = '"hour":0,"begin":0,"end":0'


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", '{"hour": "x"}', "[]", '{"hour":1e99}'),
        '{"hour":0,"begin":1e300,"end":1e300}',
        '{"hour":0,"begin":-1e12,"end":0}',
        f'{{{TIMES},"seen":-5}}',
        f'{{{TIMES},"dwell_s":-1}}',
        f'{{{TIMES},"over":[{{"begin":5}}]}}',
    ],
)
def test_a_damaged_file_is_counted_anew(text: str, tmp_path: Path) -> None:
    (tmp_path / "outbox.db.audience.json").write_text(text)
    scene = Scene(tmp_path / "outbox.db")
    scene.show(1.0, person("a"))
    now = scene.counter.now()
    assert now is not None
    assert now.seen == 1
    assert scene.hours == []


def test_off_it_counts_nothing_and_writes_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "outbox.db", config=Audience())
    scene.show(5.0, person("a"))
    scene.counter.write()
    assert scene.counter.now() is None
    assert list(tmp_path.iterdir()) == []


def test_switched_on_and_off_while_it_runs() -> None:
    scene = Scene(config=Audience())
    scene.show(2.0, person("a"))
    scene.counter.configure(ON)
    scene.show(2.0, person("a"))
    now = scene.counter.now()
    assert now is not None
    assert now.seen == 1
    scene.counter.configure(Audience())
    assert scene.counter.now() is None
