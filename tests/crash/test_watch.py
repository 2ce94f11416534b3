"""An interrupted `digits watch` ends up with one row for each image."""

import csv
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.crash.invariants import assert_rows
from tests.crash.running import (
    Command,
    Driver,
    faults,
    kill_times,
    select_faults,
)


class Watch:
    """A folder of images and the watcher that reads them."""

    def __init__(self, driver: Driver, folder: Path, results: Path, pictures: list[Path]) -> None:
        self.driver, self.folder, self.results = driver, folder, results
        self._pictures = sorted(pictures, key=lambda path: path.stat().st_size)[:3]
        self.count = 0
        (folder / "inbox").mkdir()

    def add_pictures(self, count: int) -> None:
        """Move new images into the folder."""
        for number in range(self.count, self.count + count):
            picture = self._pictures[number % 3]
            shutil.copy(picture, self.folder / "arriving")
            (self.folder / "arriving").rename(
                self.folder / "inbox" / f"{number:04}{picture.suffix}"
            )
        self.count += count

    @contextmanager
    def running(
        self, faults: dict[str, Any] | None = None
    ) -> Iterator[tuple[Command, IO[str], IO[bytes]]]:
        """Run the watcher; yields it, its stdout and its stderr."""
        (out, its_out), (err, its_err) = os.pipe(), os.pipe()
        with (
            open(out) as answers,
            open(err, "rb", buffering=0) as said,  # unbuffered, for select
            open(its_out, "w") as at_out,
            open(its_err, "w") as at_err,
        ):
            command = self.driver.start(
                *(self.folder, "watch", "inbox", self.results),
                out=at_out,
                err=at_err,
                faults=faults,
            )
            at_out.close()
            at_err.close()
            try:
                yield command, answers, said
            finally:
                if command.code is None:
                    command.kill()

    def finish(self) -> None:
        """Watch until each image has a row; check that each has exactly one."""
        with self.running() as (command, answers, said):
            begun = said.readline()
            assert begun.startswith(b"watching inbox; "), begun + said.read()
            for _ in range(self.count - int(begun.split()[2])):
                assert answers.readline()
            command.kill(signal.SIGTERM)
            assert (command.code, answers.read(), said.read()) == (0, "", b"")
        assert_rows(self.results.read_text())
        assert sorted(self.names()) == sorted(path.name for path in self.inbox.iterdir())

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    def names(self) -> list[str]:
        """Return the file names in all complete rows."""
        lines = [line for line in self._text().splitlines(keepends=True) if line.endswith("\n")]
        return [row["file"] for row in csv.DictReader(lines)]

    def _text(self) -> str:
        return self.results.read_text() if self.results.exists() else ""


@pytest.fixture
def watch(driver: Driver, tmp_path: Path, pictures: list[Path]) -> Watch:
    return Watch(driver, tmp_path, tmp_path / "results.csv", pictures)


def test_watch_again_after_sigkill(watch: Watch) -> None:
    watch.add_pictures(20)
    began = time.monotonic()
    watch.finish()
    span = time.monotonic() - began
    for moment in kill_times(span):
        watch.add_pictures(20)
        with watch.running() as (command, _, _):
            assert command.wait(moment) is None
            command.kill()
        names = watch.names()
        assert len(names) == len(set(names))
    watch.finish()


def test_watch_survives_write_error(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    watch.results, log = tmp_path / "disk" / "results.csv", tmp_path / "log"
    watch.add_pictures(20)
    with watch.running(faults=faults(tmp_path / "disk", None, log)) as (_, answers, _):
        for _ in range(20):
            assert answers.readline()
    calls = len(log.read_text().splitlines())
    assert calls > 20
    for fault in select_faults(calls):
        watch.results.unlink()
        faulty = faults(tmp_path / "disk", fault, tmp_path / "other")
        with watch.running(faults=faulty) as (command, answers, said):
            if fault[0] == "KILL":
                assert command.wait() == -9
            else:
                assert_keeps_watching(watch, command, answers, said, once=fault[0] == "EIO")
        names = watch.names()
        assert len(names) == len(set(names))
        watch.finish()


def assert_keeps_watching(
    watch: Watch, command: Command, answers: IO[str], said: IO[bytes], once: bool
) -> None:
    """Check that it reports the error and retries, or exits with 1 if it couldn't start."""
    first = said.readline()
    if first.startswith(b"error: "):
        assert (command.wait(), said.read()) == (1, b"")
        return
    assert first.startswith(b"watching inbox; ")
    if once:
        for _ in range(watch.count - int(first.split()[2])):
            assert answers.readline()
    else:
        while not select.select([said], [], [], 0.1)[0]:
            watch.add_pictures(1)  # it notices only when it writes a row
        assert said.readline().endswith(b"; trying again\n")
    command.kill(signal.SIGTERM)
    assert command.code == 0
    assert b"Traceback" not in said.read()
