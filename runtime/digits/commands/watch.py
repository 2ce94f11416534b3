"""Read the pictures that arrive in a folder, for months: `digits watch`.

The results file is the only state: a picture with a row there is done. Their age is measured by a
monotonic clock, because the system's may jump.
"""

import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

from digits.commands import crash_log
from digits.commands.crash_log import MAX_CRASHES, CrashLog
from digits.commands.folder_scan import FileStamp, scan
from digits.commands.keep import KeepFolder
from digits.commands.results import ResultsFile, WriteFailed
from digits.commands.watch_readers import DigitReader, NumberReader, Row
from digits.errors import DigitsError
from digits.processes import Pool, StartFailed, Worker, WorkerDied
from digits.terminal import print_result, print_stderr

if TYPE_CHECKING:
    from digits.commands.mqtt import Publisher

Reader = DigitReader | NumberReader

_MEMORY_LIMIT = 1 << 30  # bytes for one picture; the largest needs as many
MAX_WAITING = 1000  # pictures in the queue; others are found later
_MAX_SCAN_SHARE = 0.2  # of the time; a scan of 100,000 pictures takes a while


class Timing(NamedTuple):
    """When what happens, in seconds."""

    stable: float = 1.0  # unchanged, after which a picture counts as completely written
    damaged: float = 60.0  # unchanged, after which an unreadable picture counts as damaged
    poll: float = 0.5  # between two scans
    limit: float = 60.0  # for one picture; then its worker is killed
    shutdown: float = 0.7  # for the last picture after SIGTERM


TIMING = Timing()


def watch(
    reader: Reader,
    results: Path,
    recursive: bool,
    publisher: "Publisher | None" = None,
    keep: Path | None = None,
    keep_mb: int = 200,
) -> None:
    """Read each picture in a folder once, print it and write a row for it, until SIGTERM or Ctrl-C.

    publisher: gets the messages of each row. keep: where to copy the pictures with doubtful ones.
    Raises DigitsError if a folder is missing, or the results or the model can't be used.
    """
    start = partial(Worker, reader.start, _MEMORY_LIMIT)
    copies = KeepFolder(keep, reader.folder, reader.columns, keep_mb << 20) if keep else None
    watcher = FolderWatcher(reader, start, results, recursive, publisher=publisher, keep=copies)
    signals: list[int] = []  # an Event could deadlock: `wait` holds a lock that `set` needs
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: signals.append(number))
    print_stderr(f"watching {reader.folder}; {watcher.done} pictures done")
    # In another thread, as a disk that doesn't respond would keep this one from seeing a signal.
    running = ThreadPoolExecutor(1).submit(watcher.run)
    with publisher or nullcontext():
        while not (signals or running.done()):
            wait([running], TIMING.poll / 2)
        watcher.stop()
        if not wait([running], 3 * TIMING.shutdown).done:
            print_stderr(f"error: {reader.folder} or {results} doesn't respond")
            os._exit(1)
    running.result()


