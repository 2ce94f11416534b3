"""`digits watch`, mostly with a fake clock, and the pictures that `--keep` keeps."""

import csv
import os
import threading
from pathlib import Path

import pytest
from PIL import Image

from digits import Classifier
from digits.errors import ModelError
from digits.images import picture
from digits.processes import StartFailed, WorkerDied
from digits.tables import csv_row
from digits.text import to_json
from digits.watch import folder as watched_folder
from digits.watch import watcher
from digits.watch.folder import FileStamp
from digits.watch.job import PictureResult
from digits.watch.watcher import FolderWatcher
from tests.conftest import Capsys, Patch, Run
from tests.runtime.commands.test_results import write_half
from tests.runtime.watch.conftest import Bench


def test_stable_picture_is_read_once(
    bench: Bench, pictures: list[Path], classifier: Classifier, capsys: Capsys
) -> None:
    bench.add(pictures[7])
    bench.advance(0, 0.5)
    assert not bench.results.read_bytes()  # it may still be written
    bench.advance(0.5)
    assert len(bench.rows) == 1
    bench.restart()
    bench.advance(0, 2, 2)
    assert bench.rows == [(pictures[7].name, "7")]
    printed = classifier.predict(pictures[7]).to_dict(pictures[7].name)
    assert capsys.readouterr().out == f"{to_json(printed)}\n"


def test_partial_picture_is_read_when_complete(bench: Bench, pictures: list[Path]) -> None:
    arriving = bench.inbox / "six.png"
    arriving.write_bytes(pictures[6].read_bytes()[:100])
    bench.advance(0, 5)  # the sender pauses
    arriving.write_bytes(pictures[6].read_bytes())
    bench.advance(0, 2, 60)
    assert bench.rows == [("six.png", "6")]


@pytest.mark.parametrize("name", ["a.bmp", "a.tif", "a.ppm"])
def test_picture_whose_end_may_not_be_written_yet_waits(
    bench: Bench, pictures: list[Path], name: str
) -> None:
    """As of a copy whose size was set first, or that has a black corner."""
    half = bench.inbox / name
    Image.open(pictures[1]).convert("L").resize((200, 200)).save(half)
    whole = half.read_bytes()
    half.write_bytes(whole[:20_000] + bytes(len(whole) - 20_000))
    bench.advance(0, 50)
    assert not bench.results.read_bytes()
    half.write_bytes(whole)
    bench.advance(0, 2)
    assert bench.rows == [(name, "1")]


@pytest.mark.linux
def test_damaged_picture_gets_one_row(bench: Bench, pictures: list[Path], capsys: Capsys) -> None:
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
    bench: Bench, pictures: list[Path], monkeypatch: Patch, capsys: Capsys, trouble: str
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
    capsys: Capsys,
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


def test_failing_model_ends_it_and_none_counts_as_read(bench: Bench, pictures: list[Path]) -> None:
    bench.failures[bench.add(pictures[1]).name] = ModelError("no probabilities")
    with pytest.raises(ModelError, match="no probabilities"):
        bench.advance(0, 2)
    assert not bench.results.read_bytes()


def test_stop_leaves_a_slow_picture_for_the_next_start(
    bench: Bench, pictures: list[Path], monkeypatch: Patch
) -> None:
    monkeypatch.setattr(watcher, "SHUTDOWN_SECONDS", 0.1)
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


def write_tiff(bench: Bench, pictures: list[Path], name: str) -> None:
    first, *others = (Image.fromarray(picture.load(pictures[n]).pixels) for n in (7, 6, 5))
    first.save(bench.inbox / name, save_all=True, append_images=others)


def test_document_gets_a_row_for_each_page(bench: Bench, pictures: list[Path]) -> None:
    write_tiff(bench, pictures, "scan.tif")
    bench.advance(0, 2)
    rows = [("scan.tif#1", "7"), ("scan.tif#2", "6"), ("scan.tif#3", "5")]
    assert bench.rows == rows
    bench.restart()
    bench.advance(0, 2, 2)
    assert bench.rows == rows
    bench.failures["late.tif#2"] = WorkerDied(-9)
    write_tiff(bench, pictures, "late.tif")
    bench.advance(0, 2, 70)
    assert bench.rows[3:] == [("late.tif#1", "7"), ("late.tif#2", ""), ("late.tif#3", "5")]


