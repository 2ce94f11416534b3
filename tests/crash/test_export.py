"""An interrupted `digits export --quantize` leaves each file either old or new."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.crash.invariants import assert_failed_with_error, assert_intact, stale_temps
from tests.crash.running import (
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

LARGE = 10_000  # pages

Files = dict[str, bytes]


def export(driver: Driver, folder: Path, faults: dict[str, Any] | None = None) -> Command:
    arguments = ("export", "run", "--quantize", "--max-accuracy-drop", 100)
    return driver.start(folder, *arguments, faults=faults)


def files(run: Path) -> Files:
    return {path.name: path.read_bytes() for path in run.iterdir()}


def place(folder: Path, before: Files) -> Path:
    """Restore the run and its earlier export; files left by a kill stay."""
    run = folder / "run"
    run.mkdir(exist_ok=True)
    for name, content in before.items():
        (run / name).write_bytes(content)
    return run


def assert_old_or_new(run: Path, before: Files, after: Files) -> None:
    assert_intact(run)
    found = files(run)
    assert set(before) == set(found) - stale_temps(run)
    assert all(found[name] in (before[name], after[name]) for name in before)


def assert_exported(driver: Driver, folder: Path, after: Files) -> None:
    """Check that exporting again writes the new files and leaves no others."""
    command = export(driver, folder)
    assert command.wait() == 0, command.err
    found = files(folder / "run")
    assert set(found) == set(after)
    assert found == after


@pytest.fixture(scope="module")
def before(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A run whose exported files are those of another network."""
    folder = tmp_path_factory.mktemp("export")
    for epochs in (1, 2):
        arguments = ("--recipe", "classic", "--epochs", epochs, "--out", f"{epochs}")
        command = driver.start(folder, "train", *arguments)
        assert command.wait() == 0, command.err
    (folder / "1").rename(folder / "run")
    assert export(driver, folder).wait() == 0
    (folder / "2" / "checkpoint.safetensors").rename(folder / "run" / "checkpoint.safetensors")
    return files(folder / "run")


@pytest.fixture(scope="module")
def after(driver: Driver, tmp_path_factory: pytest.TempPathFactory, before: Files) -> Files:
    """The same run with its own exported files."""
    folder = tmp_path_factory.mktemp("export")
    run = place(folder, before)
    assert export(driver, folder).wait() == 0
    changed = {name for name in before if files(run)[name] != before[name]}
    assert changed == {"lenet5.onnx", "lenet5.int8.onnx", "export.json", "MODEL_CARD.md"}
    return files(run)


def test_export_again_after_sigkill(
    driver: Driver, tmp_path: Path, kill_counts: KillCounts, before: Files, after: Files
) -> None:
    began = time.monotonic()
    run = place(tmp_path, before)
    assert_exported(driver, tmp_path, after)
    span = time.monotonic() - began
    for moment in kill_times(span):
        place(tmp_path, before)
        earlier = stale_temps(run)
        command = export(driver, tmp_path)
        if command.wait(moment) is None:
            command.kill()
            kill_counts.add("export", kill_point(files(run), before, stale_temps(run) - earlier))
            assert_old_or_new(run, before, after)
        else:
            assert command.code == 0, command.err
            assert files(run) == after
    assert_exported(driver, tmp_path, after)


def kill_point(found: Files, before: Files, unfinished: set[str]) -> str:
    """Return when a kill hit."""
    if all(found[name] == before[name] for name in before):
        return "while files were written" if unfinished else "before the first file"
    return "between two files" if unfinished else "after the last file"


def test_export_again_after_write_error(
    driver: Driver, tmp_path: Path, kill_counts: KillCounts, before: Files, after: Files
) -> None:
    folder, log = tmp_path / "disk", tmp_path / "log"
    folder.mkdir()
    run = place(folder, before)
    assert export(driver, folder, faults=faults(folder, None, log)).wait() == 0
    for fault in select_faults(len(log.read_text().splitlines())):
        place(folder, before)
        command = export(driver, folder, faults=faults(folder, fault, tmp_path / "other"))
        if command.wait() == 0:
            assert files(run) == after  # only a cleanup failed
        elif fault[0] == "KILL":
            assert command.code == -9
            kill_counts.add("export", kill_point(files(run), before, stale_temps(run)))
        else:
            assert_failed_with_error(command.code, command.err)
        assert_old_or_new(run, before, after)
        assert_exported(driver, folder, after)


def test_export_on_full_disk_keeps_old_files(
    driver: Driver, tmp_path: Path, before: Files, after: Files
) -> None:
    folder, log = tmp_path / "disk", tmp_path / "log"
    with disk(folder, LARGE):
        place(folder, before)
        assert export(driver, folder, faults=faults(folder, None, log)).wait() == 0
    for pages in failing_sizes(log):
        with disk(folder, LARGE):
            run = place(folder, before)
            resize_disk(folder, pages)
            command = export(driver, folder)
            command.wait()
            assert_failed_with_error(command.code, command.err)
            assert re.search("can't write .*: No space left", command.err)
            assert files(run) == before
            resize_disk(folder, LARGE)
            assert_exported(driver, folder, after)
