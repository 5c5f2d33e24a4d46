"""What a subscriber makes of the events of one device."""

from __future__ import annotations

import random

import msgspec
import pytest

from edge.client import Device, device_of
from edge.contract import Event, Info, encode
from edge.publish.event_builder import EventBuilder
from tests.edge.publish.rig import WHO, change
from tests.fakes import FakeClock

BOOT, NEXT_BOOT = "boot-1", "boot-2"
_builder = EventBuilder(WHO, FakeClock(), random.Random(7))


def event(seq: int, *, t: float | None = None, boot: str = BOOT, time: str = "") -> Event:
    """An event with an id of its own; `t` is its uptime, which grows with `seq` unless said."""
    made = _builder.event(change(0.0))
    data = msgspec.structs.replace(
        made.data, seq=seq, uptime_s=float(seq if t is None else t), boot_id=boot
    )
    return msgspec.structs.replace(made, data=data, time=time or made.time)


def told(device: Device, *events: Event) -> list[int]:
    """Return the `seq` of those that the device let through."""
    taken = [device.take("event", encode(e)) for e in events]
    return [e.data.seq for e in taken if e is not None]


def test_an_event_that_comes_twice_is_told_once() -> None:
    d = Device("kiosk")
    first = event(1)
    assert told(d, first, event(2), first) == [1, 2]
    assert (d.received, d.duplicates) == (2, 1)


def test_what_was_before_the_first_event_is_not_missing() -> None:
    d = Device("kiosk")
    assert told(d, event(500)) == [500]
    assert d.missing == set()


def test_a_gap_is_seen_and_closes_when_the_event_comes_late() -> None:
    d = Device("kiosk")
    assert told(d, event(1), event(5)) == [1, 5]
    assert d.missing == {2, 3, 4}
    assert told(d, event(3)) == [3]
    assert d.missing == {2, 4}
    assert d.last is not None and d.last.data.seq == 5, "a late event is not the newest"


def test_a_device_that_counts_on_by_the_clock_has_lost_nothing() -> None:
    d = Device("kiosk")
    jumped = 1_700_000_000_000  # it had to go on without its disk
    assert told(d, event(5), event(jumped, t=6), event(jumped + 2, t=7)) == [5, jumped, jumped + 2]
    assert d.missing == {jumped + 1}


def test_a_device_that_loses_its_disk_at_each_start_has_lost_nothing() -> None:
    d = Device("kiosk")
    noon = 1_763_640_000_000  # 2025-11-20 12:00 UTC
    day = 86_400_000
    old = [event(noon + n, t=60 + n, time=f"2025-11-20T12:00:0{n}.000Z") for n in (1, 2, 3)]
    new = event(noon + day + 1, t=60, boot=NEXT_BOOT, time="2025-11-21T12:00:00.000Z")
    assert told(d, *old, new) == [e.data.seq for e in (*old, new)]
    assert d.missing == set()
    same_boot = event(noon + day + 9001, t=69, boot=NEXT_BOOT, time="2025-11-21T12:00:09.000Z")
    told(d, same_boot)
    assert d.missing == set()
    told(d, event(noon + day + 9005, t=70, boot=NEXT_BOOT, time="2025-11-21T12:00:10.000Z"))
    assert len(d.missing) == 3, "what is missing there is told as ever"


def test_events_of_the_clock_without_a_time_are_borne() -> None:
    d = Device("kiosk")
    one = event(1_763_640_000_001, t=60, time="noon")
    told(d, one, event(1_763_640_000_005, t=60, boot=NEXT_BOOT, time="2025-11-20"))
    assert len(d.missing) == 3


def test_order_lost_at_the_very_beginning_is_no_gap() -> None:
    d = Device("kiosk")
    assert told(d, event(12), event(11), event(13)) == [12, 11, 13]
    assert d.missing == set()


def test_a_counter_that_begins_anew_in_the_same_boot() -> None:
    d = Device("kiosk")
    assert told(d, event(80, t=100), event(82, t=110), event(1, t=120), event(2, t=121)) == [
        80,
        82,
        1,
        2,
    ]
    assert d.missing == set()


def test_a_counter_that_begins_anew_in_another_boot() -> None:
    d = Device("kiosk")
    old = event(80, t=5000, time="2026-11-20T10:00:00.000Z")
    new = event(1, t=30, boot=NEXT_BOOT, time="2026-11-20T11:00:00.000Z")
    assert told(d, old, new) == [80, 1]
    assert d.last == new


def test_a_backlog_of_an_earlier_boot_is_late_not_new() -> None:
    d = Device("kiosk")
    new = event(9, t=30, boot=NEXT_BOOT, time="2026-11-20T11:00:00.000Z")
    old = event(8, t=5000, time="2026-11-20T10:00:00.000Z")
    assert told(d, new, old) == [9, 8]
    assert d.last == new


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("state", b"{"),
        ("state", b'{"status": "dancing"}'),
        ("event", b"\xff\xfe"),
        ("health", b"[" * 100_000),
        ("info", b"null"),
    ],
)
def test_nonsense_is_counted_and_nothing_else(kind: str, payload: bytes) -> None:
    d = Device("kiosk")
    assert d.take(kind, payload) is None
    assert d.invalid == 1


def test_availability_is_plain_text() -> None:
    d = Device("kiosk")
    seen = []
    for payload in (b"online", b"offline", b"perhaps"):
        d.take("availability", payload)
        seen.append(d.online)
    assert seen == [True, False, None]


def test_another_major_version_is_not_compatible() -> None:
    d = Device("kiosk")
    assert d.compatible
    info: Info = WHO.info("2026-11-20T10:00:00.000Z")
    d.take("info", encode(msgspec.structs.replace(info, contract="1.7")))
    assert d.compatible
    d.take("info", encode(msgspec.structs.replace(info, contract="2.0")))
    assert not d.compatible


def test_fields_of_a_later_minor_version_do_no_harm() -> None:
    d = Device("kiosk")
    plain = msgspec.json.decode(encode(event(1)))
    plain["data"]["pulse"] = 70
    taken = d.take("event", msgspec.json.encode(plain))
    assert taken is not None and device_of(taken) == "kiosk"