class Keeper(Bench):
    """A watched folder whose pictures are all doubtful; 1000 bytes of them are kept."""

    def __init__(self, folder: Path) -> None:
        self.copies = folder / "keep"
        super().__init__(folder)
        self.read_really = self.work
        self.work = lambda file: PictureResult(
            csv_row([*file.cells, *[""] * 18]), "", is_doubtful=True
        )

    def watch(self, keep: Path | None = None) -> FolderWatcher:
        return super().watch(self.copies)

    def show(self, name: str, content: bytes = bytes(400), modified: int = 10**18) -> None:
        """Have a picture arrive."""
        (self.inbox / name).parent.mkdir(exist_ok=True)
        (self.inbox / name).write_bytes(content)
        os.utime(self.inbox / name, ns=(modified, modified))
        self.advance(0, 2)

    @property
    def names(self) -> list[str]:
        """Of the copies."""
        return sorted(os.path.relpath(path, self.copies) for path in self.copies.rglob("*.png"))

    @property
    def kept_rows(self) -> list[str]:
        """The names in their rows."""
        with (self.copies / "review.csv").open() as file:
            return [row["file"] for row in csv.DictReader(file)]


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: Patch) -> Keeper:
    monkeypatch.setattr(watched_folder, "MAX_KEPT_BYTES", 1000)
    return Keeper(tmp_path)


def test_full_folder_gets_no_more(keeper: Keeper, capsys: Capsys) -> None:
    (keeper.copies / "mine.png").write_bytes(bytes(200))
    for name in ("b,1.png", "deep/c.png", "d.png"):
        keeper.show(name)
    assert keeper.names == ["b,1.png", "deep/c.png", "mine.png"]
    assert keeper.kept_rows == ["b,1.png", "deep/c.png"]
    assert "0 MB are full; delete what you have reviewed" in capsys.readouterr().err
    (keeper.copies / "mine.png").unlink()
    keeper.show("small.png", bytes(200))
    assert keeper.names[2:] == ["small.png"] and capsys.readouterr().err == "recovered\n"


@pytest.mark.unix
def test_only_the_picture_that_was_read_is_kept(keeper: Keeper, tmp_path: Path) -> None:
    """A link may be swapped in that leads to a file of the same time and size."""
    read, picture = keeper.work, keeper.inbox / "a.png"

    def swap_then_return(stamp: FileStamp) -> PictureResult | None:
        picture.rename(tmp_path / "private.png")
        picture.symlink_to(tmp_path / "private.png")
        return read(stamp)

    keeper.work = swap_then_return
    keeper.show("a.png")
    assert len(keeper.rows) == 1 and not keeper.names


def test_doubtful_pictures_are_kept(keeper: Keeper, pictures: list[Path]) -> None:
    keeper.work = keeper.read_really
    keeper.add(pictures[7])
    (keeper.inbox / "bad.png").write_bytes(b"\x89PNG")
    Image.new("L", (99, 99), 200).save(keeper.inbox / "blank.png")
    keeper.advance(0, 2, 61)
    assert len(keeper.rows) == 3 and keeper.names == keeper.kept_rows == ["blank.png"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--keep deep/../../inbox", "--keep must be outside of the folder that is read"),
        ("--recursive --keep deep/er", "--keep must be outside of the folder that is read"),
        ("--keep a", "write a/review.csv: "),
    ],
)
def test_bad_folder(run: Run, bench: Bench, monkeypatch: Patch, options: str, message: str) -> None:
    (bench.inbox / "deep").mkdir()
    (bench.inbox / "a").touch()
    monkeypatch.chdir(bench.inbox)
    code, out, err = run("watch", bench.inbox, "../new.csv", *options.split())
    assert code == (1 if message.startswith("write") else 2) and message in err and not out
    assert not (bench.inbox.parent / "new.csv").exists()
