"""What a camera's program can do within the real unit, where its rights are taken a second time."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edge.child.confine import has_landlock
from tests.edge.child.test_confine import TRY
from tests.systemd.machine import booted, need_container

REPO = Path(__file__).resolve().parents[2]
NAME = "emotion-edge-try.service"
CREDENTIAL = f"/run/credentials/{NAME}/mqtt-password"

pytestmark = [pytest.mark.slow, pytest.mark.faults]


def test_within_the_unit_a_camera_program_gets_no_credential(tmp_path: Path) -> None:
    need_container()
    if not has_landlock():
        pytest.skip("this kernel has no Landlock")
    unit = (REPO / "systemd" / "emotion-edge.service").read_text()
    # What is about the daemon's life; its sandbox stays.
    life = r"(?m)^(Exec\w*|Type|NotifyAccess|WatchdogSec|Restart\w*|EnvironmentFile)=.*\n"
    kwargs = {"families": [2, 10, 16], "hidden": [str(Path(CREDENTIAL).parent)], "execute": True}
    quoted = json.dumps(kwargs).replace('"', "\\x22")
    command = f"/usr/bin/python3 /srv/try/try.py {CREDENTIAL} '{quoted}'"
    start = f"Type=oneshot\nEnvironment=PYTHONPATH=/src\nExecStart={command}\n"
    (tmp_path / "try.py").write_text(TRY)
    tmp_path.chmod(0o755)
    landlock = "landlock_create_ruleset landlock_add_rule landlock_restrict_self"
    binds = [f"{REPO / 'edge'}:/src/edge", f"{tmp_path}:/srv/try"]
    with booted(*binds, calls=landlock) as machine:
        machine.run("mkdir", "-p", "/etc/emotion-edge")
        machine.write("/etc/emotion-edge/mqtt-password", "s3cret")
        text = re.sub(life, "", unit).replace("[Service]\n", f"[Service]\n{start}")
        machine.write(f"/etc/systemd/system/{NAME}", text)
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "start", NAME)
        said = machine.journal(NAME)
    line = next(line for line in said.splitlines() if line.startswith("[["))
    missing, able = json.loads(line)
    assert missing == []
    assert {"connect", "start a program"} <= set(able)
    assert set(able) <= {"read another file", "write to /dev/null", "connect", "start a program"}
