"""Fails the n-th read, write, sync, ... of the outbox, for n = 1, 2, ... until none fails any more.

As SQLite tests itself (https://www.sqlite.org/testing.html#i_o_error_testing). Run by
`test_outbox_faults` with `nth.c` preloaded: python -m tests.edge.publish.nth FOLDER [STRIDE]
Prints how many trials there were of each kind; ends with an error at the first that does not hold.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import shutil
import sys
from pathlib import Path

from edge.config_publish import Outbox as Limits
from edge.publish.disk import RETRY_DISK_S
from tests.edge.publish.conftest import Box
from tests.edge.publish.test_outbox_damage import Made, made

# Kind: number in nth.c, error, step of n. SQLite allocates thousands of times in a trial.
KINDS = {
    "read": (1, errno.EIO, 1),
    "write": (2, errno.ENOSPC, 1),
    "sync": (3, errno.EIO, 1),
    "open": (4, errno.EMFILE, 1),
    "truncate": (5, errno.EIO, 1),
    "unlink": (6, errno.EROFS, 1),
    "rename": (7, errno.EROFS, 1),
    "allocation": (8, errno.ENOMEM, 23),
}
FOR_EVER = 1 << 60
LIBRARY = ctypes.CDLL(None)
_LONG = ctypes.c_long
LIBRARY.fault_arm.argtypes = [ctypes.c_int, _LONG, _LONG, ctypes.c_int, ctypes.c_char_p]
LIBRARY.fault_disarm.restype = _LONG


def trial(state: Made, folder: Path, kind: str, n: int, *, once: bool, spoilt: bool) -> bool:
    """Return whether a call failed: the `n`-th, or from the `n`-th on, of a kind."""
    number, error, _ = KINDS[kind]
    what = f"{kind} {n} {'once' if once else 'from then on'}{', damaged' if spoilt else ''}"
    folder.mkdir()
    for file, data in state.files.items():
        (folder / file).write_bytes(data)
    if spoilt:  # so that repairing it is what fails
        with (folder / "outbox.db").open("r+b") as f:
            f.write(b"\xaa" * 100)
    box = Box.__new__(Box)
    box.__dict__.update(state.box.__dict__ | {"path": folder / "outbox.db", "limits": Limits()})
    delivered: dict[int, bytes] = {}

    LIBRARY.fault_arm(number, n, n if once else FOR_EVER, error, str(folder).encode())
    box.open()
    new = box.append(1) + box.append(2)
    rows = box.outbox.lease(1000) + box.outbox.lease(1000)  # the first may be what fails
    if once or kind != "allocation":  # without memory, what is on the disk cannot be read
        assert set(new) <= {row.seq for row in rows}, f"{what}: publishing stopped"
    for row in rows[:5] + rows[5:][-1:]:
        delivered[row.seq] = row.payload
        box.outbox.ack(row)
    box.outbox.requeue(row.seq for row in rows[5:-1])
    box.outbox.flush()
    new += box.append(2)
    failed = LIBRARY.fault_disarm() >= n

    box.clock.advance(RETRY_DISK_S + 1)
    box.outbox.flush()
    assert not {"outbox_memory", "disk_full"} & {*box.outbox.stats().problems}, what
    while rows := box.outbox.lease(100):
        for row in rows:
            delivered[row.seq] = row.payload
            box.outbox.ack(row)
    box.outbox.flush()
    stats = box.outbox.stats()
    assert stats.depth == 0, what
    assert set(new) <= delivered.keys(), f"{what}: what is new did not come"
    for seq in delivered.keys() - set(new):
        assert state.payloads.get(seq) == delivered[seq], f"{what}: event {seq} is altered"
    lost = stats.lost - state.lost
    handed = len(state.payloads) + len(new)
    assert len(delivered) + lost == handed, f"{what}: {handed=} {len(delivered)=} {lost=}"
    if not spoilt:
        assert lost == 0, f"{what}: {lost} lost of a healthy outbox"
        assert not list(folder.glob("*.corrupt-*")), f"{what}: a healthy outbox in quarantine"
    box.outbox.close()
    box.open()
    assert box.outbox.stats().lost == stats.lost, what
    assert min(box.append()) > max(new), f"{what}: a number twice"
    box.outbox.close()
    shutil.rmtree(folder)
    return failed


def main(where: str, stride: str = "1") -> None:
    logging.disable(logging.CRITICAL)
    if not LIBRARY.fault_knows_sqlite():
        del KINDS["allocation"]  # SQLite is part of Python here
    folder = Path(where)
    states = [made(folder / "closed", closed=True), made(folder / "killed", closed=False)]
    for kind, (_, _, step) in KINDS.items():
        trials = 0
        for which, state in enumerate(states):
            for once in (True, False):
                for spoilt in (False, True):
                    n = 1
                    while trial(state, folder / "trial", kind, n, once=once, spoilt=spoilt):
                        trials += 1
                        n += step * int(stride)
                        assert n < 100_000, f"{kind} {which}: no end"
        print(kind, trials, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
