"""The pages' packages are theirs alone: the daemon never loads them."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from edge.cli import main, parser
parser()
code = main(["replay", sys.argv[1]])
import edge.service.serve, edge.build, edge.client.watch, edge.client.fleet
wrong = [m for m in sys.modules if m.split(".")[0] == "tornado" or m.startswith("edge.web")]
sys.exit(f"loaded: {wrong}" if wrong else code)
"""


def test_the_daemon_loads_neither_the_pages_nor_their_server() -> None:
    from edge.commands.demo import CLIP

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(CLIP)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
