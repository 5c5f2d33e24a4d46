"""Parts of MJPEG over HTTP, as cameras delimit them."""

from __future__ import annotations

import io
import itertools

import pytest

from edge.child.multipart import Parts, boundary_of

BODIES = [b"\xff\xd8one\r\n-\xff\xd9", b"\xff\xd8two--frame\xff\xd9", b"\xff\xd8three\xff\xd9"]


@pytest.mark.parametrize("piece", [1, 7, 65_536])
@pytest.mark.parametrize(
    ("named", "line"),
    [
        ("frame", "--frame"),
        ("--frame", "--frame"),  # the dashes before it, counted to its name
        ("--frame", "----frame"),  # a name with dashes, as RFC 2046 has it
        ('"--frame"', "----frame"),
        ("----frame", "------frame"),
        ("----frame", "----frame"),
    ],
)
def test_a_part_without_a_length_ends_at_the_boundary(named: str, line: str, piece: int) -> None:
    parts = [line.encode() + b"\r\nContent-Type: image/jpeg\r\n\r\n" + b + b"\r\n" for b in BODIES]
    stream = io.BytesIO(b"".join(parts) + line.encode() + b"\r\n")
    boundary = boundary_of(f"multipart/x-mixed-replace; boundary={named}")
    got = Parts(lambda count: stream.read(min(count, piece)), boundary)
    assert [body for _, body in itertools.islice(got, len(BODIES))] == BODIES
