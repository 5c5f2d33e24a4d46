"""What a browser is told of the devices on a broker."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from typing import Any

from edge.client.inventory import Inventory
from edge.web.devices import Devices

KEEP_S = 600.0
IDS = map(str, itertools.count())
SCORES = {"happy": 0.9, "neutral": 0.1}


def face(emotion: str, track: str = "a") -> dict[str, object]:
    return {
        "track": track,
        "emotion": emotion,
        "confidence": 0.9,
        "scores": SCORES,
        "intensity": 0.9,
        "box": [0.1, 0.2, 0.3, 0.4],
        "since_s": 1.0,
    }


def state(*emotions: str, status: str = "running") -> bytes:
    faces = [face(e, str(i)) for i, e in enumerate(emotions)]
    first = emotions[0] if emotions else "none"
    return json.dumps(
        {"time": "2026-01-01T00:00:00Z", "seq": 1, "status": status, "emotion": first,
         "faces": faces}
    ).encode()  # fmt: skip


def event(
    kind: str, *, track: str = "a", replayed: bool = False, alert: str | None = None
) -> bytes:
    data = {
        "event_type": kind, "track": track, "emotion": "sad", "previous": "neutral",
        "confidence": 0.8, "scores": SCORES, "intensity": 0.5, "box": [0, 0, 1, 1], "faces": 1,
        "window_s": 1.5, "started_at": "2026-01-01T00:00:00Z", "seq": 1, "boot_id": "b",
        "uptime_s": 5.0, "time_synced": True, "replayed": replayed, "reason": None,
        "model": "emotion", "grade": "more", "alert": alert,
    }  # fmt: skip
    return json.dumps(
        {"id": next(IDS), "source": "/emotion/pi", "type": f"emotion-edge.{kind}", "subject": track,
         "time": "2026-01-01T00:00:00Z", "data": data}
    ).encode()  # fmt: skip


class Broker:
    """Feeds `Devices` as the broker would."""

    def __init__(self) -> None:
        self.known = Inventory("site/emotion")
        self.devices = Devices(KEEP_S)
        self.devices.listening(True, 0.0)
        self.t = 1000.0

    def says(self, kind: str, payload: bytes, *, name: str = "pi", retained: bool = False) -> None:
        taken = self.known.take(f"site/emotion/{name}/{kind}", retained, payload)
        self.devices.message(*taken, self.t)
        self.t += 1

    def device(self, name: str = "pi") -> Any:
        snapshot: Any = self.devices.snapshot()
        return snapshot["devices"][name]

    def news(self) -> Any:
        return self.devices.changes()


def test_a_device_comes_sees_faces_and_goes_offline() -> None:
    b = Broker()
    b.says("availability", b"online")
    b.says("state", state("happy", "sad"))
    assert [f["emotion"] for f in b.device()["faces"]] == ["happy", "sad"]
    b.says("state", state())
    b.says("availability", b"offline")
    assert b.device()["status"] == "offline"
    assert b.device()["steps"] == [
        (1000.0, (), "online"),
        (1001.0, ("happy", "sad"), "running"),
        (1002.0, (), "running"),
        (1003.0, (), "offline"),
    ]


def test_the_same_emotion_again_is_no_new_step() -> None:
    b = Broker()
    for _ in range(5):
        b.says("state", state("happy"))
    assert len(b.device()["steps"]) == 1


def test_a_paused_device_shows_no_faces_on_its_timeline() -> None:
    b = Broker()
    b.says("state", state("happy"))
    b.says("state", state("happy", status="paused"))
    assert b.device()["steps"][-1][1:] == ((), "paused")


def test_old_steps_are_forgotten_but_the_one_that_still_holds() -> None:
    b = Broker()
    for i in range(1000):
        b.says("state", state("happy" if i % 2 else "sad"))
    steps = b.device()["steps"]
    assert steps[0][0] <= b.t - KEEP_S < steps[1][0] + 2
    assert len(steps) <= KEEP_S + 2


def test_changes_are_told_once_with_new_steps_only() -> None:
    b = Broker()
    b.says("state", state("happy"))
    assert len(b.news()["devices"]["pi"]["steps"]) == 1
    assert b.news() is None
    b.says("state", state("sad"))
    b.says("state", state("sad"), name="other")
    news = b.news()
    assert sorted(news["devices"]) == ["other", "pi"]
    assert [s[1] for s in news["devices"]["pi"]["steps"]] == [("sad",)]


def test_an_alert_lasts_until_it_ends_or_nobody_watches_it() -> None:
    b = Broker()
    for end in (("event", event("alert_ended")), ("event", event("face_left")),
                ("availability", b"offline")):  # fmt: skip
        b.says("event", event("alert_began"))
        (alert,) = b.device()["alerts"]
        assert (alert["emotion"], alert["grade"]) == ("sad", "more")
        b.says(*end)
        assert b.device()["alerts"] == []


def test_alerts_of_one_face_are_told_apart_by_their_names() -> None:
    b = Broker()
    for name in ("sad", "angry", None):
        b.says("event", event("alert_began", alert=name))
    assert [a["alert"] for a in b.device()["alerts"]] == ["sad", "angry", ""]
    b.says("event", event("alert_ended", alert="angry"))
    assert [a["alert"] for a in b.device()["alerts"]] == ["sad", ""]
    b.says("event", event("face_left"))
    assert b.device()["alerts"] == []


def test_an_event_that_comes_late_raises_no_alert_but_is_listed() -> None:
    b = Broker()
    b.says("event", event("alert_began", replayed=True))
    assert b.device()["alerts"] == []
    assert b.device()["log"][-1]["replayed"] is True


def test_what_does_not_keep_to_the_contract_is_counted() -> None:
    b = Broker()
    for payload in (b"{", b"[]", b"\xff", b'{"faces": 3}', b"[" * 5000):
        b.says("state", payload)
    b.says("state", state("happy"))
    assert b.device()["invalid"] == 5
    assert b.device()["faces"][0]["emotion"] == "happy"


def test_a_device_whose_messages_were_removed_is_gone() -> None:
    b = Broker()
    b.says("availability", b"offline")
    b.news()
    b.says("availability", b"")
    assert b.news()["gone"] == ["pi"]
    assert b.devices.snapshot()["devices"] == {}


def test_the_devices_configuration_is_not_passed_on() -> None:
    b = Broker()
    info = {
        "time": "2026-01-01T00:00:00Z", "contract": "1.0", "version": "0.1.0", "device": "pi",
        "boot_id": "b", "detector": "haar", "attributes": [], "config": {"camera": {"source": "x"}},
        "model": {"name": "emotion", "sha256": "0" * 64, "labels": ["happy"], "runtime": "r"},
    }  # fmt: skip
    b.says("info", json.dumps(info).encode(), retained=True)
    assert b.device()["info"]["model"] == "emotion"
    assert "config" not in b.device()["info"]
    assert b.device()["heard"] == 0.0  # a retained message says nothing of when


def test_there_is_a_bound(monkeypatch: Any) -> None:
    monkeypatch.setattr("edge.client.inventory.MAX_DEVICES", 3)
    b = Broker()
    for i in range(10):
        b.says("availability", b"online", name=f"pi-{i}")
    assert len(b.devices.snapshot()["devices"]) == 3


def test_devices_that_tell_much_do_not_shorten_the_timelines_of_others(monkeypatch: Any) -> None:
    monkeypatch.setattr("edge.web.devices.MAX_ALL_STEPS", 20)
    b = Broker()
    for i in range(40):
        b.says("state", state("happy" if i % 2 else "sad"), name="restless")
    for emotion in ("happy", "sad", "neutral"):
        b.says("state", state(emotion), name="calm")
    assert len(b.device("calm")["steps"]) == 3
    assert len(b.device("restless")["steps"]) == 17


HOSTILE = """
import json, resource
import msgspec
from edge.client.inventory import Inventory
from edge.web.devices import Devices
from tests.edge.web.test_devices import event, state

