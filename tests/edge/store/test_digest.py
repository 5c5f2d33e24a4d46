"""Events stored in any order, often and by several at once: visits, sums and gaps come out once."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from edge.store import Store, open_store
from edge.store.digest import digest
from edge.store.incoming import MOST_LOST
from edge.store.models import Device as DeviceRow
from edge.store.models import (
    Event,
    Gap,
    Hour,
    HourEmotion,
    HourKind,
    Loss,
    Stream,
    Visit,
)
from edge.store.purge import purge
from edge.store.write import Writer
from tests.edge.store.sender import START, Device, read
from tests.edge.store.tables import SUMS, chunks, keep, rows

NINE = START


def one(store: Store, model: Any) -> Any:
    with store.connect() as c:
        return c.execute(select(model.__table__)).one()


def test_a_visit_from_its_coming_to_its_going(store: Store) -> None:
    device = Device()
    device.visit(10, "a", [("neutral", 5), ("happy", 7.5)], sums={"looked_s": 3.25})
    assert keep(store, device) == 3
    visit = one(store, Visit)
    assert visit.started == START + timedelta(seconds=10)
    assert visit.ended == START + timedelta(seconds=22.5)  # not when the device was sure of it
    assert visit.dwell_ms == 12_500
    assert visit.attention_ms == 3_250
    assert visit.emotions == {"neutral": 5_000, "happy": 7_500}
    hour = one(store, Hour)
    assert hour.hour == NINE
    assert (hour.visitors, hour.left, hour.dwell_ms) == (1, 1, 12_500)
    assert (hour.looked, hour.attention_ms) == (1, 3_250)


def test_who_is_still_there_is_an_open_visit_and_a_visitor(store: Store) -> None:
    device = Device()
    device.tell(10, "face_appeared", "a", "happy")
    device.tell(40, "emotion_changed", "a", "sad", "happy")
    keep(store, device)
    visit, hour = one(store, Visit), one(store, Hour)
    assert (visit.ended, visit.dwell_ms, visit.emotions) == (None, None, {"happy": 30_000})
    assert (hour.visitors, hour.left, hour.dwell_ms) == (1, 0, 0)


def test_a_visit_over_the_hour_counts_where_it_began_and_its_emotions_where_they_were(
    store: Store,
) -> None:
    device = Device()
    device.visit(3590, "a", [("happy", 30)])
    keep(store, device)
    with store.connect() as c:
        emotions = {r.hour: r.ms for r in c.execute(select(HourEmotion.__table__))}
    assert emotions == {NINE: 10_000, NINE + timedelta(hours=1): 20_000}
    assert one(store, Hour).hour == NINE


def test_what_turns_out_to_be_a_picture_was_no_visitor(store: Store) -> None:
    device = Device()
    device.tell(10, "face_appeared", "a")
    keep(store, device)
    assert one(store, Hour).visitors == 1
    device.tell(40, "face_left", "a", reason="picture", duration_s=30.0)
    keep(store, device, device.sent[-1:])
    assert rows(store, Visit, Hour, HourEmotion) == []


def test_a_visit_whose_end_the_device_never_saw_has_no_length(store: Store) -> None:
    device = Device()
    device.tell(10, "face_appeared", "a", "happy")
    device.tell(20, "emotion_changed", "a", "sad", "happy")
    device.boot_id, device.booted = "boot-2", START + timedelta(hours=2)
    device.tell(7260, "face_left", "a", "unknown", reason="lost")
    keep(store, device)
    visit = one(store, Visit)
    assert visit.ended == START + timedelta(seconds=20)
    assert (visit.dwell_ms, visit.emotions) == (None, {"happy": 10_000})
    assert one(store, Hour).left == 0


def test_a_visit_whose_beginning_is_lost_is_counted_back_from_its_end(store: Store) -> None:
    device = Device()
    device.visit(10, "a", [("neutral", 5), ("happy", 7)])
    keep(store, device, device.sent[1:])
    visit = one(store, Visit)
    assert visit.dwell_ms == 12_000
    assert visit.started == START + timedelta(seconds=12)  # the 2 s that the device waits
    assert visit.emotions == {"neutral": 3_000, "happy": 9_000}


def test_a_track_id_that_is_drawn_again_is_somebody_else(store: Store) -> None:
    device = Device()
    device.visit(10, "a", [("neutral", 5)])
    device.visit(8000, "a", [("happy", 6)])
    keep(store, device)
    with store.connect() as c:
        found = c.execute(select(Visit.number, Visit.dwell_ms).order_by(Visit.number)).all()
    assert [tuple(r) for r in found] == [(0, 5000), (1, 6000)]


def test_attention_is_added_up_until_the_visit_says_its_sum(store: Store) -> None:
    device = Device()
    device.tell(0, "face_appeared", "a")
    device.tell(5, "attention_ended", "a", seconds=2.5)
    device.tell(9, "attention_ended", "a", seconds=1.5)
    keep(store, device)
    assert one(store, Visit).attention_ms == 4_000
    assert one(store, Hour).attention_ms == 0  # a share of a length that nobody knows yet
    assert one(store, Hour).looked == 1
    device.tell(20, "face_left", "a", duration_s=18.0, sums={"looked_s": 5.0})
    keep(store, device, device.sent[-1:])
    assert one(store, Visit).attention_ms == 5_000
    assert one(store, Hour).attention_ms == 5_000


def test_a_clock_that_was_not_set_yet_does_not_stretch_a_visit(store: Store) -> None:
    device = Device()
    device.visit(10, "a", [("neutral", 5), ("happy", 7)])
    first = device.sent[0].replace(b'"time_synced":true', b'"time_synced":false')
    keep(store, device, [first, *device.sent[1:]])
    visit = one(store, Visit)
    assert visit.emotions == {"neutral": 5_000, "happy": 7_000}
    assert visit.started == START + timedelta(seconds=10)


@pytest.mark.parametrize("seed", range(2))
def test_any_order_any_batches_and_any_duplicates_give_the_same(
    store: Store, tmp_path: Any, seed: int
) -> None:
    rng = random.Random(seed)
    devices = [Device("front"), Device("back")]
    for device in devices:
        device.crowd(12, rng)
    with open_store(str(tmp_path / "in-order.db")) as plain:
        for device in devices:
            assert keep(plain, device) == len(device.sent)
        expected = rows(plain, Visit, Gap, *SUMS)
    sent = [(d, p) for d in devices for p in d.sent]
    mixed = sent + rng.sample(sent, len(sent) // 3)
    rng.shuffle(mixed)
    writer, new = Writer(store), 0
    writer.devices(["front"], START)
    for some in chunks(mixed, 23):
        new += writer.write([read(d.name, p) for d, p in some])
        if rng.random() < 0.5:
            digest(store)
    while digest(store):
        pass
    digest(store)
    assert new == len(sent)
    assert rows(store, Visit, Gap, *SUMS) == expected
    with store.connect() as c:
        assert c.scalar(select(func.count()).select_from(Event)) == len(sent)
        assert c.scalar(select(func.sum(HourKind.events))) == len(sent)


def test_several_at_once_write_and_digest_the_same_events(
    store: Store, address: str, tmp_path: Any
) -> None:
    device = Device()
    device.crowd(30, random.Random(7))
    with open_store(str(tmp_path / "alone.db")) as plain:
        keep(plain, device)
        expected = rows(plain, Visit, Gap, *SUMS)
    failed: list[BaseException] = []
    new: list[int] = []

    def recorder(seed: int) -> None:
        try:
            with open_store(address) as own:
                mine = device.sent.copy()
                random.Random(seed).shuffle(mine)
                writer = Writer(own)
                for some in chunks(mine, 30):
                    new.append(writer.write([read("front", p) for p in some]))
                    digest(own)
        except BaseException as e:
            failed.append(e)

    threads = [threading.Thread(target=recorder, args=(n,)) for n in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failed == []
    while digest(store):
        pass
    assert sum(new) == len(device.sent)
    assert rows(store, Visit, Gap, *SUMS) == expected


def test_gaps_are_rows_until_what_is_missing_comes(store: Store) -> None:
    device = Device()
    for n in range(12):
        device.tell(n, "face_appeared", f"t{n}")
    some = [p for n, p in enumerate(device.sent, 1) if n not in (3, 4, 5, 9)]
    keep(store, device, some)
    assert gaps(store) == [(3, 5), (9, 9)]
    keep(store, device, [device.sent[3]])  # seq 4
    assert gaps(store) == [(3, 3), (5, 5), (9, 9)]
    keep(store, device)
    assert gaps(store) == []
    assert one(store, Stream).last_seq == 12


def test_older_events_than_any_before_leave_a_gap_between(store: Store) -> None:
    device = Device()
    for n in range(9):
        device.tell(n, "face_appeared", f"t{n}")
    keep(store, device, device.sent[6:])
    keep(store, device, device.sent[1:3])
    assert gaps(store) == [(4, 6)]


def test_a_counter_that_was_lost_begins_anew(store: Store) -> None:
    device = Device()
    for n in range(5):
        device.tell(n, "face_appeared", f"t{n}")
    keep(store, device, [device.sent[0], *device.sent[2:]])
    device.seq, device.boot_id = 0, "boot-2"  # another SD card
    for n in range(3):
        device.tell(100 + n, "face_appeared", f"u{n}")
    keep(store, device)
    assert gaps(store) == []
    with store.connect() as c:
        eras = c.execute(select(Stream.era, Stream.first_seq, Stream.last_seq)).all()
        assert sorted(map(tuple, eras)) == [(0, 1, 5), (1, 1, 3)]
        assert c.scalar(select(func.count()).select_from(Event)) == 8


def test_a_device_without_its_disk_leaves_no_gap_of_billions(store: Store) -> None:
    device = Device()
    device.tell(0, "face_appeared", "a")
    device.seq = 1_772_000_000_000
    device.tell(1, "face_left", "a", duration_s=1.0)
    keep(store, device)
    assert gaps(store) == []


def test_a_device_that_loses_its_disk_at_each_start_leaves_no_gap_of_millions(
    store: Store,
) -> None:
    device = Device()
    began = 1_772_000_000_000
    for start, after_s in enumerate((0, 3, 86_400, 90_000)):
        device.boot_id = f"boot-{max(start, 1)}"  # the second is a restart of the daemon alone
        device.seq = began + after_s * 1000
        device.tell(after_s, "face_appeared", f"t{start}")
        device.tell(after_s + 1, "face_left", f"t{start}", duration_s=1.0)
    last = device.seq
    device.seq += 4
    device.tell(90_010, "face_appeared", "u")
    keep(store, device, device.sent[:3])
    keep(store, device)
    assert gaps(store) == [(last + 1, last + 4)], "these have not come"


def test_losses_that_the_device_tells_of_are_rows(store: Store) -> None:
    device = Device()
    device.tell(0, "face_appeared", "a")
    device.seq += 40
    device.tell(9, "face_left", "a", lost_before=40)
    keep(store, device)
    keep(store, device)
    loss = one(store, Loss)
    assert (loss.events, loss.seq, loss.time) == (40, 42, START + timedelta(seconds=9))
    assert gaps(store) == [(2, 41)]


def test_clocks_and_losses_beyond_reason_are_not_believed(store: Store) -> None:
    bad, good = Device("bad"), Device("good")
    bad.tell(0, "face_appeared", "a", time_synced=False, uptime_s=0.0, lost_before=2**62)
    bad.tell(1, "emotion_changed", "a", time_synced=True, uptime_s=9e10, lost_before=2**62)
    bad.tell(2, "face_left", "a", duration_s=9e10, uptime_s=0.0, lost_before=2**62)
    good.visit(0, "b", [("happy", 5.0)])
    keep(store, bad)
    keep(store, good)
    with store.connect() as c:
        week = timedelta(days=7)
        starts = c.scalars(select(Visit.started)).all()
        assert len(starts) == 2
        assert all(abs(at - START) <= 2 * week for at in starts)
        assert c.scalar(select(func.sum(Loss.events))) == 3 * MOST_LOST


def test_events_of_later_versions_are_kept_and_counted(store: Store) -> None:
    device = Device()
    device.tell(0, "face_appeared", "a", more={"fields": [1, 2]})
    device.tell(1, "window_opened", "", sash=3)
    keep(store, device)
    with store.connect() as c:
        kinds = {r.kind: r.events for r in c.execute(select(HourKind.__table__))}
        raw = c.scalars(select(Event.raw).where(Event.kind == "window_opened")).one()
    assert kinds == {"face_appeared": 1, "window_opened": 1}
    assert raw.encode() == device.sent[1]
    assert one(store, Visit).track == "a"


def test_deleting_visits_and_events_keeps_the_sums(store: Store) -> None:
    device = Device()
    device.visit(0, "old", [("happy", 10)])
    device.tell(50, "face_appeared", "long")
    device.visit(7200, "new", [("sad", 10)])
    keep(store, device)
    device.tell(7300, "emotion_changed", "long", "sad", "neutral")
    keep(store, device)
    before = rows(store, *SUMS)
    assert purge(store, START + timedelta(hours=1)) == (2, 1)
    assert rows(store, *SUMS) == before
    with store.connect() as c:
        assert set(c.scalars(select(Visit.track))) == {"long", "new"}
        assert set(c.scalars(select(Event.track))) == {"long", "new"}


def test_a_duplicate_of_what_was_deleted_counts_nothing(store: Store) -> None:
    device = Device()
    device.visit(0, "a", [("happy", 10)])
    device.visit(20, "b", [("sad", 10)])
    late = device.sent.pop(0)
    keep(store, device)
    purge(store, START + timedelta(hours=1))
    before = rows(store, Hour, HourKind)
    keep(store, device)
    assert rows(store, Hour, HourKind) == before
    assert rows(store, Event) == []
    keep(store, device, [late])  # this one is new: its number was missing
    assert rows(store, Hour, HourKind) != before


def test_what_is_in_no_sum_yet_is_not_deleted(store: Store) -> None:
    device = Device()
    device.visit(0, "a", [("happy", 10)])
    Writer(store).write([read("front", p) for p in device.sent])
    assert purge(store, START + timedelta(hours=1)) == (0, 0)
    digest(store)
    assert one(store, Hour).left == 1


def test_devices_are_told_apart_by_their_topic(store: Store) -> None:
    device = Device()
    device.visit(0, "a", [("happy", 10)])
    writer = Writer(store)
    assert writer.write([read(name, p) for name in ("front", "back") for p in device.sent]) == 4
    while digest(store):
        pass
    with store.connect() as c:
        assert set(c.scalars(select(DeviceRow.name))) == {"front", "back"}
        assert c.scalar(select(func.sum(Hour.visitors))) == 2


def gaps(store: Store) -> list[tuple[int, int]]:
    with store.connect() as c:
        found = c.execute(select(Gap.first_seq, Gap.last_seq).order_by(Gap.first_seq)).all()
    return [(row.first_seq, row.last_seq) for row in found]
