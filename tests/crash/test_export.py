"""`digits export --quantize`: each file is the one from before or the new one."""

import re
import time
from pathlib import Path

import pytest

from tests.crash.invariants import assert_one_sentence, assert_whole, strays
from tests.crash.running import (
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

LARGE = 10_000  # pages

Files = dict[str, bytes]


def export(driver: Driver, folder: Path, **options: object) -> Command:
    arguments = ("export", "run", "--quantize", "--max-accuracy-drop", 100)
    return driver.start(folder, *arguments, **options)


def files(run: Path) -> Files:
    return {path.name: path.read_bytes() for path in run.iterdir()}


def place(folder: Path, before: Files) -> Path:
    """Put a run with an export from before there, beside what a kill has left."""
    run = folder / "run"
    run.mkdir(exist_ok=True)
    for name, content in before.items():
        (run / name).write_bytes(content)
    return run


def assert_old_or_new(run: Path, before: Files, after: Files) -> None:
    assert_whole(run)
    found = files(run)
    assert set(before) == set(found) - strays(run)
    assert all(found[name] in (before[name], after[name]) for name in before)


def assert_exported(driver: Driver, folder: Path, after: Files) -> None:
    """Exporting again gives the new files and leaves no other."""
    command = export(driver, folder)
    assert command.wait() == 0, command.err
    found = files(folder / "run")
    assert set(found) == set(after)
    assert found == after


@pytest.fixture(scope="module")
def before(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A run whose export is that of another network."""
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
    """The same with its own."""
    folder = tmp_path_factory.mktemp("export")
    run = place(folder, before)
    assert export(driver, folder).wait() == 0
    changed = {name for name in before if files(run)[name] != before[name]}
    assert changed == {"lenet5.onnx", "lenet5.int8.onnx", "export.json", "MODEL_CARD.md"}
    return files(run)


def test_kills(driver: Driver, tmp_path: Path, tally: Tally, before: Files, after: Files) -> None:
    began = time.monotonic()
    run = place(tmp_path, before)
    assert_exported(driver, tmp_path, after)
    span = time.monotonic() - began
    for moment in moments(span):
        place(tmp_path, before)
        earlier = strays(run)
        command = export(driver, tmp_path)
        if command.wait(moment) is None:
            command.kill()
            tally.add("export", where(files(run), before, strays(run) - earlier))
            assert_old_or_new(run, before, after)
        else:
            assert command.code == 0, command.err
            assert files(run) == after
    assert_exported(driver, tmp_path, after)


def where(found: Files, before: Files, unfinished: set[str]) -> str:
    """Where a kill hit."""
    if all(found[name] == before[name] for name in before):
        return "while files were written" if unfinished else "before the first file"
    return "between two files" if unfinished else "after the last file"


def test_write_errors(
    driver: Driver, tmp_path: Path, tally: Tally, before: Files, after: Files
) -> None:
    folder, log = tmp_path / "disk", tmp_path / "log"
    folder.mkdir()
    run = place(folder, before)
    assert export(driver, folder, faults=faults(folder, None, log)).wait() == 0
    for fault in chosen(len(log.read_text().splitlines())):
        place(folder, before)
        command = export(driver, folder, faults=faults(folder, fault, tmp_path / "other"))
        if command.wait() == 0:
            assert files(run) == after  # what failed was only to tidy up
        elif fault[0] == "KILL":
            assert command.code == -9
            tally.add("export", where(files(run), before, strays(run)))
        else:
            assert_one_sentence(command.code, command.err)
        assert_old_or_new(run, before, after)
        assert_exported(driver, folder, after)


def test_a_full_disk(driver: Driver, tmp_path: Path, before: Files, after: Files) -> None:
    folder, log = tmp_path / "disk", tmp_path / "log"
    with disk(folder, LARGE):
        place(folder, before)
        assert export(driver, folder, faults=faults(folder, None, log)).wait() == 0
    for pages in too_small(log):
        with disk(folder, LARGE):
            run = place(folder, before)
            enlarge(folder, pages)
            command = export(driver, folder)
            command.wait()
            assert_one_sentence(command.code, command.err)
            assert re.search("can't write .*: No space left", command.err)
            assert files(run) == before
            enlarge(folder, LARGE)
            assert_exported(driver, folder, after)
