"""Takes rights away from the process that calls it: limits, Landlock, a filter of system calls.

None needs a privilege, and nothing gives the rights back. Where the kernel lacks one, the others
hold; `confine` says which are missing.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)

# prctl(2), <linux/prctl.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38

# landlock(7), <linux/landlock.h>; the numbers are the same on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1  # flag of create_ruleset: return the version that the kernel has
_PATH_BENEATH, _NET_PORT = 1, 2  # types of rules
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_CONNECT_TCP = 1 << 1
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}  # from version
_NET_SINCE, _SCOPE_SINCE = 4, 6
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_USE = _READ_FILE | _READ_DIR | _WRITE_FILE | _IOCTL_DEV  # of a device

# seccomp(2) and bpf: system calls by architecture, from its unistd.h. Owners and modes of files are
# nothing that Landlock looks after.
_ARCHITECTURES = {
    "x86_64": (
        0xC000003E,
        {
            "chmod": 90,
            "fchmod": 91,
            "fchmodat": 268,
            "fchmodat2": 452,
            "chown": 92,
            "fchown": 93,
            "lchown": 94,
            "fchownat": 260,
            "socket": 41,
            "listen": 50,
            "execve": 59,
            "execveat": 322,
            "ptrace": 101,
            "mount": 165,
            "add_key": 248,
            "request_key": 249,
            "keyctl": 250,
            "unshare": 272,
            "perf_event_open": 298,
            "setns": 308,
            "process_vm_readv": 310,
            "process_vm_writev": 311,
            "bpf": 321,
            "userfaultfd": 323,
            "io_uring_setup": 425,
            "pidfd_getfd": 438,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "fchmod": 52,
            "fchmodat": 53,
            "fchmodat2": 452,
            "fchownat": 54,
            "fchown": 55,
            "socket": 198,
            "listen": 201,
            "execve": 221,
            "execveat": 281,
            "ptrace": 117,
            "mount": 40,
            "add_key": 217,
            "request_key": 218,
            "keyctl": 219,
            "unshare": 97,
            "perf_event_open": 241,
            "setns": 268,
            "process_vm_readv": 270,
            "process_vm_writev": 271,
            "bpf": 280,
            "userfaultfd": 282,
            "io_uring_setup": 425,
            "pidfd_getfd": 438,
        },
    ),
}
_X32 = 0x40000000  # x86-64: bit of the calls of another, rarely used interface
_KILL, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_EPERM, _EACCES = 1, 13
_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06

INET, INET6, NETLINK = 2, 10, 16  # address families, <bits/socket.h>

# What a program may find in its environment; `env NAME=value` in camera.command gives it more.
_PASSED = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH"}
_PASSED_PREFIXES = ("LC_", "LIBCAMERA_", "GST_")

_OPEN_FILES = 256  # descriptors; a camera's program needs a dozen


def clean_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return what a child may know: no credentials, no configuration, no way to systemd."""
    return {k: v for k, v in env.items() if k in _PASSED or k.startswith(_PASSED_PREFIXES)}


def die_with_parent(number: signal.Signals, parent: int) -> None:
    """Have the kernel send a signal when the thread that started this process is gone.

    Args:
        number: the signal.
        parent: id of the process that started this one, in case it has ended meanwhile.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def adopt_orphans() -> None:
    """Become the parent of all descendants whose own has ended, however they were started."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def limit(data_bytes: int | None = None) -> None:
    """Bound this process and what it starts: no core, few descriptors, `data_bytes` of memory."""
    bounds = {resource.RLIMIT_CORE: 0, resource.RLIMIT_NOFILE: _OPEN_FILES}
    if data_bytes is not None:
        bounds[resource.RLIMIT_DATA] = data_bytes
    for kind, wanted in bounds.items():
        hard = resource.getrlimit(kind)[1]
        bound = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (bound, bound))


def confine(
    *,
    families: Iterable[int] = (),
    hidden: Iterable[Path] | None = None,
    connect_port: int | None = None,
    execute: bool = False,
) -> list[str]:
    """Give up rights; nothing gives them back.

    Writing is left for devices only, and those only where `hidden` is given. No other process can
    be traced or, from Landlock 6 on, signalled; nothing can be listened on.

    Args:
        families: address families of sockets that can still be made.
        hidden: files and folders that cannot be read, all else can; None: no file at all.
        connect_port: the only TCP port to connect to; None: any, if `families` allows.
        execute: whether programs can be started.

    Returns:
        What the kernel does not have, in words.
    """
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    missing = []
    if not _landlock(hidden, connect_port):
        missing.append("Landlock")
    if not _filter_calls(set(families), execute=execute):
        missing.append("a filter of system calls")
    return missing


