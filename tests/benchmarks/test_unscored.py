"""How `benchmarks.unscored` groups faces, and what it compares them with."""

from __future__ import annotations

from benchmarks.unscored import Judged, rows
from edge.messages import Eyes, FaceState, Reason


def judged(yaw: float, pitch: float, reason: Reason | None, emotion: str, *, right: bool) -> Judged:
    state = FaceState(yaw=yaw, pitch=pitch, mouth=0.1, eyes=Eyes(0.9, None))
    return Judged(state, reason, emotion, right)


def test_each_group_stands_beside_the_same_emotions_on_heads_that_look_ahead() -> None:
    found = [
        judged(0, 0, None, "happy", right=True),
        judged(5, -5, None, "sad", right=True),
        judged(5, 5, None, "sad", right=False),
        judged(-32, 0, Reason.TURNED_AWAY, "sad", right=False),
        judged(33, -12, Reason.TURNED_AWAY, "happy", right=True),
        Judged(None, Reason.NO_FACE, "happy", right=False),
        Judged(FaceState(yaw=0, pitch=20, mouth=0.2, eyes=Eyes(None, None)), None, "sad", True),
    ]
    by = {row["who"]: row for row in rows(found)}

    def of(who: str) -> tuple[int, float | None, float | None]:
        return by[who]["count"], by[who].get("right"), by[who].get("ahead")

    assert of("scored") == (4, 0.75, 0.625)  # one happy of 1.0, three sad of 0.5
    assert of("`turned_away`") == of("by 30 to 35°") == (2, 0.5, 0.75)
    assert of("`covered`") == (0, None, None)
    assert of("bowed by 10 to 15°") == (1, 1.0, 1.0)
    assert of("raised by 20 to 30°") == of("a mouth told and no eyes") == (1, 1.0, 0.5)
    assert by["`turned_away`"]["share"] == round(2 / 7, 4)
