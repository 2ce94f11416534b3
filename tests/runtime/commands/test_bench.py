"""`digits bench`, with windows too short for meaningful figures."""

import hashlib
import itertools
import json
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from digits.commands import bench, device
from digits.inference.model_file import BUNDLED, BUNDLED_READER
from tests.conftest import Run


@pytest.fixture(autouse=True)
def short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_LATENCY", 0.0)
    monkeypatch.setattr(bench, "_THROUGHPUT", 0.0)
    monkeypatch.setattr(bench, "_WINDOWS", 1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that advances by a millisecond at each reading."""
    readings = itertools.count()
    ticking = SimpleNamespace(
        perf_counter=lambda: next(readings) / 1000, process_time=time.process_time
    )
    monkeypatch.setattr(bench, "time", ticking)


@pytest.mark.slow
def test_bench_json(run: Run, clock: None) -> None:
    code, out, _ = run("bench", "--json")
    report = json.loads(out)
    assert code == 0
    assert {"device", "cores", "digits_version", "onnxruntime", "warnings"} <= report.keys()
    floating, integer = report["models"]
    assert (floating["kernels"], integer["kernels"]) == ("float", "integer")
    assert floating["bytes"] == Path(BUNDLED).stat().st_size
    assert 0 < floating["latency"]["p50"] <= floating["latency"]["p99"] < 1
    assert {(row["batch"], row["threads"]) for row in floating["throughput"]} >= {(1, 1), (64, 1)}
    for row in floating["throughput"]:  # a window is a call, and three readings of the clock
        assert row["images_per_second"] == pytest.approx(500 * row["batch"])
    for key in ("session_start", "image_latency", "cold_start"):
        assert 0 < floating[key] < 10
    assert 40e6 < floating["peak_memory"] < 150e6
    assert integer["cold_start"] is None  # `digits predict` uses float kernels by default


@pytest.mark.slow
def test_bench_table(run: Run) -> None:
    code, out, _ = run("bench")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("device ")
    assert lines[1].split() == ["int8,", "float", "kernels", "int8,", "integer", "kernels"]
    for name in ("one digit, p99", "batch 64, 1 thread", "picture to digit", "peak memory"):
        assert any(line.strip().startswith(name) for line in lines)
    second = next(number for number, line in enumerate(lines) if "reader, " in line)
    for table in (lines[1:second], lines[second:]):
        assert len({len(line) for line in table}) == 1
    for name in ("1024x1024, 1 thread", "300x150, 1 thread", "cold start", "peak memory"):
        assert any(line.strip().startswith(name) for line in lines[second:])


@pytest.mark.slow
def test_bench_of_a_reader(run: Run, clock: None, tmp_path: Path) -> None:
    shutil.copy(BUNDLED_READER, tmp_path / "mine.int8.onnx")
    shutil.copy(BUNDLED_READER, tmp_path / "mine.onnx")  # also int8, but only the name counts
    code, out, _ = run("bench", tmp_path / "mine.int8.onnx", "--json")
    report = json.loads(out)
    assert code == 0
    assert report["models"] == []
    assert [Path(one["model"]).name for one in report["readers"]] == ["mine.onnx", "mine.int8.onnx"]
    for reader in report["readers"]:
        assert reader["bytes"] == Path(BUNDLED_READER).stat().st_size
        assert {(page["size"], page["threads"]) for page in reader["pages"]} >= {
            ("1024x1024", 1),
            ("300x150", 1),
        }
        # A window is a call, and three readings of the clock.
        assert [page["seconds"] for page in reader["pages"]] == pytest.approx(
            [0.002] * len(reader["pages"])
        )
        assert 0 < reader["session_start"] < 10 > reader["cold_start"] > 0
        assert 40e6 < reader["peak_memory"] < 200e6


def test_pinned_reader_is_measured_alone(tmp_path: Path) -> None:
    for name in ("mine.int8.onnx", "mine.onnx"):
        shutil.copy(BUNDLED_READER, tmp_path / name)
    pin = hashlib.sha256(Path(BUNDLED_READER).read_bytes()).hexdigest()
    readers, warnings = bench._open_readers(tmp_path / "mine.onnx", pin)
    assert [(Path(one.name).name, one.sha256) for one in readers] == [("mine.onnx", pin)]
    assert warnings == []


def test_classifier_beside_a_reader_is_skipped_with_a_warning(tmp_path: Path) -> None:
    shutil.copy(BUNDLED_READER, tmp_path / "mine.int8.onnx")
    shutil.copy(BUNDLED, tmp_path / "mine.onnx")
    readers, [warning] = bench._open_readers(tmp_path / "mine.int8.onnx")
    assert [Path(one.name).name for one in readers] == ["mine.int8.onnx"]
    assert "mine.onnx as a reader: it is a classifier" in warning


def test_float_and_int8_siblings_are_both_measured(tmp_path: Path) -> None:
    shutil.copy(BUNDLED, tmp_path / "mine.int8.onnx")
    shutil.copy(BUNDLED, tmp_path / "mine.onnx")  # also int8, but only the name counts
    for name in ("mine.onnx", "mine.int8.onnx"):
        names = [Path(model.name).name for model in bench._open_siblings(tmp_path / name)[0]]
        assert names == ["mine.onnx"] * 2 + ["mine.int8.onnx"] * 2


def test_model_without_sibling_is_measured_alone(tmp_path: Path) -> None:
    shutil.copy(BUNDLED, tmp_path / "mine.bin")
    models, _ = bench._open_siblings(tmp_path / "mine.bin")
    assert [(Path(model.name).name, model.kernels) for model in models] == [
        ("mine.bin", "float"),
        ("mine.bin", "integer"),
    ]


def test_bad_sibling_is_skipped_with_a_warning(tmp_path: Path) -> None:
    shutil.copy(BUNDLED, tmp_path / "mine.int8.onnx")
    (tmp_path / "mine.onnx").write_bytes(b"junk")
    models, [warning] = bench._open_siblings(tmp_path / "mine.int8.onnx")
    assert [Path(model.name).name for model in models] == ["mine.int8.onnx"] * 2
    assert "mine.onnx" in warning


def test_bad_model_is_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nonsense")
    code, out, err = run("bench", tmp_path / "bad.onnx")
    assert (code, out) == (1, "")
    assert err.startswith("error: ")


def test_low_cpu_share_is_a_warning() -> None:
    quiet = bench.BenchResult("a.onnx", "float", "none", 1, cpu_share=0.99)
    busy = bench.BenchResult("b.onnx", "float", "none", 1, cpu_share=0.6)
    assert bench._contention([]) == bench._contention([quiet]) == []
    assert bench._contention([quiet, busy]) == [
        "other programs were running: only 60% of a core was free"
    ]


@pytest.fixture
def raspberry_pi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system files of a healthy Raspberry Pi."""
    for name, text in {
        "model": "Raspberry Pi 4 Model B Rev 1.5\0",
        "throttled": "0",
        "frequency/scaling_cur_freq": "1800000",
        "frequency/cpuinfo_max_freq": "1800000",
        "thermal/thermal_zone0/temp": "48312",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    monkeypatch.setattr(device, "_BOARD", tmp_path / "model")
    monkeypatch.setattr(device, "_PI_THROTTLED", tmp_path / "throttled")
    monkeypatch.setattr(device, "_FREQUENCY", tmp_path / "frequency")
    monkeypatch.setattr(device, "_TEMPERATURES", tmp_path / "thermal")
    return tmp_path


def test_healthy_board_has_no_throttle_reasons(raspberry_pi: Path) -> None:
    assert device.processor() == "Raspberry Pi 4 Model B Rev 1.5"
    assert device.throttle_reasons() == []


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("throttled", "50005", "its voltage is low"),
        ("throttled", "e0008", "it is hot"),
        ("frequency/scaling_cur_freq", "600000", "its clock is at 600 of 1800 MHz"),
        ("thermal/thermal_zone0/temp", "81500", "its temperature is 81 degrees Celsius"),
    ],
)
def test_throttle_reasons_of_a_board(raspberry_pi: Path, file: str, text: str, reason: str) -> None:
    (raspberry_pi / file).write_text(text)
    assert reason in device.throttle_reasons()


def test_machine_without_sysfs_has_no_throttle_reasons(
    raspberry_pi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_BOARD", "_CPUINFO", "_PI_THROTTLED", "_FREQUENCY", "_TEMPERATURES"):
        monkeypatch.setattr(device, name, raspberry_pi / "nowhere")
    assert device.throttle_reasons() == []
    assert device.processor()