known, devices = Inventory("emotion"), Devices(600.0)
devices.listening(True, 0.0)
wide = json.loads(state("happy"))
wide["faces"][0]["scores"] = {f"label-{i}": 0.0 for i in range(2000)}
payloads = [
    ("state", json.dumps(wide).encode()),
    ("state", state(*["x" * 900] * 50)),
    ("info", b"{" + b" " * 590_000 + b"}"),
    ("event", event("alert_began", track="t" * 50_000)),
]
begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for i in range(2500):
    for kind, payload in payloads:
        taken = known.take(f"emotion/{'n' * (i % 80)}-{i}/{kind}", False, payload)
        devices.message(*taken, float(i))
told = len(msgspec.json.encode(devices.snapshot()))
used = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begin)
print(known.refused, used, told)
"""


def test_hostile_messages_take_little_memory() -> None:
    """2,500 names with a large state each, and other ways to make a page remember more."""
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE], capture_output=True, text=True, check=True
    )
    refused, used, told = map(int, done.stdout.split())
    assert refused > 0
    assert used < 500e6
    assert told < 20e6


def test_an_alert_whose_end_nobody_heard_ends() -> None:
    b = Broker()
    b.says("state", state("sad", "sad"))
    for track in ("0", "1"):
        b.says("event", event("alert_began", track=track))
    b.says("state", state("sad"))
    b.t += 20  # a device may not see a face for a while, and follow it all the same
    b.says("state", state("sad"))
    assert len(b.device()["alerts"]) == 2
    b.says("state", state("sad", "sad"))
    b.t += 40
    b.says("state", state("sad"))
    assert len(b.device()["alerts"]) == 2
    b.t += 40
    b.news()
    b.says("state", state("sad"))
    assert len(b.device()["alerts"]) == 1
    assert len(b.news()["devices"]["pi"]["alerts"]) == 1
    b.says("state", state(status="camera_lost"))
    assert b.device()["alerts"] == []


def test_what_was_said_while_the_dashboard_was_connecting_counts_from_when_it_is() -> None:
    b = Broker()
    b.devices = Devices(KEEP_S)
    b.says("state", state("happy"))
    b.devices.listening(False, b.t)
    assert b.device()["steps"] == [(1000.0, (), "unheard")]
    b.devices.listening(True, b.t)
    assert b.device()["steps"][-1] == (1001.0, ("happy",), "running")


def test_an_alert_ends_though_the_scene_stays_empty_of_which_a_device_speaks_once() -> None:
    b = Broker()
    b.says("state", state("sad"))
    b.says("event", event("alert_began", track="0"))
    b.devices.end_alerts(b.t + 600)
    b.says("state", state())
    b.devices.listening(False, b.t)  # whoever hears nothing knows nothing
    b.devices.end_alerts(b.t + 600)
    b.t += 600
    b.devices.listening(True, b.t)
    b.devices.end_alerts(b.t)
    b.devices.end_alerts(b.t + 30)
    b.news()
    assert len(b.device()["alerts"]) == 1
    b.devices.end_alerts(b.t + 40)
    assert b.device()["alerts"] == []
    assert b.news()["devices"]["pi"]["alerts"] == []


def test_a_time_in_which_nobody_listened_is_none_in_which_a_face_was_seen() -> None:
    b = Broker()
    b.says("state", state("happy"))
    b.t = 2000.0
    b.devices.listening(False, b.t)
    b.devices.listening(False, b.t + 1)
    b.t = 2050.0
    b.says("state", state("happy"), retained=True)  # a connection that fails halfway
    b.devices.listening(False, b.t)
    b.t = 2099.0
    b.says("state", state("happy"), retained=True)
    b.devices.listening(True, b.t)
    assert b.device()["steps"] == [
        (1000.0, ("happy",), "running"),
        (2000.0, (), "unheard"),
        (2100.0, ("happy",), "running"),
    ]
