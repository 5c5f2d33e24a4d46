"""An audience by the hour, on a fake clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config_face import Audience
from edge.contract import AudienceHour
from edge.geometry import Box
from edge.messages import Condition, ConditionKind, Estimate, Sums, Track
from edge.publish.audience import AudienceCounter

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
        self.counter = AudienceCounter(config, outbox, self.hours.append)
        self.t, self.wall = 100.0, wall

    def show(self, seconds: float, *people: Estimate) -> None:
        for _ in range(round(seconds * 2)):
            self.counter.update(self.t, self.wall, people, synced=True)
            self.t += 0.5
            self.wall += 0.5


def test_people_lookers_dwell_and_attention_are_counted() -> None:
    scene = Scene()
    scene.show(10.0, person("a"), person("b", looking=True))
    scene.show(10.0, person("b", looking=True, looked_s=10.0))
    now = scene.counter.now()
    assert now is not None
    assert (now.now, now.looking, now.seen, now.looked) == (1, 1, 2, 1)
    assert now.dwell_s == pytest.approx(30.0, abs=1.0)
    assert now.attention_s == pytest.approx(20.0, abs=1.0)


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


TIMES = '"hour":0,"begin":0,"end":0'


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", '{"hour": "x"}', "[]", '{"hour":1e99}'),
        '{"hour":0,"begin":1e300,"end":1e300}',
        '{"hour":0,"begin":-1e12,"end":0}',
        f'{{{TIMES},"seen":-5}}',
        f'{{{TIMES},"dwell_s":-1}}',
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
