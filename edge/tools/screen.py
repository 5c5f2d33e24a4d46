"""Events as a person likes to read them: one line each, with the seven scores as bars."""

from __future__ import annotations

from collections.abc import Sequence

from edge.contract import Event
from edge.messages import UNKNOWN

BLOCKS = " ▁▂▃▄▅▆▇█"
COLOURS = {
    "face_appeared": "32",  # green
    "emotion_changed": "36",  # cyan
    "face_left": "33",  # yellow
    "alert_began": "31",  # red
    "alert_ended": "35",  # magenta
    "attention_began": "32",
    "attention_ended": "33",
    "eyes_closed": "31",
    "eyes_closed_ended": "35",
    "drowsy": "31",
    "drowsy_ended": "35",
    "yawn": "33",
    "yawn_ended": "35",
    "distracted": "31",
    "distracted_ended": "35",
}


def header(labels: Sequence[str]) -> str:
    """Return the line above the first event."""
    return f"{'time':>8}  {'event':<17} {'face':<9} {'emotion':<10} score  " + " ".join(labels)


def pretty(event: Event, t: float, *, colour: bool) -> str:
    """Return one line.

    Args:
        event: what to show.
        t: seconds since the start.
        colour: whether the terminal takes ANSI colours.
    """
    d = event.data
    what = f"{d.event_type:<17}"
    if colour:
        what = f"\x1b[{COLOURS.get(d.event_type, '0')}m{what}\x1b[0m"
    if d.emotion == UNKNOWN:
        answer = f"{UNKNOWN:<10} ({d.reason})" if d.reason else UNKNOWN
    else:
        bars = " ".join(f"{bar(s):<{len(n)}}" for n, s in d.scores.items())
        answer = f"{d.emotion:<10} {d.confidence:4.2f}   {bars}"
    if d.level or d.seconds is not None:
        answer = f"{d.level or '':<10} {d.seconds or 0.0:.1f} s"
    if d.event_type == "face_left" and d.duration_s is not None:
        answer += f" after {d.duration_s:.1f} s"
    for name, a in d.attributes.items():
        answer += f"  {name}: {a.label} {a.confidence:.2f}"
    if d.alert:
        answer += f" [{d.alert}]"
    return f"{t:7.2f}s  {what} {d.track:<9} {answer}".rstrip()


def bar(value: float) -> str:
    """Return a value from 0 to 1 as one character, higher for more."""
    return BLOCKS[round(min(max(value, 0.0), 1.0) * (len(BLOCKS) - 1))]
