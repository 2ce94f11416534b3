"""`digits watch` and its log, with a fake clock."""

import csv
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

import pytest

from digits.commands import folder_reader, folder_scan, watch
from digits.commands.csv_log import CsvLog
from digits.commands.folder_reader import Reader, ReadRequest, Row
from digits.commands.watch import FolderWatcher
from digits.errors import DigitsError, ModelError
from digits.processes import StopEvent, Worker, WorkerDied
from tests.in_process import InProcess


class Clock:
    """Replaces the time module in digits.commands."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class WatchBench:
    """A watched folder, and a watcher that scans it on request."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.inbox, self.results, self.clock = folder / "inbox", folder / "results.csv", clock
        self.inbox.mkdir()
        self.printed: list[str] = []
        self.stop = StopEvent()
        self.start()

    def start(self, on_result: Callable[[str], None] | None = None) -> None:
        """Start a new watcher, as after a restart."""
        self.unlock_results()
        reader = Reader(str(self.inbox))
        self.watcher = FolderWatcher(
            reader,
            lambda: InProcess(reader.start()),
            self.results,
            True,
            on_result or self.printed.append,
        )

    def advance(self, *waits: float) -> None:
        """After each of these seconds, scan once and read what is ready."""
        for seconds in waits:
            self.clock.now += seconds
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

    def unlock_results(self) -> None:
        if hasattr(self, "watcher"):
            os.close(self.watcher._log._file)
            del self.watcher


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WatchBench]:
    clock = Clock()
    for module in (watch, folder_reader):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(watch, "_POLL_SECONDS", 0.02)
    yield WatchBench(tmp_path, clock)


def test_stable_picture_is_read_once(bench: WatchBench, pictures: list[Path]) -> None:
    shutil.copy(pictures[7], bench.inbox)
    bench.advance(0)
    assert bench.printed == []  # it may still be written
    bench.advance(2, 2, 2)
    assert bench.rows == [(pictures[7].name, "7")]
    assert bench.printed == [f"{pictures[7].name}  7  (100.0 %)"]


def test_restart_rereads_nothing(bench: WatchBench, pictures: list[Path]) -> None:
    for picture in pictures[:2]:
        shutil.copy(picture, bench.inbox)
    bench.advance(0, 2)
    bench.start()
    shutil.copy(pictures[5], bench.inbox)
    bench.advance(0, 2, 2)
    assert [digit for _, digit in bench.rows] == ["0", "1", "5"]


def test_partial_picture_is_read_when_complete(bench: WatchBench, pictures: list[Path]) -> None:
    whole = pictures[6].read_bytes()
    arriving = bench.inbox / pictures[6].name
    for size in (100, 150, 200):
        arriving.write_bytes(whole[:size])
        bench.advance(0.5, 0.5)
    bench.advance(5)  # the sender pauses
    arriving.write_bytes(whole)
    bench.advance(0, 2)
    assert bench.rows == [(arriving.name, "6")]