def has_landlock() -> bool:
    """Return whether the kernel has Landlock, and the service manager lets us use it."""
    return int(_libc.syscall(_CREATE_RULESET, None, 0, _VERSION)) >= 1


def _landlock(hidden: Iterable[Path] | None, connect_port: int | None) -> bool:
    version = _libc.syscall(_CREATE_RULESET, None, 0, _VERSION)
    if version < 1:
        return False
    rights = _RIGHTS[max(v for v in _RIGHTS if v <= version)]
    net = 3 if connect_port is not None else 1  # bind, and connect
    attributes = struct.pack(
        "QQQ", rights, net if version >= _NET_SINCE else 0, 3 if version >= _SCOPE_SINCE else 0
    )
    size = 24 if version >= _SCOPE_SINCE else 16 if version >= _NET_SINCE else 8
    rules = _libc.syscall(_CREATE_RULESET, attributes, size, 0)
    if rules < 0:
        return False
    try:
        for path, wanted in _visible(hidden) if hidden is not None else ():
            _allow(rules, path, wanted & rights)
        if connect_port is not None and version >= _NET_SINCE:
            port = struct.pack("QQ", _CONNECT_TCP, connect_port)
            _libc.syscall(_ADD_RULE, rules, _NET_PORT, port, 0)
        return bool(_libc.syscall(_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


def _visible(hidden: Iterable[Path]) -> Iterator[tuple[Path, int]]:
    """Yield the paths, with rights, that together are everything but `hidden`.

    Rules of Landlock only allow: whatever stands beside a hidden path is allowed by its own rule.
    """
    left = {Path(os.path.realpath(p)) for p in hidden} | {Path("/dev/shm"), Path("/dev/mqueue")}
    dev = Path("/dev")

    def walk(folder: Path) -> Iterator[tuple[Path, int]]:
        try:
            entries = list(folder.iterdir())
        except OSError:
            return
        for path in entries:
            if path in left or path.is_symlink():  # it may lead to what is hidden
                continue
            if path == dev or any(path in p.parents for p in left):
                yield from walk(path)
            else:
                yield path, _USE if dev in path.parents else _READ

    yield from walk(Path("/"))


def _allow(rules: int, path: Path, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # gone, or not ours to see
    try:
        if not path.is_dir():
            rights &= _FILE_RIGHTS
        _libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", rights, fd), 0)
    finally:
        os.close(fd)


def _filter_calls(families: set[int], *, execute: bool) -> bool:
    if platform.machine() not in _ARCHITECTURES:
        return False
    architecture, numbers = _ARCHITECTURES[platform.machine()]
    denied = [n for call, n in numbers.items() if call != "socket"]
    if execute:
        denied = [n for n in denied if n not in (numbers["execve"], numbers["execveat"])]
    # Each step: operation, value, how many to skip when true, and when false.
    steps = [
        (_LOAD, 4, 0, 0),  # seccomp_data.arch
        (_JUMP_EQUAL, architecture, 1, 0),
        (_RETURN, _KILL, 0, 0),
        (_LOAD, 0, 0, 0),  # seccomp_data.nr
        (_JUMP_GREATER_EQUAL, _X32, 0, 1),
        (_RETURN, _ERRNO | _EPERM, 0, 0),
    ]
    for number in denied:
        steps += [(_JUMP_EQUAL, number, 0, 1), (_RETURN, _ERRNO | _EPERM, 0, 0)]
    steps += [
        (_JUMP_EQUAL, numbers["socket"], 1, 0),
        (_RETURN, _ALLOW, 0, 0),
        (_LOAD, 16, 0, 0),  # its first argument, of which the low half says all
    ]
    for family in families:
        steps += [(_JUMP_EQUAL, family, 0, 1), (_RETURN, _ALLOW, 0, 0)]
    steps.append((_RETURN, _ERRNO | _EACCES, 0, 0))
    code = b"".join(struct.pack("=HBBI", op, true, false, k) for op, k, true, false in steps)
    program = ctypes.create_string_buffer(code)
    fprog = struct.pack("@HP", len(steps), ctypes.addressof(program))
    return bool(_libc.prctl(_PR_SET_SECCOMP, 2, fprog, 0, 0) == 0)
