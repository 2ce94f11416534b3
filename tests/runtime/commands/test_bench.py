"""`digits bench`, with windows too short for meaningful figures."""

import itertools
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from digits.commands import bench
from digits.inference.model_file import BUNDLED, BUNDLED_READER
from tests.conftest import Run

pytestmark = pytest.mark.slow  # they start processes

CLASSIFIER, READER = Path(BUNDLED).read_bytes(), Path(BUNDLED_READER).read_bytes()


@pytest.fixture(autouse=True)
def short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "SECONDS", 0.0)


def set_clock(monkeypatch: pytest.MonkeyPatch, processor_share: float) -> None:
    """Let a millisecond pass at each reading of the clock, of which we get a share."""
    readings = itertools.count()
    clock = SimpleNamespace(perf_counter=lambda: next(readings) / 1000)
    clock.process_time = lambda: clock.perf_counter() * processor_share
    monkeypatch.setattr(bench, "time", clock)


@pytest.fixture
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes end at once, and say that they took 65 MB."""
    done = subprocess.CompletedProcess([], 0, "65000000\n", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)


def test_json(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_clock(monkeypatch, 1.0)
    monkeypatch.setattr(bench, "SYSTEM", tmp_path)
    code, out, err = run("bench", "--json")
    report = json.loads(out)
    assert (code, err, report["warnings"]) == (0, "", [])
    assert {"device", "cores", "digits_version", "onnxruntime"} <= report.keys()
    [floating] = report["models"]
    assert floating["kernels"] == "float"
    assert floating["bytes"] == len(CLASSIFIER)
    assert 0 < floating["latency"]["p50"] <= floating["latency"]["p99"] < 1
    assert {(row["batch"], row["threads"]) for row in floating["throughput"]} >= {(1, 1), (64, 1)}
    for row in floating["throughput"]:
        assert row["images_per_second"] == pytest.approx(1000 * row["batch"])
    [reader] = report["readers"]
    assert reader["bytes"] == len(READER)
    for page in reader["pages"]:
        assert page["seconds"] == pytest.approx(0.001)
    assert {page["size"] for page in reader["pages"]} == {"1024x1024", "300x150"}
    assert 0 < floating["image_latency"] < 10
    for model in (floating, reader):
        assert 0 < model["session_start"] < 10 > model["cold_start"] > 0
        assert 40e6 < model["peak_memory"] < 200e6


@pytest.mark.usefixtures("no_processes")
@pytest.mark.parametrize("file", [BUNDLED, BUNDLED_READER])
def test_only_the_given_file_is_measured(run: Run, file: str) -> None:
    code, out, _ = run("bench", "--model", file)
    assert code == 0
    assert [BUNDLED in out, BUNDLED_READER in out] == [file == BUNDLED, file == BUNDLED_READER]
    assert "peak_memory" in out


def test_failing_process_is_an_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "no memory\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    assert run("bench", "--model", BUNDLED)[::2] == (
        *(1, "error: a process failed to read one picture: no memory\n"),
    )


@pytest.mark.usefixtures("no_processes")
def test_low_processor_share_is_a_warning(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    set_clock(monkeypatch, 0.6)
    monkeypatch.setattr(bench, "SYSTEM", tmp_path)
    code, _, err = run("bench", "--model", BUNDLED)
    assert code == 0
    assert err == "warning: other programs were running: only 60% of a core was free\n"


CLOCK = "sys/devices/system/cpu/cpu0/cpufreq"


@pytest.mark.usefixtures("no_processes")
@pytest.mark.parametrize(("clock", "warnings"), [(1800, ""), (600, "at 600 of 1800 MHz")])
def test_slow_clock_of_a_board_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: int, warnings: str
) -> None:
    set_clock(monkeypatch, 1.0)
    for name, text in {
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5\0",
        f"{CLOCK}/scaling_cur_freq": f"{clock}000\n",
        f"{CLOCK}/cpuinfo_max_freq": "1800000\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(bench, "SYSTEM", tmp_path)
    report = bench.benchmark(Path(BUNDLED))
    assert report["device"] == "Raspberry Pi 4 Model B Rev 1.5"
    assert warnings in "".join(report["warnings"]) and len(report["warnings"]) == bool(warnings)