class FolderWatcher:
    """Reads each picture in a folder once, writes a row for it and prints it.

    start_worker: makes a worker that runs `reader`. clock: counts seconds. publisher, keep: as for
    `watch`. Raises DigitsError if the folder is missing, or the results or the model can't be used.
    """

    def __init__(
        self,
        reader: Reader,
        start_worker: Callable[[], Worker[FileStamp, Row | None]],
        results: Path,
        recursive: bool,
        clock: Callable[[], float] = time.monotonic,
        publisher: "Publisher | None" = None,
        keep: KeepFolder | None = None,
    ) -> None:
        if not os.path.isdir(reader.folder):
            raise DigitsError(f"{reader.folder} is not a folder")
        self._reader, self._recursive = reader, recursive
        self._clock, self._timing, self._publisher, self._keep = clock, TIMING, publisher, keep
        log = results.with_name(f".{results.name}.reading")
        begun = set(crash_log.rows(log))
        self._results = ResultsFile(results, reader.columns, key=3, incomplete=begun)
        self._crashes = CrashLog(log, self._results.done)
        self._pool = Pool(start_worker, 1)
        self._pool.wait_until_started()
        self._due: dict[FileStamp, float] = {}  # pictures without a row, and when to read them
        self._failed: set[FileStamp] = set()  # those whose next result is final
        self._pictures: Iterator[FileStamp] | None = None  # of the scan that goes on
        self._scan_errors: list[str] = []
        self._next_scan = 0.0
        self._scan_troubles, self._troubles, self._keep_troubles = (_Troubles() for _ in range(3))
        self._stopping = Event()

    @property
    def done(self) -> int:
        """The number of pictures with a row."""
        return len(self._results.done)

    def stop(self) -> None:
        """Have `run` end: at once, or after the current picture if that takes but a moment."""
        self._stopping.set()

    def run(self) -> None:
        """Scan and read until stopped.

        Raises ModelError if the model fails, and DigitsError if another file takes the results'
        place or stdout is closed.
        """
        try:
            pause = 0.0
            while not self._stopping.wait(pause):
                pause = self.poll()
        finally:
            self._pool.kill()
            self._results.close()

    def poll(self) -> float:
        """Scan the folder if it is time, and read what is ready, for half a second at most.

        Returns for how many seconds to pause then.
        """
        now = self._clock()
        if now >= self._next_scan:
            self._scan(now)
            after = self._clock()
            pause = max(self._timing.poll, (after - now) / _MAX_SCAN_SHARE)
            self._next_scan = after if self._pictures else after + pause
        # The oldest first, but last those that crashed.
        ready = [
            (self._crashes.count(picture.cells), picture.modified, picture)
            for picture, due in self._due.items()
            if due <= now
        ]
        pause = self._timing.poll
        for *_, picture in sorted(ready):
            if self._stopping.is_set() or not self._read(picture):
                break
            if self._clock() - now > self._timing.poll:
                pause = 0.0  # there is more to do
                break
        if ready:
            self._results.fsync()
        return pause

    def _scan(self, now: float) -> None:
        """Look for more pictures, until enough are waiting; go on there the next time."""
        if self._pictures is None:
            self._scan_errors.clear()
            folder, errors = self._reader.folder, self._scan_errors
            self._pictures = scan(folder, self._recursive, lambda error: errors.append(str(error)))
        while not self._stopping.is_set() and len(self._due) - len(self._failed) < MAX_WAITING:
            picture = next(self._pictures, None)
            if picture is None:
                self._pictures = None
                self._scan_troubles.report(list(self._scan_errors))
                return
            if picture not in self._due and hash(picture.cells) not in self._results.done:
                self._due[picture] = now + self._timing.stable

    def _read(self, picture: FileStamp) -> bool:
        """Read a picture and write its row; False if that can't be done now."""
        try:
            row = self._ask(picture)
            if row and row.error and picture not in self._failed:
                self._failed.add(picture)
                self._due[picture] += self._timing.damaged - self._timing.stable
                return True
            if row and "\n" in row.lines:
                self._append_all(picture, row.lines)
            elif row:
                self._results.append(row.lines)
        except WorkerDied:
            return True  # it stays in the crash log, and is retried last
        except (StartFailed, WriteFailed) as error:
            self._troubles.report([str(error)])
            return False
        self._troubles.report([])
        del self._due[picture]
        self._failed.discard(picture)
        self._crashes.forget(picture.cells)
        if row:
            self._results.done.add(hash(picture.cells))
            if row.error:
                print_stderr(f"error: {row.error}")
            if self._publisher:
                self._publisher.publish(row.messages)
            if self._keep and row.is_doubtful:
                self._keep_troubles.report(self._keep.add(picture, row.lines))
            print_result(row.text)
        return True

    def _append_all(self, picture: FileStamp, lines: str) -> None:
        """Write several lines such that after a kill, a part of them isn't taken for all."""
        self._crashes.begin(picture.cells)
        try:
            self._results.append(lines)
        finally:
            self._crashes.end(picture.cells)

    def _ask(self, picture: FileStamp) -> Row | None:
        """The row of a picture; None if it has changed, or isn't read when `run` has to end."""
        if self._crashes.count(picture.cells) >= MAX_CRASHES:
            reason = f"digits died {MAX_CRASHES} times while reading {picture.name}"
            return self._give_up(picture, reason)
        self._crashes.begin(picture.cells)
        reading = self._pool.submit(picture, self._timing.limit)
        while not (self._stopping.is_set() or wait([reading], self._timing.poll).done):
            pass
        is_done = bool(wait([reading], self._timing.shutdown).done)
        if not (is_done and isinstance(reading.exception(), WorkerDied)):
            self._crashes.end(picture.cells)
        try:
            return reading.result() if is_done else None
        except TimeoutError:
            seconds = self._timing.limit
            return self._give_up(picture, f"{picture.name} takes longer than {seconds:.0f} seconds")

    def _give_up(self, picture: FileStamp, reason: str) -> Row:
        self._failed.add(picture)
        return self._reader.unreadable(picture, reason)


class _Troubles:
    """Reports each trouble once, and when all are over."""

    def __init__(self) -> None:
        self._known: Collection[str] = ()

    def report(self, troubles: Collection[str]) -> None:
        """Report those that are new. troubles: all that there are now."""
        for trouble in troubles:
            if trouble not in self._known:
                print_stderr(f"error: {trouble}; trying again")
        if self._known and not troubles:
            print_stderr("recovered")
        self._known = troubles
