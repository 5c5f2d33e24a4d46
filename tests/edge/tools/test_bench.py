"""`bench`: a real run over the demo clip, and what it advises for made-up figures."""

from __future__ import annotations

import json
import subprocess
import sys

import msgspec
import pytest

from edge import cli
from edge.config import Config, Detect
from edge.config_face import State
from edge.tools.bench_report import Report, Spread, StageCost, advise, spread, table
from tests.conftest import DEMO_CLIP, ROOT

QUIET = Spread(1.0, 1.0, 1.0)


def test_the_demo_clip_is_measured_stage_by_stage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", str(DEMO_CLIP), "--seconds", "0.5", "--json"]) == 0
    report = msgspec.json.decode(capsys.readouterr().out, type=Report)
    assert report.frames > 2
    assert report.fps == pytest.approx(15, rel=0.05)  # the clip's own rate
    assert report.cpu_share == pytest.approx(report.cpu_ms * report.fps / 1e3)
    stages = {s.name: s for s in report.stages}
    assert list(stages)[:3] == ["camera", "motion", "detect"]
    assert stages["motion"].calls == report.frames
    assert 0 < stages["camera"].cpu_ms < report.cpu_ms
    assert sum(s.cpu_ms for s in report.stages) <= report.cpu_ms * 1.05
    for s in report.stages:
        assert s.ms.median <= s.ms.p95 <= s.ms.p99
    assert report.advice
    said = table(report)
    assert "motion" in said
    assert sum(line.startswith("processor ") for line in said.splitlines()) == 1
    assert "temperature" in said


def test_a_file_that_is_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "/nowhere.mp4"]) == 66
    assert "/nowhere.mp4: no such file" in capsys.readouterr().err


def test_a_camera_that_is_not_there_is_not_waited_for_for_ever() -> None:
    sets = ("camera.source=/dev/none", "camera.open_timeout_s=0.5", "camera.stall_s=0.5")
    bench = [sys.executable, "-m", "edge", "bench", "--seconds", "0.1"]
    done = subprocess.run(
        [*bench, *(word for s in sets for word in ("--set", s))],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert done.returncode == 66
    assert "too few frames came" in done.stderr


@pytest.mark.parametrize("seconds", ["0", "soon", "nan"])
def test_a_time_that_is_none_is_refused(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "x", "--seconds", seconds]) == 64
    assert "--seconds" in capsys.readouterr().err


def test_percentiles_are_values_that_occurred() -> None:
    assert spread([float(n) for n in range(1, 101)]) == Spread(50.0, 95.0, 99.0)
    assert spread([]) == Spread(0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("dear", "config", "said"),
    [
        ("detect", Config(detect=Detect(name="haar")), "set detect.name to face"),
        ("detect", Config(detect=Detect(name="yunet")), "lower detect.rate (10)"),
        ("classify", Config(), "classify.rate"),
        ("state", Config(), "lower classify.check_rate"),
        ("state", Config(state=State(enabled=True)), "lower state.rate"),
        ("camera", Config(), "camera.width"),
    ],
)
def test_over_budget_the_dearest_stage_names_its_setting(
    dear: str, config: Config, said: str
) -> None:
    names = ("detect", "state", "classify")
    stages = [StageCost(n, 9, QUIET, 9.0 if n == dear else 1.0) for n in names]
    stages.append(StageCost("camera", 9, QUIET, 9.0 if dear == "camera" else 1.0))
    first, second = advise(config, stages, 0.9, 0.1, throttled=False)
    assert said in first
    assert "budget.cpu is 0.4 and 0.90 is used" in second


def test_a_processor_that_is_held_back_comes_first() -> None:
    advice = advise(Config(), [StageCost("detect", 9, QUIET, 1.0)], 0.1, 0.1, throttled=True)
    assert advice == ["the processor is held back: check power supply and cooling before anything"]


def test_within_the_budget_nothing_is_advised() -> None:
    advice = advise(Config(), [StageCost("detect", 9, QUIET, 1.0)], 0.1, 0.1, throttled=False)
    assert advice == ["within the budget: nothing needs to change"]


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", str(DEMO_CLIP), "--seconds", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["detector"] == Config().detect.name
