"""The kernel kills the daemon for want of memory, as it does past the unit's MemoryMax."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.broker import Broker, subscribed, wait_until
from tests.daemon import daemon
from tests.edge.publish.rig import kept
from tests.memory import MB, enforced_limit, pictures_then_one_too_large

pytestmark = pytest.mark.faults

LIMIT = 150 * MB  # the daemon takes 65 to 95 on such pictures
TIMES = 3


def test_a_picture_past_the_memory_limit_kills_it_and_no_event_is_lost(tmp_path: Path) -> None:
    source, outbox = tmp_path / "pictures", tmp_path / "outbox.db"
    large = pictures_then_one_too_large(source)
    late = Broker(tmp_path)  # until it comes, the outbox is the only place where events are
    keys = {"camera__source": source, "camera__fps": 10, "outbox__path": outbox}
    with enforced_limit(LIMIT) as group:
        before = group.kills()
        for n in range(1, TIMES + 1):
            with daemon(late.port, tmp_path / "log", **keys) as process:
                group.take(process.pid)
                try:
                    status = process.wait(300)  # s; seconds, unless the machine is busy
                except subprocess.TimeoutExpired:
                    log = (tmp_path / "log").read_text()
                    pytest.fail(f"it lives on\n{group.story()}\n{log[-2000:]}")
                assert status == -signal.SIGKILL
            assert group.kills() == before + n
    waiting, last = kept(outbox)  # and the database is intact
    assert waiting == set(range(1, last + 1))
    assert last >= TIMES, "each life saw the face appear"
    large.unlink()
    late.start()
    try:
        with subscribed(late) as s, daemon(late.port, tmp_path / "log", **keys):
            wait_until(lambda: len(set(s.seqs())) > last, "what was kept, and a new event", 120)
            seqs = list(dict.fromkeys(s.seqs()))
    finally:
        late.kill()
    assert seqs == list(range(1, len(seqs) + 1))
