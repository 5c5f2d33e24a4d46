"""Events as a person reads them: columns that line up, bars, reasons."""

from __future__ import annotations

import random

import msgspec
import pytest

from edge.contract import Attribute, Event
from edge.messages import EventType
from edge.publish.event_builder import EventBuilder
from edge.tools.screen import BLOCKS, COLOURS, bar, header, pretty
from tests.edge.publish.rig import LABELS, WHO, change
from tests.fakes import FakeClock


def event(**data: object) -> Event:
    made = EventBuilder(WHO, FakeClock(), random.Random(1)).event(change(0.0))
    return msgspec.structs.replace(made, data=msgspec.structs.replace(made.data, **data))


def test_each_bar_stands_under_its_label() -> None:
    top, line = header(LABELS), pretty(event(), 1.5, colour=False)
    best = line.index(max(set(line) & set(BLOCKS), key=BLOCKS.index))
    assert top[best:].startswith("happy")
    assert line.startswith("   1.50s  emotion_changed")


def test_unknown_says_why_instead_of_bars() -> None:
    line = pretty(event(emotion="unknown", reason="low_light"), 0.0, colour=False)
    assert line.endswith("unknown    (low_light)")
    assert not set(line) & set(BLOCKS[1:])


def test_attributes_come_last_and_leave_the_name_of_the_event() -> None:
    line = pretty(event(attributes={"mask": Attribute("worn", 0.9)}), 1.5, colour=False)
    assert line.startswith("   1.50s  emotion_changed")
    assert line.endswith("  mask: worn 0.90")


@pytest.mark.parametrize(("duration_s", "said"), [(13.4, " after 13.4 s"), (None, "")])
def test_a_face_that_left_says_how_long_it_was_there(duration_s: float | None, said: str) -> None:
    line = pretty(event(event_type=EventType.FACE_LEFT, duration_s=duration_s), 0.0, colour=False)
    assert line.endswith(said) and ("after" in line) == bool(said)


def test_every_kind_of_event_has_a_colour_and_none_where_there_is_no_terminal() -> None:
    assert set(COLOURS) == set(EventType)
    assert "\x1b[36m" in pretty(event(), 0.0, colour=True)
    assert "\x1b" not in pretty(event(), 0.0, colour=False)


@pytest.mark.parametrize(
    ("value", "drawn"), [(0, " "), (1, "█"), (0.5, "▄"), (-1, " "), (2, "█"), (0.06, " ")]
)
def test_a_bar_grows_with_its_value(value: float, drawn: str) -> None:
    assert bar(value) == drawn
