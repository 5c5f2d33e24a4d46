"""Visits that a killed process left open are ended by the next one."""

from __future__ import annotations

import random
import time
from pathlib import Path

import msgspec
import pytest

from edge.contract import Event
from edge.messages import EventType, PipelineEvent
from edge.publish.disk import RETRY_DISK_S
from edge.publish.event_builder import EventBuilder
from edge.publish.mqtt import MqttPublisher
from edge.publish.open_tracks import SUFFIX, OpenTracks
from tests.broker import Broker, subscribed
from tests.edge.publish.rig import WHO, estimate, publishing
from tests.fakes import FakeClock
from tests.waiting import wait_until

BUILDER = EventBuilder(WHO, FakeClock(), random.Random(1))


def event(kind: EventType, track: str, alert: str | None = None) -> Event:
    return BUILDER.event(PipelineEvent(kind, 0.0, estimate(track=track), None, 1, alert=alert))


def told(tracks: OpenTracks, *script: tuple[EventType, str]) -> None:
    for kind, name in script:
        events = [event(kind, name)]
        tracks.before(events)
        tracks.after(events)


def ends(outbox: Path) -> list[tuple[str, str, str | None, int]]:
    """Return what a next start says."""
    return [
        (e.kind.value, e.estimate.track.id, e.estimate.reason, e.faces)
        for e in OpenTracks(outbox).left_behind(5.0)
    ]


