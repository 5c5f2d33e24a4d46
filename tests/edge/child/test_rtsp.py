"""The relay before FFmpeg, as seen from the loopback."""

from __future__ import annotations

import contextlib
import socket

import pytest

from edge.child.net import Address
from edge.child.rtsp import Relay
from tests.edge.camera.rig import needs_ffmpeg
from tests.edge.camera.rtsp import serving_rtsp
from tests.waiting import PATIENCE_S


@needs_ffmpeg
@pytest.mark.faults
def test_a_stranger_on_the_loopback_gets_nothing_and_is_not_in_the_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Any user of the machine can connect; the login is for whoever knows the path."""
    with serving_rtsp(login="basic") as server:
        relay = Relay(Address.of(f"rtsp://u:s3cret@127.0.0.1:{server.port}/cam"), PATIENCE_S)
        relay.start()
        strangers = [
            b"",
            b"OPTIONS rtsp://127.0.0.1/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n",
            b"x" * 30_000,
        ]
        for said in strangers:
            with socket.create_connection(("127.0.0.1", relay.port), PATIENCE_S) as stranger:
                stranger.sendall(said)
                with contextlib.suppress(ConnectionResetError):
                    assert stranger.recv(100) == b""
        assert server.requests == []
        # FFmpeg says it at once; this client may be held up.
        monkeypatch.setattr("edge.child.rtsp.FIRST_S", PATIENCE_S)
        with socket.create_connection(("127.0.0.1", relay.port), PATIENCE_S) as client:
            client.sendall(f"OPTIONS {relay.url} RTSP/1.0\r\nCSeq: 7\r\n\r\n".encode())
            answer = client.recv(1000)
        assert answer.startswith(b"RTSP/1.0 200 OK\r\nCSeq: 7\r\n")
        assert server.requests == [f"OPTIONS rtsp://127.0.0.1:{server.port}/cam RTSP/1.0"] * 2
