"""An interrupted `digits predict --csv --skip-done X >> X` can be continued."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.crash.invariants import assert_failed_with_error, assert_rows
from tests.crash.running import (
    PAGE,
    Command,
    Driver,
    KillCounts,
    disk,
    faults,
    kill_times,
    select_faults,
)

COUNT = 80

Start = Callable[..., Command]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pictures: list[Path]) -> Path:
    """A folder of COUNT images."""
    place = tmp_path_factory.mktemp("predict") / "pictures"
    place.mkdir()
    small = sorted(pictures, key=lambda path: path.stat().st_size)[:3]
    for number in range(COUNT):
        shutil.copy(small[number % 3], place / f"{number:03}{small[number % 3].suffix}")
    return place


@pytest.fixture(scope="module")
def start(driver: Driver, folder: Path) -> Start:
    """Start `digits predict` on the images that have no row in `results` yet."""

    def start(results: Path, jobs: int = 1, faults: dict[str, Any] | None = None) -> Command:
        with results.open("a") as out:
            arguments = ("predict", "pictures", "--csv", "--jobs", jobs, "--skip-done", results)
            return driver.start(folder.parent, *arguments, out=out, faults=faults)

    return start


@pytest.fixture(scope="module")
def expected(start: Start, folder: Path) -> bytes:
    """The rows of an uninterrupted run."""
    command = start(folder.parent / "expected.csv")
    assert command.wait() == 0, command.err
    written = (folder.parent / "expected.csv").read_bytes()
    assert written.count(b"\n") == COUNT + 1
    return written


def assert_prefix_of_rows(written: bytes, expected: bytes) -> None:
    """Check that the rows are a prefix of the expected ones, perhaps cut within a row."""
    assert expected.startswith(written)


@pytest.mark.parametrize("jobs", [1, 2])
def test_predict_skip_done_after_sigkill(
    start: Start, tmp_path: Path, kill_counts: KillCounts, expected: bytes, jobs: int
) -> None:
    began = time.monotonic()
    command = start(tmp_path / "0.csv", jobs)
    assert command.wait() == 0, command.err
    assert (tmp_path / "0.csv").read_bytes() == expected
    span = time.monotonic() - began
    results = tmp_path / "1.csv"
    for number, moment in enumerate(kill_times(span), 2):
        command = start(results, jobs)
        if command.wait(moment) is None:
            command.kill()
            written = results.read_bytes()
            kill_counts.add("predict", "among the rows" if written else "before the first row")
            assert_prefix_of_rows(written, expected)
        else:
            assert command.code == 0, command.err
            assert results.read_bytes() == expected
            kill_counts.add("predict", "after the last row")
            results = tmp_path / f"{number}.csv"
    assert start(results).wait() == 0
    assert results.read_bytes() == expected


def test_predict_skip_done_after_write_error(
    start: Start, tmp_path: Path, kill_counts: KillCounts, expected: bytes
) -> None:
    log, place = tmp_path / "log", tmp_path / "disk"
    place.mkdir()
    assert start(place / "counted.csv", faults=faults(place, None, log)).wait() == 0
    calls = len(log.read_text().splitlines())
    assert calls > COUNT
    for fault in select_faults(calls):
        results = place / f"{fault[0]}-{fault[1]}.csv"
        command = start(results, faults=faults(place, fault, tmp_path / "other"))
        if command.wait() == -9:
            assert fault[0] == "KILL"
            kill_counts.add("predict", "in a call that writes")
        else:
            assert_failed_with_error(command.code, command.err)
        assert_prefix_of_rows(results.read_bytes(), expected)
        assert start(results).wait() == 0
        assert results.read_bytes() == expected, fault


def test_predict_on_full_disk_keeps_whole_rows(
    start: Start, tmp_path: Path, expected: bytes
) -> None:
    """Try each number of free pages, from none."""
    needed = -(-len(expected) // PAGE)
    assert needed > 2
    for room in range(needed):
        with disk(tmp_path / "disk", needed):
            (tmp_path / "disk" / "ballast").write_bytes(bytes(PAGE * (needed - room)))
            results = tmp_path / "disk" / "results.csv"
            command = start(results)
            command.wait()
            assert_failed_with_error(command.code, command.err)
            assert "No space left" in command.err
            assert_prefix_of_rows(results.read_bytes(), expected)
            assert results.stat().st_size == room * PAGE
            os.unlink(tmp_path / "disk" / "ballast")
            assert start(results).wait() == 0
            assert results.read_bytes() == expected
            assert_rows(results.read_text())