def test_what_is_open_is_ended_and_what_has_left_is_not(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.db"
    tracks = OpenTracks(outbox)
    assert tracks.left_behind(0.0) == []
    told(
        tracks,
        (EventType.FACE_APPEARED, "a"),
        (EventType.FACE_APPEARED, "b"),
        (EventType.FACE_APPEARED, "c"),
        (EventType.EMOTION_CHANGED, "a"),
        (EventType.ALERT_BEGAN, "c"),
        (EventType.ALERT_BEGAN, "a"),
        (EventType.ALERT_ENDED, "a"),
        (EventType.FACE_LEFT, "b"),
    )
    assert ends(outbox) == [
        ("face_left", "a", "lost", 1),
        ("alert_ended", "c", "lost", 0),
        ("face_left", "c", "lost", 0),
    ]


def test_each_alert_that_is_on_is_ended_by_its_name(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.db"
    tracks = OpenTracks(outbox)
    told(tracks, (EventType.FACE_APPEARED, "a"))
    for kind, name in (
        (EventType.ALERT_BEGAN, "sad"),
        (EventType.ALERT_BEGAN, None),
        (EventType.ALERT_BEGAN, "angry"),
        (EventType.ALERT_ENDED, "sad"),
    ):
        tracks.before([event(kind, "a", name)])
        tracks.after([event(kind, "a", name)])
    left = [(e.kind.value, e.alert) for e in OpenTracks(outbox).left_behind(5.0)]
    assert left == [("alert_ended", None), ("alert_ended", "angry"), ("face_left", None)]


def test_what_a_face_is_in_is_ended_as_well(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.db"
    tracks = OpenTracks(outbox)
    told(
        tracks,
        (EventType.FACE_APPEARED, "a"),
        (EventType.ATTENTION_BEGAN, "a"),
        (EventType.EYES_CLOSED, "a"),
        (EventType.YAWN, "a"),
        (EventType.ALERT_BEGAN, "a"),
        (EventType.EYES_CLOSED, "a"),  # again, with the level of a sleep
        (EventType.YAWN_ENDED, "a"),
    )
    assert [kind for kind, *_ in ends(outbox)] == [
        "attention_ended",
        "eyes_closed_ended",
        "alert_ended",
        "face_left",
    ]


def test_a_file_of_a_later_version_is_read(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.db"
    file = tmp_path / f"outbox.db{SUFFIX}"
    file.write_text('{"a": {"box": [0, 0, 1, 1], "conditions": ["juggles", "drowsy"], "hat": 1}}')
    assert [kind for kind, *_ in ends(outbox)] == ["drowsy_ended", "face_left"]


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.db"
    file = tmp_path / f"outbox.db{SUFFIX}"
    file.write_text('{"a": {"box": [0, 0, 1, 1], "alert": true}, "b": {"box": [0, 0, 1, 1]}}')
    told_now = [(e.kind.value, e.alert) for e in OpenTracks(outbox).left_behind(5.0)]
    assert told_now == [("alert_ended", None), ("face_left", None), ("face_left", None)]


def test_once_ended_they_are_not_ended_again(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.db"
    told(OpenTracks(outbox), (EventType.FACE_APPEARED, "a"))
    after = OpenTracks(outbox)
    events = [BUILDER.event(e) for e in after.left_behind(1.0)]
    assert [e.data.duration_s for e in events] == [None]
    assert events[0].data.box == event(EventType.FACE_APPEARED, "a").data.box
    assert ends(outbox), "killed before they were kept: told again"
    after.before(events)
    after.after(events)
    assert ends(outbox) == []


def test_a_crash_between_the_two_files_ends_a_visit_rather_than_leaving_one(
    tmp_path: Path,
) -> None:
    outbox = tmp_path / "outbox.db"
    tracks = OpenTracks(outbox)
    tracks.before([event(EventType.FACE_APPEARED, "a")])
    assert len(ends(outbox)) == 1
    tracks.after([])
    tracks.before([event(EventType.FACE_LEFT, "a")])
    assert len(ends(outbox)) == 1


def test_it_is_written_when_a_visit_begins_or_ends_and_at_no_other_time(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.db"
    tracks = OpenTracks(outbox)
    told(tracks, (EventType.FACE_APPEARED, "a"))
    file = outbox.with_name(outbox.name + SUFFIX)
    file.unlink()
    told(tracks, *[(EventType.EMOTION_CHANGED, "a")] * 10)
    assert not file.exists()
    told(tracks, (EventType.FACE_LEFT, "a"))
    assert file.exists()


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b'{"a": 1}', b'{"a": {"box": "x"}}', b"\xff", b"[" * 9999]
)
def test_a_damaged_file_is_said_and_forgotten(content: bytes, tmp_path: Path, caplog) -> None:
    outbox = tmp_path / "outbox.db"
    outbox.with_name(outbox.name + SUFFIX).write_bytes(content)
    assert ends(outbox) == []
    assert caplog.text.count("visits of the last run stay open") == 1


def test_a_disk_that_refuses_is_said_once_and_stops_nothing(tmp_path: Path, caplog) -> None:
    tracks = OpenTracks(tmp_path / "nowhere" / "outbox.db")
    told(tracks, (EventType.FACE_APPEARED, "a"), (EventType.FACE_APPEARED, "b"))
    assert caplog.text.count("a crash would leave visits open") == 1


def test_without_an_outbox_nothing_is_kept(tmp_path: Path) -> None:
    told(OpenTracks(None), (EventType.FACE_APPEARED, "a"))
    assert OpenTracks(None).left_behind(0.0) == []


def test_a_disk_that_is_there_late_ends_what_was_left_and_keeps_what_is_open(
    broker: Broker, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    outbox = folder / "outbox.db"
    clock = FakeClock(now=time.monotonic())

    def appears(p: MqttPublisher, track: str) -> None:
        t = clock.now()
        p.publish(PipelineEvent(EventType.FACE_APPEARED, t, estimate(track=track, t=t), None, 1))

    with publishing(broker.port, outbox, clock=clock) as p:
        appears(p, "a")
    folder.rename(tmp_path / "away")
    with subscribed(broker) as s, publishing(broker.port, outbox, clock=clock) as p:
        appears(p, "b")
        wait_until(lambda: len(s.events()) == 1, "the one in view")
        (tmp_path / "away").rename(folder)
        clock.advance(RETRY_DISK_S)

        def left() -> bool:
            p.state(clock.now(), [estimate(track="b", t=clock.now())], "running")
            return len(s.events()) >= 2

        wait_until(left, "the one of the last run has left")
        data = s.events()[1]["data"]
        assert [data[k] for k in ("event_type", "track", "reason", "faces")] == [
            *("face_left", "a", "lost", 1)
        ]
        file = outbox.with_name(outbox.name + SUFFIX)
        wait_until(lambda: list(msgspec.json.decode(file.read_bytes())) == ["b"], "it is kept")
    assert ends(outbox) == [("face_left", "b", "lost", 0)]
