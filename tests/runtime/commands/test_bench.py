"""`digits bench`, with windows too short for meaningful figures."""

import itertools
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from digits.commands import bench
from digits.inference.model_file import BUNDLED, BUNDLED_READER
from tests.conftest import Run

pytestmark = pytest.mark.slow  # they start processes


@pytest.fixture(autouse=True)
def short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "SECONDS", 0.0)


def set_clock(monkeypatch: pytest.MonkeyPatch, processor_share: float) -> None:
    """Let a millisecond pass at each reading of the clock, of which we get a share."""
    readings = itertools.count()
    clock = SimpleNamespace(perf_counter=lambda: next(readings) / 1000)
    clock.process_time = lambda: clock.perf_counter() * processor_share
    monkeypatch.setattr(bench, "time", clock)


def set_process(monkeypatch: pytest.MonkeyPatch, code: int, out: str, err: str) -> None:
    """Have processes end at once, with this."""
    done = subprocess.CompletedProcess([], code, out, err)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)


def test_json(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    start, done = subprocess.run, dict[str, subprocess.CompletedProcess[str]]()

    def start_once(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        code = command[2]
        done[code] = done.get(code) or start(command, **options)
        return done[code]

    monkeypatch.setattr(subprocess, "run", start_once)
    set_clock(monkeypatch, 1.0)
    code, out, err = run("bench", "--json")
    report = json.loads(out)
    assert (code, err, report["warnings"]) == (0, "", [])
    [floating], [reader] = report["models"], report["readers"]
    assert floating["bytes"] == Path(BUNDLED).stat().st_size
    assert 0 < floating["latency"]["p50"] <= floating["latency"]["p99"] < 1
    assert {(row["batch"], row["threads"]) for row in floating["throughput"]} >= {(1, 1), (64, 1)}
    for row in floating["throughput"]:
        assert row["images_per_second"] == pytest.approx(1000 * row["batch"])
    assert {page["size"] for page in reader["pages"]} == {"1024x1024", "300x150"}
    for model in (floating, reader):
        assert 0 < model["session_start"] < 10 > model["cold_start"] > 0
        assert 40e6 < model["peak_memory"] < 200e6


@pytest.mark.parametrize("file", [BUNDLED, BUNDLED_READER])
def test_only_the_given_file_is_measured(
    run: Run, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    set_process(monkeypatch, 0, "65000000\n", "")
    set_clock(monkeypatch, 0.6)
    code, out, err = run("bench", "--model", file)
    assert code == 0
    assert [BUNDLED in out, BUNDLED_READER in out] == [file == BUNDLED, file == BUNDLED_READER]
    warning = "warning: other programs were running: only 60% of a core was free\n"
    assert err == (warning if file == BUNDLED else "")


def test_failing_process_is_an_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    set_process(monkeypatch, 1, "", "no memory\n")
    code, _, err = run("bench", "--model", BUNDLED)
    assert (code, err) == (1, "error: a process failed to read one picture: no memory\n")
