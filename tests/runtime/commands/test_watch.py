"""`digits watch` and its log; the clock of the test is turned by hand."""

import csv
import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from digits.commands import folder_reader, folder_scan, watch
from digits.commands.csv_log import CsvLog
from digits.commands.folder_reader import Reader, ReaderWorker, ReadRequest, Row
from digits.commands.watch import FolderWatcher
from digits.errors import DigitsError, ModelError
from digits.processes import StopEvent, Worker, WorkerDied
from tests.in_process import InProcess


class Clock:
    """time.monotonic for digits.commands."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Bench:
    """A watched folder, and a watcher that looks when it is told to."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.inbox, self.results, self._clock = folder / "inbox", folder / "results.csv", clock
        self.inbox.mkdir()
        self.told: list[str] = []
        self.stop = StopEvent()
        self.start()

    def start(self, start_worker: Callable[[], ReaderWorker] | None = None) -> None:
        """As after a restart."""
        self.stop_writing()
        reader = Reader(str(self.inbox))
        start_worker = start_worker or (lambda: InProcess(reader.start()))
        self.watcher = FolderWatcher(reader, start_worker, self.results, True, self.told.append)

    def look(self, *waits: float) -> None:
        for seconds in waits:
            self._clock.now += seconds
            self.watcher._scanner._next = 0.0
            self.watcher.poll(self.stop)
            while (
                self.watcher._scanner.scanning or self.watcher._ready or self.watcher._pool.reading
            ):
                self.watcher.poll(self.stop)
            self.watcher.poll(self.stop)

    @property
    def rows(self) -> list[tuple[str, str]]:
        with self.results.open() as file:
            return [(row["file"], row["digit"]) for row in csv.DictReader(file)]

    def stop_writing(self) -> None:
        if hasattr(self, "watcher"):
            os.close(self.watcher._log._file)
            del self.watcher


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    clock = Clock()
    for module in (watch, folder_reader):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(watch, "_POLL_SECONDS", 0.02)
    yield Bench(tmp_path, clock)


def test_a_picture_is_read_once(bench: Bench, pictures: list[Path]) -> None:
    shutil.copy(pictures[7], bench.inbox)
    bench.look(0)
    assert bench.told == []  # it may still be written
    bench.look(2, 2, 2)
    assert bench.rows == [(pictures[7].name, "7")]
    assert bench.told == [f"{pictures[7].name}  7  (100.0 %)"]


def test_nothing_twice_after_a_restart(bench: Bench, pictures: list[Path]) -> None:
    for picture in pictures[:2]:
        shutil.copy(picture, bench.inbox)
    bench.look(0, 2)
    bench.start()
    shutil.copy(pictures[5], bench.inbox)
    bench.look(0, 2, 2)
    assert [digit for _, digit in bench.rows] == ["0", "1", "5"]


def test_half_a_picture_waits_for_the_other_half(bench: Bench, pictures: list[Path]) -> None:
    whole = pictures[6].read_bytes()
    arriving = bench.inbox / pictures[6].name
    for size in (100, 150, 200):
        arriving.write_bytes(whole[:size])
        bench.look(0.5, 0.5)
    bench.look(5)  # the sender pauses
    arriving.write_bytes(whole)
    bench.look(0, 2)
    assert bench.rows == [(arriving.name, "6")]


