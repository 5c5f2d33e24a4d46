"""The commands as a person runs them: real processes, real files, real nonsense."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge import cli
from tests.broker import Broker, Subscriber
from tests.conftest import DEMO_CLIP
from tests.waiting import free_port, wait_until

MODELS = Path(__file__).resolve().parent.parent / "models"


def edge(*args: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=6000,
        env=os.environ | (env or {}),
    )


def test_version() -> None:
    assert edge("--version").stdout.startswith("emotion-edge 0.")


@pytest.mark.parametrize("args", [(), ("dance",), ("replay",), ("run", "--loud")])
def test_a_wrong_command_line_is_64_and_says_how(args: tuple[str, ...]) -> None:
    done = edge(*args)
    assert done.returncode == 64
    assert "usage: emotion-edge" in done.stderr
    assert "Traceback" not in done.stderr


BAD = ["camera path that does not exist", "a video that is not one", "a folder without images"]


def test_ctrl_c_while_commands_are_loaded_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "parser", pressed)
    assert cli.main(["run"]) == 130


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_66_and_names_the_file(tmp_path: Path, what: str) -> None:
    path = tmp_path / "input.mp4"
    if what == BAD[1]:
        path.write_text("this is not a video")
    elif what == BAD[2]:
        path.mkdir()
        (path / "notes.txt").write_text("no picture")
    for command in (["replay", path], ["run", "--set", f"camera.source={path}"]):
        done = edge(*command)
        assert done.returncode == 66, done.stderr
        assert str(path) in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""


def test_five_mistakes_in_a_configuration_are_78_and_one_line_each(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        "[mqtt]\nport = 99999\nbase = '#'\n[device]\nname = 'a#b'\n"
        "[camera]\nfps = -1\n[smooth]\nmethod = 'median'\n"
    )
    for command in ("run", "check", "replay"):
        args = [command, "--config", path, *([DEMO_CLIP] if command == "replay" else [])]
        done = edge(*args)
        assert done.returncode == 78
        text = done.stderr + done.stdout
        for key in ("mqtt.port", "mqtt.base", "device.name", "camera.fps", "smooth.method"):
            assert f"{key}: got " in text
        assert "Traceback" not in text


def test_a_model_that_is_not_there_is_78_and_says_which_there_are() -> None:
    done = edge("replay", DEMO_CLIP, "--set", "classify.model=nobody")
    assert done.returncode == 78
    assert "model 'nobody': no folder with manifest.json" in done.stderr


def test_replay_prints_one_event_a_line_and_the_same_each_time() -> None:
    first, second = (edge("replay", DEMO_CLIP) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    events = [json.loads(line) for line in first.stdout.splitlines()]
    assert events[0]["data"]["event_type"] == "face_appeared"
    assert [e["data"]["seq"] for e in events] == list(range(1, len(events) + 1))
    assert len({e["id"] for e in events}) == len(events)


def test_replay_of_frames_prints_one_line_a_frame() -> None:
    done = edge("replay", DEMO_CLIP, "--frames")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [x["frame"] for x in lines] == list(range(270))  # 18 s at 15 frames/s
    assert lines[15]["t"] == pytest.approx(1.0, abs=1e-3)
    seen = [f for x in lines for f in x["faces"]]
    assert len(seen) > 100
    for face in seen:
        assert all(0 <= v <= 1 for v in face["box"])
        assert not face["scores"] or sum(face["scores"].values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("out", ["seen.mp4", "pictures"])
def test_replay_annotates_a_video_or_a_folder(tmp_path: Path, out: str) -> None:
    done = edge("replay", DEMO_CLIP, "--annotate", tmp_path / out)
    assert done.returncode == 0, done.stderr
    if out == "pictures":
        files = sorted((tmp_path / out).iterdir())
        assert len(files) == 270
        picture = cv2.imread(str(files[60]))
    else:
        video = cv2.VideoCapture(str(tmp_path / out))
        assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 270
        video.set(cv2.CAP_PROP_POS_FRAMES, 60)
        _, picture = video.read()
    assert picture is not None
    colourful = np.ptp(picture.astype(int), axis=2).max()
    assert colourful > 60  # the frame is grey: colour is what was drawn


def test_annotating_into_nowhere_is_66() -> None:
    done = edge("replay", DEMO_CLIP, "--annotate", "/nowhere/at/all.mp4")
    assert done.returncode == 66
    assert "/nowhere/at: no such folder" in done.stderr


def test_check_tries_every_part_and_says_what_is_wrong(tmp_path: Path) -> None:
    done = edge(
        "check",
        *("--set", f"camera.source={tmp_path / 'none.mp4'}"),
        *("--set", "classify.model=nobody"),
    )
    assert done.returncode == 78  # of the first that is wrong
    marks = {line.split()[1]: line.split()[0] for line in done.stdout.splitlines()}
    assert marks["configuration"] == marks["runtime"] == marks["detector"] == "ok"
    assert marks["model"] == marks["camera"] == "FAIL"
    assert edge("check", "--set", f"camera.source={DEMO_CLIP}").returncode == 0


@pytest.mark.slow  # plays at its own speed
def test_demo_shows_a_face_come_and_leave() -> None:
    done = edge("demo")
    assert done.returncode == 0, done.stderr
    assert "face_appeared" in done.stdout
    assert "face_left" in done.stdout
    assert "happy" in done.stdout


def test_demo_does_not_say_that_a_broker_has_what_it_has_not() -> None:
    broker = f"127.0.0.1:{free_port()}"
    done = edge("demo", "--broker", broker, "--set", "camera.every_frame=true")
    assert done.returncode == 0, done.stderr
    assert re.search(rf"; {broker} has not taken \d+ of the events\.$", done.stdout.strip())
    assert "published" not in done.stdout


@pytest.mark.parametrize("broker", [":1883", "", " "])
def test_demo_refuses_a_broker_without_a_host(
    broker: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.service.serve.serve", lambda *_: pytest.fail("played"))
    assert cli.main(["demo", "--broker", broker]) == 64
    assert f"--broker: got {broker!r}; allowed: HOST or HOST:PORT" in capsys.readouterr().err


def test_demo_leaves_the_service_of_this_machine_alone(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        'device.name = "kiosk"\ncamera.rotate = 90\nclassify.enabled = false\n'
        f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n'
        'username = "x"\npassword_file = "/nowhere"\n'
    )
    monkeypatch.setenv("EMOTION_EDGE_CONFIG", str(file))
    sub = Subscriber(broker.port)
    try:
        done = edge("demo", "--set", "camera.every_frame=true")
        assert done.returncode == 0, done.stderr
        assert "face_left" in done.stdout and "happy" in done.stdout
        to = f"127.0.0.1:{broker.port}"
        done = edge("demo", "--broker", to, "--set", "camera.every_frame=true")
        assert done.returncode == 0, done.stderr
        wait_until(sub.events, "what was asked for")
        assert {m.topic.split("/")[1] for m in sub.messages} == {"demo"}
    finally:
        sub.close()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("fleet", "--wait", "-1"), "--wait: got -1; allowed: more than 0"),
        (("fleet", "--max-age", "nan"), "--max-age: got nan; allowed: more than 0"),
        (("dashboard", "--minutes", "0"), "--minutes: got 0; allowed: more than 0, up to 120"),
        (("preview", "--minutes", "0"), "--minutes: got 0; allowed: more than 0, up to 1440"),
        (("preview", "--pictures", "0"), "--pictures: got 0; allowed: more than 0, up to 60"),
        (("record", "--keep", "0d"), "--keep: got '0d'; allowed: a number from 1 on and s,"),
    ],
)
def test_a_number_of_nothing_is_told_what_is_allowed(
    args: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(args) == 64
    assert said in capsys.readouterr().err


def test_an_alert_on_emotions_that_the_model_lacks_is_78() -> None:
    done = edge(
        "replay",
        DEMO_CLIP,
        *("--set", f"classify.model={MODELS / 'tiny-int8'}"),
        *("--set", "alert.enabled=true"),
    )
    assert done.returncode == 78
    assert "alert.emotions: got sad, angry, fear; allowed: dark, grey, bright" in done.stderr


def test_a_reader_that_has_enough_ends_it_quietly() -> None:
    done = subprocess.run(
        f"{sys.executable} -m edge replay {DEMO_CLIP} --frames | head -2",
        shell=True,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""


@pytest.mark.parametrize(
    "command",
    [
        ["replay", DEMO_CLIP],
        ["replay", DEMO_CLIP, "--frames"],
        ["demo", "--json"],
        ["run", "--set", f"camera.source={DEMO_CLIP}", "--set", "camera.every_frame=true"],
        ["schema"],
        ["schema", "event"],
        ["--help"],
        ["--version"],
    ],
)
def test_a_full_disk_under_standard_output_is_74_and_one_line(command: list[object]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "edge", *map(str, command), *quick(command)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=600,
            env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"},
        )
    assert "emotion-edge: standard output: No space left on device\n" in done.stderr
    assert done.stderr.count("No space left") == 1
    assert done.returncode == 74
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


def quick(command: list[object]) -> list[str]:
    """A clip as fast as it goes."""
    return ["--set", "camera.every_frame=true"] if command[0] == "demo" else []


def test_no_standard_output_at_all_is_no_traceback() -> None:
    done = subprocess.run(
        f"{sys.executable} -m edge replay {DEMO_CLIP} >&-",
        shell=True,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_that_lacks_a_character_shows_another(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bars(argparse.ArgumentParser):
        def parse_args(self, *_: object) -> argparse.Namespace:
            return argparse.Namespace(run=lambda _: print("█ 50 %, è") or 0)

    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(cli, "parser", Bars)
    out = io.TextIOWrapper(Terminal(), "latin-1")
    monkeypatch.setattr(sys, "stdout", out)
    assert cli.main([]) == 0
    assert out.buffer.getvalue() == "? 50 %, è\n".encode("latin-1")
    pipe = io.TextIOWrapper(io.BytesIO(), "latin-1")
    monkeypatch.setattr(sys, "stdout", pipe)
    assert cli.main([]) == 0
    assert pipe.buffer.getvalue() == "█ 50 %, è\n".encode()


def test_documents_that_are_not_utf8_are_not_read_or_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "configuration.md").write_bytes(b"\xff")  # written anew as a whole
    assert cli.main(["schema", "--write", str(tmp_path)]) == 0
    assert (tmp_path / "configuration.md").read_text("utf-8")
    troubles = tmp_path / "troubleshooting.md"  # of which only a part is written
    troubles.write_bytes(b"\xff")
    assert cli.main(["schema", "--write", str(tmp_path)]) == 64
    assert f"got {troubles}, which is not UTF-8" in capsys.readouterr().err
    assert troubles.read_bytes() == b"\xff"


@pytest.mark.parametrize("closed", ["2>&-", "0<&- 2>&-", "0<&- >&- 2>&-"])
def test_no_standard_error_at_all_changes_nothing(tmp_path: Path, closed: str) -> None:
    picture = tmp_path / "grey.png"
    cv2.imwrite(str(picture), np.full((48, 64), 90, np.uint8))
    out = tmp_path / "out"
    done = subprocess.run(
        f"{sys.executable} -m edge analyze {picture} --json -o {out} {closed}", shell=True
    )
    assert done.returncode == 0
    assert json.loads(out.read_text())["faces"] == []


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("replay /nowhere.mp4 2>/dev/full", 66),
        ("schema dance 2>&-", 64),
        ("analyze -o \"$(printf '/nope\\377/x')\" /nowhere.png 2>&-", 66),
        ("run --set a.b=1 >&- 2>&-", 78),
    ],
)
def test_the_exit_code_stays_where_nobody_can_be_told(command: str, code: int) -> None:
    assert subprocess.run(f"{sys.executable} -m edge {command}", shell=True).returncode == code