def test_damaged_picture_gets_one_row(
    bench: WatchBench, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (bench.inbox / "bad.png").write_bytes(pictures[6].read_bytes()[:99])
    shutil.copy(pictures[7], bench.inbox)
    bench.advance(0, 2)
    assert bench.rows == [(pictures[7].name, "7")]
    bench.advance(58, 60, 60)
    assert bench.rows[1:] == [("bad.png", "")]
    assert "bad.png" in capsys.readouterr().err
    bench.start()
    bench.advance(0, 100)
    assert len(bench.rows) == 2


def test_replaced_picture_of_the_same_name_is_read(bench: WatchBench, pictures: list[Path]) -> None:
    for picture in (pictures[2], pictures[4], pictures[4]):
        shutil.copy(picture, bench.inbox / "now.png")
        os.utime(
            bench.inbox / "now.png", ns=(0, int(picture.stem))
        )  # a sender whose clock starts in 1970
        bench.advance(0, 2)
    assert [digit for _, digit in bench.rows] == ["2", "4"]


def test_vanished_picture_leaves_the_queue(bench: WatchBench, pictures: list[Path]) -> None:
    shutil.copy(pictures[1], bench.inbox)
    bench.advance(0)
    (bench.inbox / pictures[1].name).unlink()
    bench.advance(2)
    assert not bench.results.read_bytes()
    assert not bench.watcher._waiting


def test_missing_folder_is_reported_and_retried(
    bench: WatchBench, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(pictures[1], bench.inbox)
    bench.advance(0, 2)
    bench.inbox.rename(bench.inbox.with_name("gone"))
    bench.advance(0, 2)
    bench.inbox.with_name("gone").rename(bench.inbox)
    bench.advance(0, 2)
    assert len(bench.rows) == 1
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == 2
    assert "No such file or directory; trying again" in printed[0]


def test_missing_threads_and_processes_are_waited_for(
    bench: WatchBench,
    pictures: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Other programs may use up the user's processes for a moment."""

    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    def no_process() -> Worker[ReadRequest, Row | None]:
        raise WorkerDied("can't start another process: Resource temporarily unavailable")

    shutil.copy(pictures[1], bench.inbox)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        bench.advance(0, 2)
    bench.advance(0)
    with monkeypatch.context() as patch:
        patch.setattr(bench.watcher._pool, "_idle", [])
        patch.setattr(bench.watcher._pool, "_start_worker", no_process)
        bench.clock.now += 2
        for _ in range(3):
            bench.watcher.poll(bench.stop)
        assert not bench.printed
        bench.clock.now += 2
    bench.advance(0)
    assert bench.rows == [(pictures[1].name, "1")]
    assert capsys.readouterr().err.splitlines() == [
        f"error: can't read {bench.inbox}: can't start a thread; trying again",
        "recovered",
        "error: can't start another process: Resource temporarily unavailable; trying again",
        "recovered",
    ]


@pytest.mark.unix
def test_hidden_and_irregular_files_are_ignored(bench: WatchBench, pictures: list[Path]) -> None:
    shutil.copy(pictures[1], bench.inbox / ".one.png")
    shutil.copy(pictures[1], bench.inbox / "one.txt")
    os.mkfifo(bench.inbox / "pipe.png")
    (bench.inbox / "link.png").symlink_to("nowhere")
    (bench.inbox / "deeper").mkdir()
    shutil.copy(pictures[2], bench.inbox / "deeper" / "two.png")
    bench.advance(0, 2, 100)
    assert bench.rows == [("deeper/two.png", "2")]


@pytest.mark.linux
@pytest.mark.parametrize("name", [b"\xff.png", b"two\nlines.png", b'a,"b".png'])
def test_any_file_name_is_recognized_after_restart(
    bench: WatchBench, pictures: list[Path], name: bytes
) -> None:
    shutil.copy(os.fsencode(pictures[1]), os.path.join(os.fsencode(bench.inbox), name))
    bench.advance(0, 2)
    bench.start()
    bench.advance(0, 2)
    assert len(bench.rows) == 1


def test_partial_row_is_dropped_and_rewritten(bench: WatchBench, pictures: list[Path]) -> None:
    for picture in pictures[:3]:
        shutil.copy(picture, bench.inbox)
        bench.advance(0, 2)
    raw = bench.results.read_bytes()
    bench.results.write_bytes(raw[:-30])
    bench.start()
    bench.advance(0, 2)
    assert bench.results.read_bytes() == raw


def test_damaged_row_is_reread(
    bench: WatchBench, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for picture in pictures[:3]:
        shutil.copy(picture, bench.inbox)
        bench.advance(0, 2)
    lines = bench.results.read_bytes().splitlines(keepends=True)
    lines[2] = b'\0\xff"' * 20 + b"\n"
    bench.results.write_bytes(b"".join(lines))
    bench.start()
    bench.advance(0, 2)
    assert b"".join(lines) in bench.results.read_bytes()
    assert len(bench.results.read_bytes().splitlines()) == 5
    assert "has a damaged line" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"file,digit\n", b"\x89PNG\r\n", b"a\nb\n"])
def test_results_with_other_columns_are_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.csv").write_bytes(content)
    with pytest.raises(DigitsError, match="unexpected CSV header"):
        reader = Reader(str(tmp_path))
        FolderWatcher(reader, lambda: InProcess(reader.start()), tmp_path / "r.csv", False, print)
    assert (tmp_path / "r.csv").read_bytes() == content


def test_partial_header_is_rewritten(bench: WatchBench, pictures: list[Path]) -> None:
    bench.results.write_text("file,modif")
    bench.start()
    shutil.copy(pictures[1], bench.inbox)
    bench.advance(0, 2)
    assert [digit for _, digit in bench.rows] == ["1"]


@pytest.mark.unix
def test_foreign_file_in_place_of_results_is_kept(bench: WatchBench, pictures: list[Path]) -> None:
    shutil.copy(pictures[1], bench.inbox)
    bench.advance(0, 2)
    foreign = bench.results.with_name("foreign")
    foreign.write_text("a,b\n1,2\nhalf")
    foreign.rename(bench.results)
    shutil.copy(pictures[2], bench.inbox)
    with pytest.raises(DigitsError, match="unexpected CSV header"):
        bench.advance(0, 2)
    assert bench.results.read_text() == "a,b\n1,2\nhalf"


def test_row_truncated_while_running_spares_the_next(
    bench: WatchBench, pictures: list[Path]
) -> None:
    for number in (1, 2):
        shutil.copy(pictures[number], bench.inbox)
        bench.advance(0, 2)
        os.truncate(bench.results, bench.results.stat().st_size - (20 if number == 1 else 0))
    assert [digit for _, digit in bench.rows] == ["2"]


def test_unreadable_subfolder_is_reported_and_skipped(
    bench: WatchBench,
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
    bench.advance(0, 2, 2)
    assert [digit for _, digit in bench.rows] == ["1"]
    [printed] = capsys.readouterr().err.splitlines()
    assert printed == f"error: can't read {bench.inbox / 'lost+found'}: Permission denied"


@pytest.mark.unix
def test_damaged_picture_with_newline_in_name_is_one_row(bench: WatchBench) -> None:
    (bench.inbox / "two\nlines\x1b.png").write_bytes(b"\x89PNG")
    bench.advance(0, 2, 60)
    bench.start()
    bench.advance(0, 2, 60)
    assert len(bench.rows) == 1
    assert bench.results.read_bytes().count(b"\n") == 2


def test_failing_output_ends_after_writing_the_row(bench: WatchBench, pictures: list[Path]) -> None:
    def fail(*_: object) -> None:
        raise DigitsError("can't write the results: stdout is closed")

    bench.start(on_result=fail)
    shutil.copy(pictures[1], bench.inbox)
    with pytest.raises(DigitsError, match="stdout is closed"):
        bench.advance(0, 2)
    assert len(bench.rows) == 1


@pytest.mark.unix
def test_moved_results_start_a_new_file(bench: WatchBench, pictures: list[Path]) -> None:
    for number in (0, 1):
        shutil.copy(pictures[number], bench.inbox)
        bench.advance(0, 2)
        bench.results.rename(bench.results.with_name(f"{number}.csv"))
    shutil.copy(pictures[2], bench.inbox)
    bench.advance(0, 2)
    assert [digit for _, digit in bench.rows] == ["2"]
    assert bench.results.with_name("1.csv").read_text().count("\n") == 2


@pytest.mark.unix
def test_second_writer_of_the_log_is_refused(tmp_path: Path) -> None:
    first = CsvLog(tmp_path / "r.csv", ["file"])
    with pytest.raises(DigitsError, match="another process"):
        CsvLog(tmp_path / "r.csv", ["file"])
    os.close(first._file)


def limit_file_size(size: int) -> Callable[[], None]:
    """For preexec_fn: files can't grow beyond `size` bytes, as on a full disk."""

    def limit() -> None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    return limit


def read_line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


def start_watch(
    folder: Path, preexec_fn: Callable[[], None] | None = None
) -> subprocess.Popen[str]:
    """Run `digits watch`, and wait until it has started."""
    command = [sys.executable, "-m", "digits", "watch", "--json", "inbox", "results.csv"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=preexec_fn,
    )
    assert read_line(process.stderr).startswith("watching inbox; ")
    return process


def terminate(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Send SIGTERM. Returns the exit code and the rest of stdout and stderr."""
    assert process.stdout is not None and process.stderr is not None
    process.send_signal(signal.SIGTERM)
    # Not `communicate`, which would lose what `readline` has buffered.
    rest = process.stdout.read(), process.stderr.read()
    return process.wait(30), *rest


@pytest.mark.unix
@pytest.mark.slow
def test_restart_after_sigterm_continues(tmp_path: Path, pictures: list[Path]) -> None:
    (tmp_path / "inbox").mkdir()
    for number in range(40):
        shutil.copy(pictures[number % 10], tmp_path / "inbox" / f"{number}.png")
    printed: list[str] = []
    while len(printed) < 40:
        process = start_watch(tmp_path)
        printed += [read_line(process.stdout) for _ in range(min(15, 40 - len(printed)))]
        code, out, err = terminate(process)
        printed += out.splitlines()
        assert (code, err) == (0, "")
    rows = (tmp_path / "results.csv").read_text().splitlines()[1:]
    assert sorted(int(row.split(".")[0]) for row in rows) == list(range(40))


@pytest.mark.linux
@pytest.mark.slow
def test_full_disk_is_retried(
    tmp_path: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # its file would be too large too
    (tmp_path / "inbox").mkdir()
    for picture in pictures:
        shutil.copy(picture, tmp_path / "inbox")
    process = start_watch(tmp_path, preexec_fn=limit_file_size(700))
    assert "can't write results.csv: File too large; trying again" in read_line(process.stderr)
    written = (tmp_path / "results.csv").read_bytes()
    assert written.endswith(b"\n")
    assert written.count(b"\n") < 5
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
    for _ in pictures:
        assert read_line(process.stdout)
    assert terminate(process)[2] == "recovered\n"
    rows = (tmp_path / "results.csv").read_text().splitlines()
    assert len(rows) == len(set(rows)) == 11


def test_picture_that_kills_a_worker_is_refused_later(
    bench: WatchBench,
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
    bench.advance(0, 2)
    assert [name for name, _ in bench.rows] == names
    assert "deadly.png" in bench.results.with_name(".results.csv.reading").read_text()
    bench.start()  # as a service manager does after the first process died too
    bench.advance(0, 2, 2, 61)
    assert [name for name, _ in bench.rows] == [*names, "deadly.png"]
    assert "error: digits died 3 times while reading deadly.png" in capsys.readouterr().err
    assert sorted(path.name for path in bench.inbox.parent.iterdir()) == ["inbox", "results.csv"]


def test_failing_model_ends_with_nothing_done(
    bench: WatchBench, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(reader: Reader) -> Callable[[ReadRequest], Row | None]:
        def read(request: ReadRequest) -> Row | None:
            raise ModelError("the model gives no probabilities")

        return read

    shutil.copy(pictures[1], bench.inbox)
    with monkeypatch.context() as patch:
        patch.setattr(Reader, "start", failing)
        bench.start()
        bench.advance(0)
        bench.clock.now += 2
        with pytest.raises(ModelError):
            bench.watcher.run(bench.stop)
    bench.start()
    bench.advance(0, 2)
    assert bench.rows == [(pictures[1].name, "1")]
    assert not bench.results.with_name(".results.csv.reading").exists()


def test_too_many_open_files_end_without_a_row(
    bench: WatchBench, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    shutil.copy(pictures[1], bench.inbox)
    bench.advance(0)
    monkeypatch.setattr("digits.images.picture.open", no, raising=False)
    with pytest.raises(DigitsError, match="raise `ulimit -n`"):
        bench.advance(2)
    assert not bench.results.read_bytes()


@pytest.mark.linux
def test_empty_file_is_not_opened(
    bench: WatchBench, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The kernel's log has size 0 but never ends."""
    (bench.inbox / "kmsg.png").symlink_to("/proc/kmsg")
    (bench.inbox / "later.png").touch()
    shutil.copy(pictures[1], bench.inbox)
    bench.advance(0, 2)
    shutil.copy(pictures[2], bench.inbox / "later.png")
    bench.advance(0, 2, 61)
    assert sorted(bench.rows) == [(pictures[1].name, "1"), ("kmsg.png", ""), ("later.png", "2")]
    assert f"error: {bench.inbox}/kmsg.png is empty" in capsys.readouterr().err


class SlowReader(NamedTuple):
    """Takes until the file `until` exists to read a picture called `slow.png`."""

    until: Path

    def start(self) -> Callable[[ReadRequest], Row | None]:
        return self.read

    def read(self, request: ReadRequest) -> Row:
        while request.picture.name == "slow.png" and not self.until.exists():
            time.sleep(0.01)
        return Row([""] * (len(watch.COLUMNS) - 3), request.picture.name)


@pytest.fixture
def slow_watcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[FolderWatcher, list[str]]:
    """A watcher of three pictures, the first one slow, and what it prints."""
    (tmp_path / "inbox").mkdir()
    for name in ("slow.png", "a.png", "b.png"):
        (tmp_path / "inbox" / name).write_bytes(b"x")
    os.utime(tmp_path / "inbox" / "slow.png", (1, 1))
    monkeypatch.setattr(watch, "_STABLE_SECONDS", 0.0)
    monkeypatch.setattr(folder_reader, "_SLOW_SECONDS", 0.1)
    reader, printed = Reader(str(tmp_path / "inbox")), list[str]()
    worker, results = SlowReader(tmp_path / "go"), tmp_path / "results.csv"
    return FolderWatcher(
        reader, lambda: Worker(worker.start), results, False, printed.append
    ), printed


def test_slow_picture_does_not_delay_others(
    slow_watcher: tuple[FolderWatcher, list[str]], stop: StopEvent, tmp_path: Path
) -> None:
    watcher, printed = slow_watcher
    while len(printed) < 2:
        watcher.poll(stop)
    (tmp_path / "go").touch()
    while len(printed) < 3:
        watcher.poll(stop)
    assert printed == ["a.png", "b.png", "slow.png"]
    signal.raise_signal(signal.SIGTERM)
    watcher.run(stop)


def test_endless_picture_times_out_with_a_row(
    slow_watcher: tuple[FolderWatcher, list[str]], stop: StopEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher, printed = slow_watcher
    while len(printed) < 2:
        watcher.poll(stop)
    assert printed == ["a.png", "b.png"]
    monkeypatch.setattr(folder_reader, "_MAX_SECONDS", 0.0)
    while len(printed) < 3:
        watcher.poll(stop)
    assert printed[2].startswith("slow.png  ?  (slow.png takes longer than")
    signal.raise_signal(signal.SIGTERM)
    watcher.run(stop)


def test_stop_leaves_a_slow_picture_without_a_row(
    slow_watcher: tuple[FolderWatcher, list[str]],
    stop: StopEvent,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watcher, _ = slow_watcher
    monkeypatch.setattr(watch, "_SHUTDOWN_SECONDS", 0.1)
    while not (tmp_path / ".results.csv.reading").exists():
        watcher.poll(stop)
    signal.raise_signal(signal.SIGTERM)
    watcher.run(stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inbox", "results.csv"]


@pytest.mark.parametrize("call", ["stat", "scandir"])
def test_stalled_disk_does_not_delay_others(
    bench: WatchBench,
    pictures: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    call: str,
) -> None:
    """Like a network disk whose server is gone."""
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
    bench.advance(0, 0, 2)
    assert [digit for _, digit in bench.rows] == ["1"]
    assert f"error: can't read {stalled}: no response; skipped for now\n" == (
        capsys.readouterr().err
    )
    answers.set()
    deadline = time.monotonic() + 60
    while len(bench.rows) < 2 and time.monotonic() < deadline:
        bench.advance(2)
    assert [digit for _, digit in bench.rows] == ["1", "2"]


@pytest.mark.linux
@pytest.mark.slow
def test_nested_folders_1000_deep_and_beyond_path_max(
    bench: WatchBench, pictures: list[Path], capsys: pytest.CaptureFixture[str]
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
    bench.advance(0, 2)
    assert sorted(os.path.basename(name) for name, _ in bench.rows) == [
        "1000.png",
        pictures[2].name,
    ]
    assert os.strerror(errno.ENAMETOOLONG) in capsys.readouterr().err
    shutil.rmtree(bench.inbox / "d") if sys.version_info >= (3, 13) else subprocess.run(
        ["rm", "-r", bench.inbox / "d"], check=True
    )


def test_many_pictures_are_queued_in_chunks(
    bench: WatchBench, monkeypatch: pytest.MonkeyPatch
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
