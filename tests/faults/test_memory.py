"""The kernel kills the daemon for want of memory, as it does past the unit's MemoryMax."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.broker import Broker, subscribed
from tests.daemon import daemon
from tests.edge.publish.rig import kept
from tests.memory import MB, enforced_limit, pictures, too_large
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.faults

LIMIT = 150 * MB  # the daemon takes 65 to 95 on such pictures
TIMES = 3
BUSY_S = 2 * PATIENCE_S  # until something is called missing


def test_a_picture_past_the_memory_limit_kills_it_and_no_event_is_lost(tmp_path: Path) -> None:
    source, outbox, log = tmp_path / "pictures", tmp_path / "outbox.db", tmp_path / "log"
    events = tmp_path / "events"
    pictures(source)
    victim = max(source.iterdir())
    small, large = tmp_path / "small.jpg", too_large(tmp_path / "large.jpg")
    victim.rename(small)
    late = Broker(tmp_path)  # until it comes, the outbox is the only place where events are
    keys = {"camera__source": source, "camera__fps": 10, "outbox__path": outbox}
    with enforced_limit(LIMIT) as group:
        for n in range(1, TIMES + 1):
            replace(victim, small)
            kills = group.kills()
            with daemon(late.port, log, events=events, output__stdout="on", **keys) as process:
                group.take(process.pid)
                try:
                    wait_until(lambda: b"face_appeared" in events.read_bytes(), "an event", BUSY_S)
                    replace(victim, large)  # comes with the next round
                    status = process.wait(BUSY_S)
                except (pytest.fail.Exception, subprocess.TimeoutExpired):
                    story = f"{group.story()}\n{log.read_text()[-2000:]}"
                    pytest.fail(f"life {n}: it lives on\n{story}")
            assert status == -signal.SIGKILL, f"life {n}\n{log.read_text()[-2000:]}"
            assert group.kills() > kills, group.story()
    waiting, last = kept(outbox)  # and the database is intact
    assert waiting == set(range(1, last + 1))
    assert last >= TIMES
    replace(victim, small)
    late.start()
    try:
        with subscribed(late) as s, daemon(late.port, log, **keys):
            what = "what was kept, and a new event"
            wait_until(lambda: len(set(s.seqs())) > last, what, BUSY_S)
            seqs = list(dict.fromkeys(s.seqs()))
    finally:
        late.kill()
    assert seqs == list(range(1, len(seqs) + 1))


def replace(old: Path, new: Path) -> None:
    """Put a copy of `new` where `old` is, whole at every moment."""
    copy = new.with_suffix(".copy")
    shutil.copyfile(new, copy)
    copy.replace(old)
