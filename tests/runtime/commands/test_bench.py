"""`digits bench` with a fake clock and fake processes; tests/test_structure.py has real ones."""

import itertools
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from digits.commands import bench
from digits.inference.model_file import BUNDLED, BUNDLED_DETECTOR, BUNDLED_RECOGNIZER
from tests.conftest import Patch, Run

pytestmark = pytest.mark.slow
FILES = BUNDLED, BUNDLED_DETECTOR, BUNDLED_RECOGNIZER


@pytest.fixture(autouse=True)
def clock(monkeypatch: Patch) -> SimpleNamespace:
    """A millisecond passes at each reading of it. share: how much of that we get."""
    readings = itertools.count()
    clock = SimpleNamespace(perf_counter=lambda: next(readings) / 1000, share=1.0)
    clock.process_time = lambda: clock.perf_counter() * clock.share
    monkeypatch.setattr(bench, "time", clock)
    monkeypatch.setattr(bench, "SECONDS", 0.0)
    monkeypatch.setattr(bench, "_MIN_CALLS", 1)
    return clock


@pytest.fixture(autouse=True)
def process(monkeypatch: Patch) -> subprocess.CompletedProcess[str]:
    """What every process ends with, at once."""
    done = subprocess.CompletedProcess([], 0, "7  (99.9 %)\n65000000\n", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    return done


def test_json(run: Run) -> None:
    code, out, err = run("bench", "--json")
    report = json.loads(out)
    assert (code, err, report["warnings"]) == (0, "", [])
    [classifier], [detector], [recognizer] = (
        report[kind] for kind in ("models", "detectors", "recognizers")
    )
    files = zip((classifier, detector, recognizer), FILES, strict=True)
    for figures, file in files:
        assert (figures["bytes"], figures["peak_memory"]) == (Path(file).stat().st_size, 65_000_000)
        assert figures["session_start"] == figures["cold_start"] == pytest.approx(0.001)
    assert classifier["latency"]["p50"] == classifier["latency"]["p99"] == pytest.approx(0.001)
    assert {row["batch"] for row in classifier["throughput"]} == {1, 8, 64}
    for row in classifier["throughput"]:
        assert row["images_per_second"] == pytest.approx(1000 * row["batch"])
    assert {page["size"] for page in detector["pages"]} == {"1024x1024", "300x150"}
    assert {crops["batch"] for crops in recognizer["crops"]} == {1, 16}


@pytest.mark.parametrize("file", FILES)
def test_only_the_given_file_is_measured(run: Run, clock: SimpleNamespace, file: str) -> None:
    clock.share = 0.6
    code, out, err = run("bench", "--model", file)
    assert code == 0
    assert [other for other in FILES if other in out] == [file]
    warning = "warning: other programs were running: only 60% of a core was free\n"
    assert err == (warning if file == BUNDLED else "")


def test_failing_process_is_an_error(run: Run, process: subprocess.CompletedProcess[str]) -> None:
    process.returncode, process.stderr = 1, "no memory\n"
    code, _, err = run("bench", "--model", BUNDLED)
    assert (code, err) == (1, "error: a process failed to read one picture: no memory\n")
