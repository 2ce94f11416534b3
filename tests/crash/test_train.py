"""An interrupted `digits train` resumes to the result of an uninterrupted one."""

import csv
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.crash.invariants import assert_failed_with_error, assert_intact, stale_temps
from tests.crash.running import (
    KILLS,
    Command,
    Driver,
    KillCounts,
    disk,
    failing_sizes,
    faults,
    kill_times,
    resize_disk,
    select_faults,
)
from tests.train.short import FILES

LARGE = 10_000  # pages


def start(driver: Driver, run: Path, faults: dict[str, Any] | None = None) -> Command:
    """Start training, or resume it if it has saved a state."""
    if (run / "state.pt").exists():
        return driver.start(run.parent, "train", "--resume", run, faults=faults)
    short = ("--recipe", "classic", "--epochs", 2)
    return driver.start(run.parent, "train", *short, "--out", run, faults=faults)


def result(run: Path) -> dict[str, object]:
    """Return everything that must not depend on interruptions."""
    assert {path.name for path in run.iterdir()} == FILES
    assert_intact(run)
    summary = json.loads((run / "run.json").read_text())
    timed = ("seconds", "images_per_second", "machines")
    with (run / "metrics.csv").open() as file:
        rows = [{k: v for k, v in row.items() if k not in timed} for row in csv.DictReader(file)]
    names = ("checkpoint.safetensors", "confusion.png", "mistakes.png")
    return {
        "summary": {key: value for key, value in summary.items() if key not in timed},
        "metrics": rows,
        **{name: (run / name).read_bytes() for name in names},
    }


def train_to_end(driver: Driver, run: Path) -> dict[str, object]:
    command = start(driver, run)
    assert command.wait() == 0, command.err
    return result(run)


@pytest.fixture(scope="module")
def expected(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The result of an uninterrupted run."""
    return train_to_end(driver, tmp_path_factory.mktemp("train") / "run")


def kill_point(run: Path) -> str:
    """Return when a kill hit."""
    if not (run / "state.pt").exists():
        return "in the first file" if stale_temps(run) else "before the first file"
    return "in a later file" if stale_temps(run) else "after the first file"


def test_resume_after_sigkill(
    driver: Driver, tmp_path: Path, kill_counts: KillCounts, expected: dict[str, object]
) -> None:
    began = time.monotonic()
    assert train_to_end(driver, tmp_path / "first") == expected
    span = time.monotonic() - began
    for number, moment in enumerate(kill_times(span)):
        run = tmp_path / str(number // 2)  # each run is killed twice
        command = start(driver, run)
        if command.wait(moment) is None:
            command.kill()
            kill_counts.add("train", kill_point(run))
            assert_intact(run)
            assert len(stale_temps(run)) <= 1
        else:
            assert command.code == 0, command.err
            assert result(run) == expected
    for number in range(-(-KILLS // 2)):
        assert train_to_end(driver, tmp_path / str(number)) == expected


def test_resume_after_write_error(
    driver: Driver, tmp_path: Path, kill_counts: KillCounts, expected: dict[str, object]
) -> None:
    log = tmp_path / "log"
    (tmp_path / "disk").mkdir()
    command = start(driver, tmp_path / "disk" / "counted", faults=faults(tmp_path, None, log))
    assert command.wait() == 0, command.err
    for fault in select_faults(len(log.read_text().splitlines())):
        run = tmp_path / "disk" / "-".join(map(str, fault))
        command = start(driver, run, faults=faults(tmp_path / "disk", fault, tmp_path / "other"))
        if command.wait() == 0:
            assert result(run) == expected  # only a cleanup failed
            continue
        if fault[0] == "KILL":
            assert command.code == -9
            kill_counts.add("train", kill_point(run))
        else:
            assert_failed_with_error(command.code, command.err)
        assert_intact(run)
        assert train_to_end(driver, run) == expected, fault


def test_resume_after_full_disk(
    driver: Driver, tmp_path: Path, expected: dict[str, object]
) -> None:
    place, log = tmp_path / "disk", tmp_path / "log"
    with disk(place, LARGE):
        command = start(driver, place / "run", faults=faults(place, None, log))
        assert command.wait() == 0, command.err
    for pages in failing_sizes(log):
        with disk(place, pages):
            command = start(driver, place / "run")
            command.wait()
            assert_failed_with_error(command.code, command.err)
            assert re.search("can't write .*: No space left", command.err)
            assert_intact(place / "run")
            assert not stale_temps(place / "run")
            resize_disk(place, LARGE)
            assert train_to_end(driver, place / "run") == expected
