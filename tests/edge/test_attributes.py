"""The answers of additional classifiers: averaged, and said without flicker, in every view."""

from __future__ import annotations

import json
import random
import struct
from dataclasses import replace

import numpy as np
import pytest

from edge.attributes import LEAD, AttributeWindow
from edge.client.inventory import Inventory
from edge.client.watch import table
from edge.contract import encode
from edge.messages import AttributeEstimate, Frame, Status
from edge.model.manifest import find_model, load_manifest
from edge.publish.event_builder import EventBuilder
from edge.tools.annotate import draw
from edge.web.devices import Devices
from edge.web.frame_stream import message
from tests.edge.publish.rig import WHO, estimate
from tests.fakes import FakeClock

GLASSES = AttributeEstimate("yes", 0.8, {"no": 0.2, "yes": 0.8})


def play(window: AttributeWindow, *shares: float, hz: float = 2.0) -> list[AttributeEstimate]:
    return [
        window.update(i / hz, {"no": round(1 - share, 6), "yes": share})
        for i, share in enumerate(shares)
    ]


def test_shares_are_averaged_over_the_window() -> None:
    *_, last = play(AttributeWindow(1.0), 0.0, 0.9, 0.8, 0.7)
    assert last.label == "yes"
    assert last.scores == pytest.approx({"no": 0.2, "yes": 0.8})  # of the last second
    assert last.confidence == pytest.approx(0.8)


def test_one_answer_that_errs_changes_nothing() -> None:
    said = play(AttributeWindow(5.0), 0.9, 0.8, 0.9, 0.1, 0.9, 0.05, 0.9)
    assert {a.label for a in said} == {"yes"}


def test_a_label_holds_until_another_leads_clearly() -> None:
    window = AttributeWindow(0.1)  # each answer by itself
    half = LEAD / 2
    said = play(window, 0.9, 0.5 - 0.8 * half, 0.5 + 0.8 * half, 0.5 - 1.2 * half, 0.51)
    assert [a.label for a in said] == ["yes", "yes", "yes", "no", "no"]
    assert said[1].confidence == pytest.approx(0.5 - 0.8 * half)  # what it says, not the best


def test_it_is_published_with_the_share_of_every_label() -> None:
    builder = EventBuilder(WHO, FakeClock(), random.Random(1), lambda: True)
    face = replace(estimate("happy"), attributes={"glasses": GLASSES})
    (seen,) = builder.state(0.0, [face], Status.RUNNING).faces
    assert seen.attributes["glasses"].label == "yes"
    assert seen.attributes["glasses"].scores == {"no": 0.2, "yes": 0.8}


def test_every_view_shows_it() -> None:
    face = replace(estimate("happy"), attributes={"glasses": GLASSES})
    frame = Frame(1, 0.0, np.full((240, 320), 90, np.uint8))
    assert (draw(frame, [face]) != draw(frame, [estimate("happy")])).any()  # annotate

    payload = message(frame, [face], load_manifest(find_model("emotion")).input)
    length = struct.unpack(">I", payload[:4])[0]
    (shown,) = json.loads(payload[4 : 4 + length])["faces"]  # preview
    assert shown["attributes"] == {"glasses": ["yes", 0.8]}

    builder = EventBuilder(WHO, FakeClock(), random.Random(1), lambda: True)
    state = encode(builder.state(0.0, [face], Status.RUNNING))
    known, devices = Inventory(WHO.base), Devices(60.0)
    taken = known.take(f"{WHO.base}/{WHO.device}/state", True, state)
    assert "glasses: yes 0.80" in "\n".join(table(known.devices, "t"))  # watch
    devices.message(*taken, 1.0)
    (card,) = devices.snapshot()["devices"].values()
    assert card["faces"][0]["attributes"] == [["glasses", "yes", 0.8]]  # dashboard
