"""`digits train`: what was killed or couldn't write goes on as if nothing had been."""

import csv
import json
import re
import time
from pathlib import Path

import pytest

from tests.crash.invariants import assert_one_sentence, assert_whole, strays
from tests.crash.running import (
    KILLS,
    Command,
    Driver,
    Tally,
    chosen,
    disk,
    enlarge,
    faults,
    moments,
    too_small,
)
from tests.train.short import FILES

LARGE = 10_000  # pages


def start(driver: Driver, run: Path, **options: object) -> Command:
    """Train, or go on where there is something to go on with."""
    if (run / "state.pt").exists():
        return driver.start(run.parent, "train", "--resume", run, **options)
    short = ("--recipe", "classic", "--epochs", 2)
    return driver.start(run.parent, "train", *short, "--out", run, **options)


def result(run: Path) -> dict[str, object]:
    """All that must be the same however often a training was interrupted."""
    assert {path.name for path in run.iterdir()} == FILES
    assert_whole(run)
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


def finished(driver: Driver, run: Path) -> dict[str, object]:
    command = start(driver, run)
    assert command.wait() == 0, command.err
    return result(run)


@pytest.fixture(scope="module")
def expected(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Of a run that nothing interrupted."""
    return finished(driver, tmp_path_factory.mktemp("train") / "run")


def where(run: Path) -> str:
    """Where a kill hit."""
    if not (run / "state.pt").exists():
        return "in the first file" if strays(run) else "before the first file"
    return "in a later file" if strays(run) else "after the first file"


def test_kills(driver: Driver, tmp_path: Path, tally: Tally, expected: dict[str, object]) -> None:
    began = time.monotonic()
    assert finished(driver, tmp_path / "first") == expected
    span = time.monotonic() - began
    for number, moment in enumerate(moments(span)):
        run = tmp_path / str(number // 2)  # killed once in its first session and once in a later
        command = start(driver, run)
        if command.wait(moment) is None:
            command.kill()
            tally.add("train", where(run))
            assert_whole(run)
            assert len(strays(run)) <= 1
        else:
            assert command.code == 0, command.err
            assert result(run) == expected
    for number in range(-(-KILLS // 2)):
        assert finished(driver, tmp_path / str(number)) == expected


def test_write_errors(
    driver: Driver, tmp_path: Path, tally: Tally, expected: dict[str, object]
) -> None:
    log = tmp_path / "log"
    (tmp_path / "disk").mkdir()
    command = start(driver, tmp_path / "disk" / "counted", faults=faults(tmp_path, None, log))
    assert command.wait() == 0, command.err
    for fault in chosen(len(log.read_text().splitlines())):
        run = tmp_path / "disk" / "-".join(map(str, fault))
        command = start(driver, run, faults=faults(tmp_path / "disk", fault, tmp_path / "other"))
        if command.wait() == 0:
            assert result(run) == expected  # what failed was only to tidy up
            continue
        if fault[0] == "KILL":
            assert command.code == -9
            tally.add("train", where(run))
        else:
            assert_one_sentence(command.code, command.err)
        assert_whole(run)
        assert finished(driver, run) == expected, fault


def test_a_full_disk(driver: Driver, tmp_path: Path, expected: dict[str, object]) -> None:
    place, log = tmp_path / "disk", tmp_path / "log"
    with disk(place, LARGE):
        command = start(driver, place / "run", faults=faults(place, None, log))
        assert command.wait() == 0, command.err
    for pages in too_small(log):
        with disk(place, pages):
            command = start(driver, place / "run")
            command.wait()
            assert_one_sentence(command.code, command.err)
            assert re.search("can't write .*: No space left", command.err)
            assert_whole(place / "run")
            assert not strays(place / "run")
            enlarge(place, LARGE)
            assert finished(driver, place / "run") == expected
