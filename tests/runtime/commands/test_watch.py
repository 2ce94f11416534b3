"""`--watch`, with a fake clock."""

import csv
import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from digits import Reader
from digits.commands import watcher
from digits.commands.modes import Mode, ReadDigit, ReadForm, ReadNumbers
from digits.commands.output import Result, ResultFormatter, ResultWriter
from digits.commands.results import ResultsFile
from digits.commands.runner import start_reading
from digits.commands.watcher import FolderWatcher
from digits.data.split import Split
from digits.errors import ModelError
from digits.formats import IDENTITY, Csv, Json
from digits.forms.form import Field, Form
from digits.images import picture
from digits.processes import StartFailed, Worker, WorkerDied
from digits.terminal import ErrorReporter
from digits.text import to_json
from tests.conftest import Capsys, Patch, Run
from tests.in_process import InProcess
from tests.runtime.commands.test_results import write_half
from tests.synthetic import Sheet, chosen


class Bench:
    """A watched folder, and a watcher that reads in this process when the clock is advanced."""

    def __init__(self, folder: Path, mode: Mode) -> None:
        self.inbox, self.results = folder / "inbox", folder / "results.csv"
        self.inbox.mkdir()
        self.now = 1000.0
        self.failures: dict[str, Exception] = {}  # by file name
        self.start_failure: Exception | None = None
        self.formatter = ResultFormatter(mode, Csv(), Json(), show_name=True)
        self.work = start_reading(self.formatter, folder=str(self.inbox))
        self.watch()

    def watch(self) -> None:
        mode, inbox = self.formatter.mode, str(self.inbox)
        columns = *IDENTITY, *mode.columns[1:]
        self.file = ResultsFile(self.results, columns, Csv(), len(IDENTITY))
        self.watcher = FolderWatcher(
            inbox,
            True,
            lambda: self.work,
            self.formatter.format_death,
            ResultWriter(self.file, None, ErrorReporter()),
            start_worker=self.start_worker,
            clock=lambda: self.now,
        )

    def restart(self) -> None:
        self.watcher.stop()
        self.watcher.run()
        self.file.close()
        self.watch()

    def start_worker(self) -> Worker[Sequence[str], list[Result]]:
        if self.start_failure:
            raise self.start_failure
        return InProcess(self.read)

    def read(self, files: Sequence[str]) -> list[Result]:
        name = os.path.basename(files[0])
        if name in self.failures:
            raise self.failures[name]
        return self.work(files)

    def add(self, picture: Path, name: str = "") -> Path:
        return Path(shutil.copy(picture, self.inbox / (name or picture.name)))

    def advance(self, *waits: float) -> None:
        """After each of these seconds, scan once and read what is ready."""
        for seconds in waits:
            self.now += max(seconds, watcher.POLL_SECONDS)
            self.watcher.poll()

    def cells(self, *columns: str) -> list[tuple[str, ...]]:
        """The name in the folder, and some cells, of each row."""
        with self.results.open() as file:
            return [
                (os.path.relpath(row["file"], self.inbox), *(row[name] for name in columns))
                for row in csv.DictReader(file)
            ]

    @property
    def rows(self) -> list[tuple[str, ...]]:
        return self.cells("digit")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, ReadDigit())


def test_stable_picture_is_read_once(
    bench: Bench, pictures: list[Path], reader: Reader, capsys: Capsys
) -> None:
    bench.add(pictures[7])
    bench.advance(0, 0.5)
    assert not bench.results.read_bytes()  # it may still be written
    bench.advance(0.5)
    assert len(bench.rows) == 1
    bench.restart()
    bench.advance(0, 2, 2)
    assert bench.rows == [(pictures[7].name, "7")]
    printed = reader.predict(pictures[7]).to_dict(str(bench.inbox / pictures[7].name))
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
    assert ",none,unreadable," in line
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
    ("failure", "attempts"),
    [
        (WorkerDied(-9), 2),
        (TimeoutError(), 1),
    ],
)
def test_picture_that_costs_a_worker_is_given_up(
    bench: Bench,
    pictures: list[Path],
    capsys: Capsys,
    failure: Exception,
    attempts: int,
) -> None:
    os.utime(bench.add(pictures[0], "bad.png"), (1, 1))  # the first to be read
    bench.failures["bad.png"] = failure
    bench.add(pictures[5])
    bench.advance(0, 2)
    rows = [("bad.png", ""), (pictures[5].name, "5")]
    assert bench.rows == rows[attempts - 1 :]
    bench.advance(60)
    assert sorted(bench.rows) == sorted(rows)
    assert "bad.png: the process that read it died" in capsys.readouterr().err


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

    def stop_and_wait(_: Sequence[str]) -> list[Result]:
        bench.watcher.stop()
        is_over.wait(60)
        return []

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


def write_page(bench: Bench, split: Split, name: str, *numbers: str) -> None:
    """Have a picture of numbers arrive, and read it."""
    sheet = Sheet(60 + 100 * len(numbers), 360)
    for line, number in enumerate(numbers):
        sheet.write(chosen(split, number, start=2), 40, 40 + 100 * line, size=48, gap=9)
    Image.fromarray(sheet.photograph()).save(bench.inbox / name)
    bench.advance(0, 2)


def test_each_number_has_a_row(tmp_path: Path, test_slice: Split) -> None:
    bench = Bench(tmp_path, ReadNumbers(max_errors=0.3))
    write_page(bench, test_slice, "two.png", "271", "459")
    write_page(bench, test_slice, "none.png")
    bench.restart()
    (bench.inbox / "bad.png").write_bytes(b"\x89PNG")
    bench.advance(0, 2, 61)
    write_page(bench, test_slice, "one.png", "28")
    assert bench.cells("text", "status", "reason") == [
        ("two.png", "271", "accepted", ""),
        ("two.png", "459", "accepted", ""),
        ("none.png", "", "none", "blank"),
        ("bad.png", "", "none", "unreadable"),
        ("one.png", "28", "accepted", ""),
    ]


def test_each_sheet_has_a_row(tmp_path: Path, test_slice: Split) -> None:
    fields = Field("Größe", (20, 20, 340, 110)), Field("2", (20, 130, 340, 220), is_optional=True)
    form = Form((360, 260), fields, "fixed")
    bench = Bench(tmp_path, ReadForm(form=form, max_errors=0.3))
    write_page(bench, test_slice, "complete.png", "28", "")
    (bench.inbox / "bad.png").write_bytes(b"\x89PNG")
    bench.advance(0, 2, 61)
    assert bench.cells("Größe", "2") == [("complete.png", "28", ""), ("bad.png", "", "")]


def test_run_without_watching_goes_on_with_the_table(
    bench: Bench, run: Run, pictures: list[Path]
) -> None:
    bench.add(pictures[7])
    bench.advance(0, 2)
    bench.file.close()
    bench.add(pictures[3])
    code, _, err = run("predict", bench.inbox, "-o", bench.results)
    assert code == 0 and "skipping 1 of 2 pictures" in err
    assert bench.rows == [(pictures[7].name, "7"), (pictures[3].name, "3")]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("missing --watch", 1, "missing is not a folder"),
        (". deeper --watch", 2, "--watch takes one folder"),
        (". --watch --annotate drawn", 2, "draws nothing"),
    ],
)
def test_what_can_not_be_watched(
    run: Run, tmp_path: Path, monkeypatch: Patch, arguments: str, code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = run("read", *arguments.split(), "-o", "new.csv")
    assert answer[0] == code and message in answer[2] and not list(tmp_path.iterdir())