def test_a_damaged_picture_costs_one_row(
    bench: Bench, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (bench.inbox / "bad.png").write_bytes(pictures[6].read_bytes()[:99])
    shutil.copy(pictures[7], bench.inbox)
    bench.look(0, 2)
    assert bench.rows == [(pictures[7].name, "7")]
    bench.look(58, 60, 60)
    assert bench.rows[1:] == [("bad.png", "")]
    assert "bad.png" in capsys.readouterr().err
    bench.start()
    bench.look(0, 100)
    assert len(bench.rows) == 2


def test_another_picture_of_the_same_name_is_read(bench: Bench, pictures: list[Path]) -> None:
    for picture in (pictures[2], pictures[4], pictures[4]):
        shutil.copy(picture, bench.inbox / "now.png")
        os.utime(bench.inbox / "now.png", ns=(0, int(picture.stem)))  # a clock that stood in 1970
        bench.look(0, 2)
    assert [digit for _, digit in bench.rows] == ["2", "4"]


def test_what_vanishes_is_forgotten(bench: Bench, pictures: list[Path]) -> None:
    shutil.copy(pictures[1], bench.inbox)
    bench.look(0)
    (bench.inbox / pictures[1].name).unlink()
    bench.look(2)
    assert not bench.results.read_bytes()
    assert not bench.watcher._waiting


def test_a_folder_that_comes_back(
    bench: Bench, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(pictures[1], bench.inbox)
    bench.look(0, 2)
    bench.inbox.rename(bench.inbox.with_name("gone"))
    bench.look(0, 2)
    bench.inbox.with_name("gone").rename(bench.inbox)
    bench.look(0, 2)
    assert len(bench.rows) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert "No such file or directory; trying again" in told[0]


def test_hidden_files_pipes_and_other_files_are_left_alone(
    bench: Bench, pictures: list[Path]
) -> None:
    shutil.copy(pictures[1], bench.inbox / ".one.png")
    shutil.copy(pictures[1], bench.inbox / "one.txt")
    os.mkfifo(bench.inbox / "pipe.png")
    (bench.inbox / "link.png").symlink_to("nowhere")
    (bench.inbox / "deeper").mkdir()
    shutil.copy(pictures[2], bench.inbox / "deeper" / "two.png")
    bench.look(0, 2, 100)
    assert bench.rows == [("deeper/two.png", "2")]


@pytest.mark.parametrize("name", [b"\xff.png", b"two\nlines.png", b'a,"b".png'])
def test_any_name_is_known_again(bench: Bench, pictures: list[Path], name: bytes) -> None:
    shutil.copy(pictures[1], os.path.join(os.fsencode(bench.inbox), name))
    bench.look(0, 2)
    bench.start()
    bench.look(0, 2)
    assert len(bench.rows) == 1


def test_half_a_row_is_cut_off_and_written_again(bench: Bench, pictures: list[Path]) -> None:
    for picture in pictures[:3]:
        shutil.copy(picture, bench.inbox)
        bench.look(0, 2)
    raw = bench.results.read_bytes()
    bench.results.write_bytes(raw[:-30])
    bench.start()
    bench.look(0, 2)
    assert bench.results.read_bytes() == raw


def test_a_damaged_row_is_read_again(
    bench: Bench, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for picture in pictures[:3]:
        shutil.copy(picture, bench.inbox)
        bench.look(0, 2)
    lines = bench.results.read_bytes().splitlines(keepends=True)
    lines[2] = b'\0\xff"' * 20 + b"\n"
    bench.results.write_bytes(b"".join(lines))
    bench.start()
    bench.look(0, 2)
    assert b"".join(lines) in bench.results.read_bytes()
    assert len(bench.results.read_bytes().splitlines()) == 5
    assert "has a damaged line" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"file,digit\n", b"\x89PNG\r\n", b"a\nb\n"])
def test_what_isn_t_ours_is_not_touched(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.csv").write_bytes(content)
    with pytest.raises(DigitsError, match="unexpected CSV header"):
        reader = Reader(str(tmp_path))
        FolderWatcher(reader, lambda: InProcess(reader.start()), tmp_path / "r.csv", False, print)
    assert (tmp_path / "r.csv").read_bytes() == content


def test_half_a_header_is_what_a_full_disk_left(bench: Bench, pictures: list[Path]) -> None:
    bench.results.write_text("file,modif")
    bench.start()
    shutil.copy(pictures[1], bench.inbox)
    bench.look(0, 2)
    assert [digit for _, digit in bench.rows] == ["1"]


def test_another_file_in_the_results_place_is_not_written_to(
    bench: Bench, pictures: list[Path]
) -> None:
    shutil.copy(pictures[1], bench.inbox)
    bench.look(0, 2)
    foreign = bench.results.with_name("foreign")
    foreign.write_text("a,b\n1,2\nhalf")
    foreign.rename(bench.results)
    shutil.copy(pictures[2], bench.inbox)
    with pytest.raises(DigitsError, match="unexpected CSV header"):
        bench.look(0, 2)
    assert bench.results.read_text() == "a,b\n1,2\nhalf"


def test_a_row_that_was_cut_meanwhile_takes_no_other_with_it(
    bench: Bench, pictures: list[Path]
) -> None:
    for number in (1, 2):
        shutil.copy(pictures[number], bench.inbox)
        bench.look(0, 2)
        os.truncate(bench.results, bench.results.stat().st_size - (20 if number == 1 else 0))
    assert [digit for _, digit in bench.rows] == ["2"]


def test_a_folder_that_can_t_be_looked_into_costs_no_other_picture(
    bench: Bench,
    pictures: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (bench.inbox / "lost+found").mkdir()
    shutil.copy(pictures[1], bench.inbox)
    scandir = os.scandir

    def guarded(folder: str) -> object:
        if folder.endswith("lost+found"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", guarded)
    bench.look(0, 2, 2)
    assert [digit for _, digit in bench.rows] == ["1"]
    [told] = capsys.readouterr().err.splitlines()
    assert told == f"error: can't read {bench.inbox / 'lost+found'}: Permission denied"


def test_a_damaged_picture_with_an_odd_name_is_one_line(bench: Bench) -> None:
    (bench.inbox / "two\nlines\x1b.png").write_bytes(b"\x89PNG")
    bench.look(0, 2, 60)
    bench.start()
    bench.look(0, 2, 60)
    assert len(bench.rows) == 1
    assert bench.results.read_bytes().count(b"\n") == 2


def test_what_can_t_be_told_ends_it_with_the_row_written(
    bench: Bench, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise DigitsError("can't write the results: stdout is closed")

    monkeypatch.setattr(bench.watcher, "_on_result", closed)
    shutil.copy(pictures[1], bench.inbox)
    with pytest.raises(DigitsError, match="stdout is closed"):
        bench.look(0, 2)
    assert len(bench.rows) == 1


def test_results_that_are_moved_away_begin_anew(bench: Bench, pictures: list[Path]) -> None:
    for number in (0, 1):
        shutil.copy(pictures[number], bench.inbox)
        bench.look(0, 2)
        bench.results.rename(bench.results.with_name(f"{number}.csv"))
    shutil.copy(pictures[2], bench.inbox)
    bench.look(0, 2)
    assert [digit for _, digit in bench.rows] == ["2"]
    assert bench.results.with_name("1.csv").read_text().count("\n") == 2


def test_two_can_t_write_one_file(tmp_path: Path) -> None:
    first = CsvLog(tmp_path / "r.csv", ["file"])
    with pytest.raises(DigitsError, match="another process"):
        CsvLog(tmp_path / "r.csv", ["file"])
    os.close(first._file)


def limited(size: int) -> Callable[[], None]:
    """For preexec_fn: files can't grow over `size` bytes, as on a full disk."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    return limit


def watching(folder: Path, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "digits", "watch", "--json", "inbox", "results.csv"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,  # type: ignore[call-overload]
    )
    assert process.stderr.readline().startswith("watching inbox; ")
    return process  # type: ignore[no-any-return]


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code and what is left on stdout and stderr, after SIGTERM."""
    process.send_signal(signal.SIGTERM)
    # Not `communicate`, which leaves out what `readline` has fetched already.
    rest = process.stdout.read(), process.stderr.read()
    return process.wait(30), *rest


@pytest.mark.slow
def test_sigterm_ends_it_and_the_next_goes_on(tmp_path: Path, pictures: list[Path]) -> None:
    (tmp_path / "inbox").mkdir()
    for number in range(40):
        shutil.copy(pictures[number % 10], tmp_path / "inbox" / f"{number}.png")
    told: list[str] = []
    while len(told) < 40:
        process = watching(tmp_path)
        told += [process.stdout.readline() for _ in range(min(15, 40 - len(told)))]
        code, out, err = ended(process)
        told += out.splitlines()
        assert (code, err) == (0, "")
    rows = (tmp_path / "results.csv").read_text().splitlines()[1:]
    assert sorted(int(row.split(".")[0]) for row in rows) == list(range(40))


@pytest.mark.slow
def test_a_disk_that_was_full(tmp_path: Path, pictures: list[Path]) -> None:
    (tmp_path / "inbox").mkdir()
    for picture in pictures:
        shutil.copy(picture, tmp_path / "inbox")
    process = watching(tmp_path, preexec_fn=limited(700))
    assert "can't write results.csv: File too large; trying again" in process.stderr.readline()
    written = (tmp_path / "results.csv").read_bytes()
    assert written.endswith(b"\n")
    assert written.count(b"\n") < 5
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
    for _ in pictures:
        assert process.stdout.readline()
    assert ended(process)[2] == "it works again\n"
    rows = (tmp_path / "results.csv").read_text().splitlines()
    assert len(rows) == len(set(rows)) == 11


def test_picture_that_kills_a_worker_costs_only_itself(
    bench: Bench,
    pictures: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = [pictures[2].name, pictures[5].name]
    for name in ("deadly.png", *names):
        shutil.copy(
            pictures[0].with_name(names[0] if name == "deadly.png" else name), bench.inbox / name
        )
    os.utime(bench.inbox / "deadly.png", (1, 1))  # the first to be read
    start = Reader.start

    def deadly(reader: Reader) -> Callable[[ReadRequest], Row | None]:
        read = start(reader)

        def read_or_die(request: ReadRequest) -> Row | None:
            if request.picture.name == "deadly.png" and not request.refusal:
                raise WorkerDied("for want of memory")
            return read(request)

        return read_or_die

    monkeypatch.setattr(Reader, "start", deadly)
    bench.start()
    bench.look(0, 2)
    assert [name for name, _ in bench.rows] == names
    assert "deadly.png" in bench.results.with_name(".results.csv.reading").read_text()
    bench.start()  # as a service manager does, when the first process died too
    bench.look(0, 2, 2, 61)
    assert [name for name, _ in bench.rows] == [*names, "deadly.png"]
    assert "error: digits died 3 times while reading deadly.png" in capsys.readouterr().err
    assert sorted(path.name for path in bench.inbox.parent.iterdir()) == ["inbox", "results.csv"]


def test_failing_model_ends_it_and_marks_nothing_as_done(
    bench: Bench, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(reader: Reader) -> Callable[[ReadRequest], Row | None]:
        def read(request: ReadRequest) -> Row | None:
            raise ModelError("the model gives no probabilities")

        return read

    shutil.copy(pictures[1], bench.inbox)
    with monkeypatch.context() as patch:
        patch.setattr(Reader, "start", failing)
        bench.start()
        bench.look(0)
        bench._clock.now += 2
        with pytest.raises(ModelError):
            bench.watcher.run(bench.stop)
    bench.start()
    bench.look(0, 2)
    assert bench.rows == [(pictures[1].name, "1")]
    assert not bench.results.with_name(".results.csv.reading").exists()


def test_too_many_open_files_are_no_picture_s_fault(
    bench: Bench, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    shutil.copy(pictures[1], bench.inbox)
    bench.look(0)
    monkeypatch.setattr("digits.vision.picture.open", no, raising=False)
    with pytest.raises(DigitsError, match="raise `ulimit -n`"):
        bench.look(2)
    assert not bench.results.read_bytes()


def test_file_without_a_size_is_not_opened(
    bench: Bench, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """As the kernel's log has none, which has no end either."""
    (bench.inbox / "kmsg.png").symlink_to("/proc/kmsg")
    (bench.inbox / "later.png").touch()
    shutil.copy(pictures[1], bench.inbox)
    bench.look(0, 2)
    shutil.copy(pictures[2], bench.inbox / "later.png")
    bench.look(0, 2, 61)
    assert sorted(bench.rows) == [(pictures[1].name, "1"), ("kmsg.png", ""), ("later.png", "2")]
    assert f"error: {bench.inbox}/kmsg.png is empty" in capsys.readouterr().err


class Slow(NamedTuple):
    """A worker for which a picture called `slow.png` takes until there is such a file."""

    until: Path

    def start(self) -> Callable[[ReadRequest], Row | None]:
        return self.read

    def read(self, request: ReadRequest) -> Row:
        while request.picture.name == "slow.png" and not self.until.exists():
            time.sleep(0.01)
        return Row([""] * (len(watch.COLUMNS) - 3), request.picture.name)


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[FolderWatcher, list[str]]:
    """A watcher of three pictures, of which the first is slow, and what it tells."""
    (tmp_path / "inbox").mkdir()
    for name in ("slow.png", "a.png", "b.png"):
        (tmp_path / "inbox" / name).write_bytes(b"x")
    os.utime(tmp_path / "inbox" / "slow.png", (1, 1))
    monkeypatch.setattr(watch, "_STABLE_SECONDS", 0.0)
    monkeypatch.setattr(folder_reader, "_SLOW_SECONDS", 0.1)
    reader, told = Reader(str(tmp_path / "inbox")), list[str]()
    worker, results = Slow(tmp_path / "go"), tmp_path / "results.csv"
    return FolderWatcher(reader, lambda: Worker(worker.start), results, False, told.append), told


def test_slow_picture_keeps_no_other_waiting(
    slow: tuple[FolderWatcher, list[str]], tmp_path: Path
) -> None:
    watcher, told = slow
    stop = StopEvent()
    while len(told) < 2:
        watcher.poll(stop)
    (tmp_path / "go").touch()
    while len(told) < 3:
        watcher.poll(stop)
    assert told == ["a.png", "b.png", "slow.png"]
    stop._stop()
    watcher.run(stop)


def test_endless_picture_ends_its_worker_and_is_noted(
    slow: tuple[FolderWatcher, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher, told = slow
    stop = StopEvent()
    while len(told) < 2:
        watcher.poll(stop)
    assert told == ["a.png", "b.png"]
    monkeypatch.setattr(folder_reader, "_MAX_SECONDS", 0.0)
    while len(told) < 3:
        watcher.poll(stop)
    assert told[2].startswith("slow.png  ?  (slow.png takes longer than")
    stop._stop()
    watcher.run(stop)


def test_stop_leaves_a_slow_picture_for_the_next_time(
    slow: tuple[FolderWatcher, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher, _ = slow
    monkeypatch.setattr(watch, "_SHUTDOWN_SECONDS", 0.1)
    stop = StopEvent()
    while not watcher._pool.reading:
        watcher.poll(stop)
    stop._stop()
    watcher.run(stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inbox", "results.csv"]


@pytest.mark.parametrize("call", ["stat", "scandir"])
def test_stalled_disk_keeps_no_other_waiting(
    bench: Bench,
    pictures: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    call: str,
) -> None:
    """As a network disk whose server has gone."""
    answers = threading.Event()
    real = getattr(os, call)

    def stalling(path: str, **options: object) -> object:
        if str(path).endswith("stalled.png") and threading.current_thread() is not main:
            answers.wait(60)
        return real(path, **options)

    main = threading.main_thread()
    stalled = bench.inbox / "stalled.png"
    if call == "stat":
        shutil.copy(pictures[2], stalled)
    else:
        stalled.mkdir()
        shutil.copy(pictures[2], stalled / "two.png")
    shutil.copy(pictures[1], bench.inbox)
    monkeypatch.setattr(os, call, stalling)
    monkeypatch.setattr(watch, "_STALL_SECONDS", 0.2)
    bench.look(0, 0, 2)
    assert [digit for _, digit in bench.rows] == ["1"]
    assert f"error: can't read {stalled}: no response; skipped for now\n" == (
        capsys.readouterr().err
    )
    [scan] = bench.watcher._scanner._stalled.values()
    answers.set()
    scan._thread.join(10)
    bench.look(0, 2)
    assert [digit for _, digit in bench.rows] == ["1", "2"]


@pytest.mark.slow
def test_folders_1000_deep_and_too_deep(
    bench: Bench, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = os.open(bench.inbox, os.O_RDONLY)
    for depth in range(2100):
        if depth in (1000, 2099):
            shutil.copy(pictures[1], f"/proc/self/fd/{folder}/{depth}.png")
        os.mkdir("d", dir_fd=folder)
        deeper = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = deeper
    os.close(folder)
    shutil.copy(pictures[2], bench.inbox)
    bench.look(0, 2)
    assert sorted(os.path.basename(name) for name, _ in bench.rows) == [
        "1000.png",
        pictures[2].name,
    ]
    assert os.strerror(errno.ENAMETOOLONG) in capsys.readouterr().err
    shutil.rmtree(bench.inbox / "d") if sys.version_info >= (3, 13) else subprocess.run(
        ["rm", "-r", bench.inbox / "d"], check=True
    )


def test_many_waiting_pictures_are_taken_in_parts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3000):
        (bench.inbox / f"{number}.png").touch()
    seen = []
    step = bench.watcher.poll
    monkeypatch.setattr(watch, "_MAX_WAITING", 100)
    for _ in range(30):
        step(bench.stop)
        seen.append(len(bench.watcher._waiting))
    assert 100 <= max(seen) <= 100 + folder_scan._CHUNK
