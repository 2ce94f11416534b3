"""`digits watch`, mostly with a fake clock."""

import os
import threading
from pathlib import Path

import pytest

from digits import Classifier
from digits.errors import DigitsError, ModelError
from digits.processes import StartFailed, WorkerDied
from digits.watch import watcher
from digits.watch.folder import FileStamp
from digits.watch.readers import Reader
from digits.watch.watcher import FolderWatcher
from tests.runtime.commands.test_results import write_half
from tests.runtime.watch.conftest import Bench


def test_stable_picture_is_read_once(
    bench: Bench,
    pictures: list[Path],
    classifier: Classifier,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bench.add(pictures[7])
    bench.advance(0, 0.5)
    assert not bench.results.read_bytes()  # it may still be written
    bench.advance(0.5)
    assert len(bench.rows) == 1
    bench.restart()
    bench.advance(0, 2, 2)
    assert bench.rows == [(pictures[7].name, "7")]
    printed = f"{pictures[7].name}  {classifier.predict(pictures[7]).to_text()}\n"
    assert capsys.readouterr().out == printed


def test_partial_picture_is_read_when_complete(bench: Bench, pictures: list[Path]) -> None:
    arriving = bench.inbox / "six.png"
    arriving.write_bytes(pictures[6].read_bytes()[:100])
    bench.advance(0, 5)  # the sender pauses
    arriving.write_bytes(pictures[6].read_bytes())
    bench.advance(0, 2, 60)
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


@pytest.mark.unix
def test_hidden_files_links_and_pipes_are_ignored(bench: Bench, pictures: list[Path]) -> None:
    """Who may write into the folder may not be allowed to read what a link leads to."""
    for folder in (".hidden", "deeper", "folder.png"):
        (bench.inbox / folder).mkdir()
    for name in (".one.png", ".hidden/one.png", "deeper/two.png"):
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
    (bench.inbox / "deeper").mkdir()
    bench.add(pictures[2], "deeper/one.png")
    bench.advance(0)
    (bench.inbox / link).rename(tmp_path / "private")
    (bench.inbox / link).symlink_to(tmp_path / "private")
    bench.advance(2, 2, 100)
    assert not any(digit for _, digit in bench.rows)


@pytest.mark.parametrize("trouble", ["folder", "disk", "process"])
def test_trouble_is_reported_once_and_waited_for(
    bench: Bench,
    pictures: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    trouble: str,
) -> None:
    gone = bench.inbox.with_name("gone")
    bench.add(pictures[1])
    bench.advance(0)
    with monkeypatch.context() as patch:
        match trouble:
            case "folder":
                bench.inbox.rename(gone)
                message = f"can't open {bench.inbox}: No such file or directory"
            case "disk":
                patch.setattr(os, "write", write_half)
                message = f"can't write {bench.results}: No space left on device"
            case "process":
                bench.failures[pictures[1].name] = WorkerDied(-9)
                bench.start_failure = StartFailed("can't start another process")
                message = "can't start another process"
        bench.advance(2, 2, 61)
        assert not bench.results.read_bytes()
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
    rows = [("bad.png", ""), (pictures[5].name, "5")]
    assert bench.rows == rows[attempts - 1 :]
    bench.advance(60)
    assert sorted(bench.rows) == sorted(rows)
    assert capsys.readouterr().err == f"error: {message}\n"


def test_failing_model_ends_it_and_no_picture_counts_as_read(
    bench: Bench, pictures: list[Path]
) -> None:
    bench.failures[bench.add(pictures[1]).name] = ModelError("no probabilities")
    with pytest.raises(ModelError, match="no probabilities"):
        bench.advance(0, 2)
    assert not bench.results.read_bytes()


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DigitsError, match="missing is not a folder"):
        FolderWatcher(Reader(str(tmp_path / "missing"), tmp_path / "new.csv"), True)
    assert not (tmp_path / "new.csv").exists()


def test_stop_leaves_a_slow_picture_for_the_next_start(
    bench: Bench, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "SHUTDOWN", 0.1)
    work, is_over = bench.work, threading.Event()

    def stop_and_wait(_: FileStamp) -> None:
        bench.watcher.stop()
        is_over.wait(60)

    bench.work = stop_and_wait
    bench.add(pictures[1])
    bench.advance(0, 2)
    is_over.set()
    assert not bench.results.read_bytes()
    bench.work = work
    bench.restart()
    bench.advance(0, 2)
    assert bench.rows == [(pictures[1].name, "1")]
