"""`digits bench` with a fake clock and fake processes; tests/test_structure.py has real ones."""

import itertools
import json
import subprocess
from types import SimpleNamespace

import pytest

from digits.commands import bench
from digits.inference.model_file import BUNDLED, BUNDLED_DETECTOR, BUNDLED_RECOGNIZER
from tests.conftest import Patch, Run

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def process(monkeypatch: Patch) -> subprocess.CompletedProcess[str]:
    """What every process ends with, at once; a millisecond passes at each look at the clock."""
    readings = itertools.count()
    clock = SimpleNamespace(perf_counter=lambda: next(readings) / 1000)
    monkeypatch.setattr(bench, "time", clock)
    monkeypatch.setattr(bench, "MIN_SECONDS", 0.0)
    monkeypatch.setattr(bench, "MIN_CALLS", 1)
    done = subprocess.CompletedProcess([], 0, "7  (99.9 %)\n65000000\n", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    return done


def test_json(run: Run, process: subprocess.CompletedProcess[str]) -> None:
    code, out, err = run("bench", "--json")
    report = json.loads(out)
    files = [report[kind] for kind in ("classifier", "detector", "recognizer")]
    assert (code, err, files) == (0, "", [BUNDLED, BUNDLED_DETECTOR, BUNDLED_RECOGNIZER])
    times = [report[key] for key in ("digit", "photo", "page")]
    for command in ("predict", "read"):
        times.append(report[command]["seconds"])
        assert report[command]["peak_memory"] == 65_000_000
    assert times == pytest.approx([0.001] * 5)
    process.stdout = "7  (99.9 %)\nNone\n"  # on macOS and Windows
    assert json.loads(run("bench", "--json")[1])["read"]["peak_memory"] is None


def test_failing_command_is_an_error(run: Run, process: subprocess.CompletedProcess[str]) -> None:
    process.returncode, process.stderr = 1, "error: out of memory\n"
    assert run("bench") == (1, "", "error: out of memory\n")
