"""Interrupted commands leave nothing damaged, and give the same result when they are run again."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.crash.invariants import assert_failed_with_error
from tests.crash.running import (
    Driver,
    faults,
    kill_times,
    select_faults,
)
from tests.crash.scenarios import Export, Output, Scenario, Train

SCENARIOS: dict[str, Callable[[Driver, Path], Scenario]] = {
    "train": Train,
    "export": Export,
    "predict": partial(Output, command="predict", form="csv"),
    "predict --jobs 2": partial(Output, command="predict", form="csv", jobs=2),
    "predict --json": partial(Output, command="predict", form="jsonl"),
    "read": partial(Output, command="read", form="csv"),
    "read --json": partial(Output, command="read", form="jsonl"),
}


every_scenario = pytest.mark.parametrize("scenario", SCENARIOS, indirect=True, scope="module")
different_scenarios = pytest.mark.parametrize(
    "scenario", ["train", "export", "predict", "predict --json"], indirect=True, scope="module"
)


@pytest.fixture(scope="module")
def scenario(
    request: pytest.FixtureRequest, driver: Driver, tmp_path_factory: pytest.TempPathFactory
) -> Scenario:
    return SCENARIOS[request.param](driver, tmp_path_factory.mktemp("scratch"))


@every_scenario
def test_continued_after_sigkill(scenario: Scenario, tmp_path: Path) -> None:
    began = time.monotonic()
    scenario.prepare(tmp_path)
    scenario.complete(tmp_path)
    span = time.monotonic() - began
    scenario.prepare(tmp_path)
    for moment in kill_times(span):
        command = scenario.start(tmp_path)
        if command.wait(moment) is None:
            command.kill()
            scenario.check_interrupted(tmp_path)
        else:
            assert command.code == 0, command.err
            scenario.check_completed(tmp_path)
            scenario.prepare(tmp_path)
    scenario.complete(tmp_path)


@different_scenarios
def test_continued_after_write_error(scenario: Scenario, tmp_path: Path) -> None:
    folder, log = tmp_path / "disk", tmp_path / "log"
    folder.mkdir()
    scenario.prepare(folder)
    scenario.run(folder, faults(folder, None, log))
    for fault in select_faults(len(log.read_text().splitlines())):
        scenario.prepare(folder)
        command = scenario.start(folder, faults(folder, fault, tmp_path / "other"))
        if command.wait() == 0:
            scenario.check_completed(folder)  # only a cleanup failed
            continue
        scenario.check_interrupted(folder)
        if fault[0] == "KILL":
            assert command.code == -9
        else:
            assert_failed_with_error(command.code, command.err)
        if fault[0] == "ENOSPC":
            assert "No space left" in command.err
        scenario.complete(folder)
