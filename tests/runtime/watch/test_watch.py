"""`digits watch`, mostly with a fake clock."""

import errno
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from digits import Classifier
from digits.errors import DigitsError, ModelError
from digits.processes import StartFailed, Worker, WorkerDied
from digits.watch import watcher
from digits.watch.folder import FileStamp
from digits.watch.readers import Reader
from digits.watch.watcher import FolderWatcher
from tests.runtime.commands.test_results import write_half
from tests.runtime.watch.conftest import Bench


def test_stable_picture_is_read_once(
    bench: Bench, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    bench.add(pictures[7])
    bench.advance(0, 0.5)
    assert not bench.results.read_bytes()  # it may still be written
    bench.advance(0.5)
    assert len(bench.rows) == 1
    bench.advance(2)
    bench.restart()
    bench.add(pictures[5])
    bench.advance(0, 2, 2)
    assert bench.rows == [(pictures[7].name, "7"), (pictures[5].name, "5")]
    printed = [
        f"{path.name}  {Classifier().predict(path).to_text()}"
        for path in (pictures[7], pictures[5])
    ]
    assert capsys.readouterr().out.splitlines() == printed


def test_partial_picture_is_read_when_complete(bench: Bench, pictures: list[Path]) -> None:
    whole = pictures[6].read_bytes()
    arriving = bench.inbox / "six.png"
    for size in (100, 150, 200):
        arriving.write_bytes(whole[:size])
        bench.advance(0.5, 0.5)
    bench.advance(5)  # the sender pauses
    arriving.write_bytes(whole)
    bench.advance(0, 2)
    assert bench.rows == [("six.png", "6")]


@pytest.mark.linux
def test_damaged_picture_of_any_name_gets_one_row(
    bench: Bench, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    name = os.fsdecode(b'=a,"b"\n\x1b\xff.png')
    bench.add(pictures[6], name).write_bytes(b"\x89PNG")
    bench.add(pictures[7])
    bench.advance(0, 2, 55)
    assert bench.rows == [(pictures[7].name, "7")]
    bench.advance(6, 60)
    bench.restart()
    bench.advance(0, 2, 60)
    [line] = bench.results.read_text().splitlines()[2:]
    assert ",unreadable," in line
    assert capsys.readouterr().err.count("error: ") == 1


def test_replaced_picture_of_the_same_name_is_read(bench: Bench, pictures: list[Path]) -> None:
    for number in (2, 4, 4):
        os.utime(bench.add(pictures[number], "now.png"), ns=(0, number))  # a clock from 1970
        bench.advance(0, 2)
    assert [digit for _, digit in bench.rows] == ["2", "4"]


@pytest.mark.unix
def test_hidden_files_links_and_pipes_are_ignored(bench: Bench, pictures: list[Path]) -> None:
    """Who may write into the folder may not be allowed to read what a link leads to."""
    for folder in (".hidden", "deeper", "folder.png"):
        (bench.inbox / folder).mkdir()
    for name in (".one.png", "one.txt", ".hidden/one.png", "deeper/two.png"):
        bench.add(pictures[2], name)
    os.mkfifo(bench.inbox / "pipe.png")
    (bench.inbox / "link.png").symlink_to(pictures[2])
    (bench.inbox / "folder").symlink_to(bench.inbox / "deeper")
    bench.advance(0, 2, 100)
    assert bench.rows == [("deeper/two.png", "2")]


@pytest.mark.unix
@pytest.mark.parametrize("link", ["deeper/one.png", "deeper"])
def test_link_in_place_of_a_picture_is_not_followed(
    bench: Bench, tmp_path: Path, pictures: list[Path], link: str
) -> None:
    """It takes the picture's place between a scan and the reading, and has its time and size."""
    secret = tmp_path / "private" / "one.png"
    for folder in (bench.inbox / "deeper", secret.parent):
        folder.mkdir()
        os.utime(shutil.copy(pictures[2], folder / "one.png"), (1, 1))
    bench.advance(0)
    bench.inbox.joinpath(link).rename(tmp_path / "moved")
    (bench.inbox / link).symlink_to(secret if link.endswith("png") else secret.parent)
    bench.advance(2, 2, 100)
    assert not any(digit for _, digit in bench.rows)


def no(*_: object) -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@pytest.mark.parametrize("trouble", ["folder", "subfolder", "disk", "process"])
def test_trouble_is_reported_once_and_waited_for(
    bench: Bench,
    pictures: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    trouble: str,
) -> None:
    """A folder may be unmounted, a disk full, and other programs may use up the processes."""
    gone, scandir = bench.inbox.with_name("gone"), os.scandir
    bench.add(pictures[1])
    bench.advance(0)
    with monkeypatch.context() as patch:
        match trouble:
            case "folder":
                bench.inbox.rename(gone)
                message = f"can't open {bench.inbox}: No such file or directory"
            case "subfolder":
                (bench.inbox / "lost+found").mkdir()
                patch.setattr(os, "scandir", lambda path: (no if "lost" in path else scandir)(path))
                message = f"can't open {bench.inbox / 'lost+found'}: Permission denied"
            case "disk":
                patch.setattr(os, "write", write_half)
                message = f"can't write {bench.results}: No space left on device"
            case "process":
                bench.failures[pictures[1].name] = WorkerDied(-9)
                bench.start_failure = StartFailed("can't start another process")
                message = "can't start another process"
        bench.advance(2, 2, 61)
        assert len(bench.results.read_bytes()) == 0 or trouble == "subfolder"
    if trouble == "folder":
        gone.rename(bench.inbox)
    bench.failures, bench.start_failure = {}, None
    bench.advance(2, 2)
    assert bench.rows == [(pictures[1].name, "1")]
    expected = [f"error: {message}; trying again", "recovered"]
    assert capsys.readouterr().err.splitlines() == expected


@pytest.mark.parametrize(
    ("failure", "attempts", "message"),
    [
        (WorkerDied(-9), 2, "digits died while reading bad.png"),
        (TimeoutError(), 1, "bad.png takes longer than 60 seconds"),
    ],
)
def test_picture_that_costs_a_worker_is_given_up(
    bench: Bench,
    pictures: list[Path],
    capsys: pytest.CaptureFixture[str],
    failure: Exception,
    attempts: int,
    message: str,
) -> None:
    os.utime(bench.add(pictures[0], "bad.png"), (1, 1))  # the first to be read
    bench.failures["bad.png"] = failure
    bench.add(pictures[5])
    bench.advance(0, 2)
    expected = [("bad.png", ""), (pictures[5].name, "5")]
    assert bench.rows == expected[attempts - 1 :]
    bench.advance(60)
    assert sorted(bench.rows) == sorted(expected)
    assert capsys.readouterr().err == f"error: {message}\n"


@pytest.mark.parametrize("failure", ["it gives no probabilities", "stdout is closed"])
def test_what_no_other_picture_would_survive_ends_it(
    bench: Bench, pictures: list[Path], monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    bench.add(pictures[1])
    bench.advance(0)
    with monkeypatch.context() as patch:
        if failure == "stdout is closed":
            patch.setattr(sys, "stdout", None)
        else:
            bench.failures[pictures[1].name] = ModelError(failure)
        with pytest.raises(DigitsError, match=failure):
            bench.advance(2)
    bench.failures.clear()
    bench.restart()
    bench.advance(0, 2)
    assert bench.rows == [(pictures[1].name, "1")]


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DigitsError, match="missing is not a folder"):
        FolderWatcher(Reader(str(tmp_path / "missing"), tmp_path / "new.csv"), True)
    assert not (tmp_path / "new.csv").exists()


class SlowReader(NamedTuple):
    """Never reads a picture to the end."""

    begun: Path

    def start(self) -> Callable[[FileStamp], None]:
        return self.read

    def read(self, picture: FileStamp) -> None:
        self.begun.touch()
        time.sleep(3600)


def test_stop_leaves_a_slow_picture_without_a_row(
    tmp_path: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("STABLE", 0), ("POLL", 0.01), ("SHUTDOWN", 0.1)):
        monkeypatch.setattr(watcher, name, seconds)
    slow, results = SlowReader(tmp_path / "begun"), tmp_path / "results.csv"
    (tmp_path / "inbox").mkdir()
    shutil.copy(pictures[1], tmp_path / "inbox")
    reader = Reader(str(tmp_path / "inbox"), results)
    watching = FolderWatcher(reader, False, start_worker=lambda: Worker(slow.start))
    running = threading.Thread(target=watching.run)
    running.start()
    while not slow.begun.exists():
        time.sleep(0.01)
    watching.stop()
    running.join(30)
    assert not running.is_alive() and not results.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["begun", "inbox", "results.csv"]
