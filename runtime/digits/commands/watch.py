"""Read the pictures that arrive in a folder, for months: `digits watch`.

The results file is the only state: a picture with a row there is done. Pictures are the same if
name, time and size are. Their age is measured by a monotonic clock, because the system's may jump.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from digits.commands.crash_log import CrashLog
from digits.commands.csv_log import CsvLog, WriteFailed
from digits.commands.folder_reader import (
    Outcome,
    Reader,
    ReaderPool,
    ReaderWorker,
    ReadRequest,
    Row,
)
from digits.commands.folder_scan import FileStamp, FolderScan
from digits.errors import DigitsError
from digits.prediction import PREDICTION_COLUMNS, Prediction
from digits.processes import StopEvent, WorkerDied
from digits.terminal import print_stderr

COLUMNS = ("file", "modified", "size", *PREDICTION_COLUMNS[1:])

_STABLE_SECONDS = 1.0  # unchanged, after which a picture counts as completely written
_DAMAGED_SECONDS = 60.0  # unchanged, after which an unreadable picture counts as damaged
_POLL_SECONDS = 0.5  # between two scans
_MAX_SCAN_SHARE = 0.2  # of the time; a scan of 100,000 pictures takes a while
_STALL_SECONDS = 2.0  # without a response, after which a path is left alone
_SHUTDOWN_SECONDS = 1.0  # for the last picture after SIGTERM
_MAX_WAITING = 1000  # pictures in the queue; others are found later


class FolderWatcher:
    """Reads each picture in a folder once, and writes a row for it.

    start_worker: makes a worker that runs `reader`. on_result: called with each text after its row
    is written. Raises DigitsError if the folder is missing, or the results or the model can't be
    used.
    """

    def __init__(
        self,
        reader: Reader,
        start_worker: Callable[[], ReaderWorker],
        results: Path,
        recursive: bool,
        on_result: Callable[[str], None],
    ) -> None:
        if not os.path.isdir(reader.folder):
            raise DigitsError(f"{reader.folder} is not a folder")
        self._reader, self._recursive, self._on_result = reader, recursive, on_result
        self._pool = ReaderPool(start_worker)
        try:
            self._log = CsvLog(results, COLUMNS)
        except DigitsError:
            self._pool.close()
            raise
        # Hashes take a third of the memory. Among 10^6 pictures, two collide once in 10^7 devices.
        self._done = {hash(tuple(row[:3])) for row in self._log.rows()}
        self._crash_log = CrashLog(results.with_name(f".{results.name}.reading"), self._done)
        self._scanner = _Scanner(reader.folder, recursive)
        self._waiting: dict[FileStamp, float] = {}  # each unchanged since this time
        self._unreadable: dict[FileStamp, float] = {}  # those that failed, likewise
        self._ready: deque[FileStamp] = deque()  # of both, those to read next
        self._not_before = 0.0  # read the next, after a failure
        self._unsaved = False
        self._saved = 0.0
        self._trouble = _Trouble()

    @property
    def done(self) -> int:
        """The number of pictures with a row."""
        return len(self._done)

    def run(self, stop: StopEvent) -> None:
        """Scan and read until `stop` is set; then give the current picture a second.

        Raises what `on_result` raises, ModelError if the model fails, and DigitsError if another
        file takes the results' place.
        """
        try:
            while not stop.is_set():
                self.poll(stop)
            for outcome in self._pool.wait(None, _SHUTDOWN_SECONDS) if self._pool.reading else ():
                self._conclude(outcome)
        finally:
            self._log.fsync()
            for picture in self._pool.reading:
                self._crash_log.end(picture.cells)
            self._pool.close()

    def poll(self, stop: StopEvent) -> None:
        """Scan, send what is ready, and write outcomes, in half a second at most."""
        now = time.monotonic()
        for found in self._scanner.take() if len(self._waiting) < _MAX_WAITING else ():
            known = found in self._waiting or found in self._unreadable
            if not known and hash(found.cells) not in self._done:
                self._waiting[found] = now
        self._dispatch()
        for outcome in self._pool.wait(
            stop, _POLL_SECONDS / 10 if self._is_busy else _POLL_SECONDS / 2
        ):
            self._conclude(outcome)
        if self._unsaved and now - self._saved > _POLL_SECONDS:
            self._log.fsync()
            self._unsaved, self._saved = False, now

    @property
    def _is_busy(self) -> bool:
        return bool(self._waiting or self._pool.reading or self._scanner.scanning)

    def _dispatch(self) -> None:
        if time.monotonic() < self._not_before:
            return
        self._ready = self._ready or deque(self._stable_files())
        while self._ready and self._pool.free:
            picture = self._ready[0]
            refusal = self._crash_log.refusal(picture.cells)
            try:
                self._pool.send(ReadRequest(picture, refusal))
            except WorkerDied as error:  # too many processes or too little memory for a moment
                self._pause(error)
                return
            self._ready.popleft()
            self._crash_log.begin(picture.cells)  # only once a worker has started

    def _stable_files(self) -> list[FileStamp]:
        """The pictures unchanged for long enough, oldest first, and last those that crashed."""
        now, reading = time.monotonic(), self._pool.reading
        stable = [
            picture
            for pictures, seconds in (
                (self._waiting, _STABLE_SECONDS),
                (self._unreadable, _DAMAGED_SECONDS),
            )
            for picture, since in pictures.items()
            if now - since >= seconds and picture not in reading
        ]
        return sorted(
            stable, key=lambda one: (self._crash_log.crash_count(one.cells), one.modified, one.name)
        )

    def _conclude(self, outcome: Outcome) -> None:
        picture, row, error, died, final = outcome
        self._crash_log.end(picture.cells, died)
        if died:
            return  # it stays in the queue, and is retried last
        if error and not final and picture in self._waiting:
            self._unreadable[picture] = self._waiting.pop(picture)
            return
        if error:
            print_stderr(f"error: {error}")
            blank = Prediction(None, 0.1, (0.1,) * 10, (0, 0, 0, 0), str(error))
            row = self._reader.row(picture.name, blank)
        if row is None or self._write(picture, row):
            self._waiting.pop(picture, None)
            self._unreadable.pop(picture, None)
            self._crash_log.forget(picture.cells)
        if row and hash(picture.cells) in self._done:
            self._on_result(row.text)

    def _write(self, picture: FileStamp, row: Row) -> bool:
        """Write a row; False if the disk refuses."""
        try:
            self._log.append([*picture.cells, *row.cells])
        except WriteFailed as error:
            self._pause(error)
            return False
        self._trouble.report("")
        self._done.add(hash(picture.cells))
        self._unsaved = True
        return True

    def _pause(self, error: DigitsError) -> None:
        """Report what may be over soon, and read nothing for a moment."""
        self._trouble.report(str(error))
        self._not_before = time.monotonic() + _POLL_SECONDS


class _Scanner:
    """Scans the folder again and again."""

    def __init__(self, folder: str, recursive: bool) -> None:
        self._folder, self._recursive = folder, recursive
        self._scan: FolderScan | None = None
        self._next = 0.0  # time of the next scan
        self._stalled: dict[str, FolderScan] = {}  # by blocked path
        self._closed: set[str] = set()  # folders that can't be read
        self._trouble = _Trouble()

    @property
    def scanning(self) -> bool:
        return self._scan is not None

    def take(self) -> list[FileStamp]:
        """Take some of the pictures found so far, or none."""
        if self._scan is None:
            if time.monotonic() >= self._next:
                self._stalled = {
                    path: scan for path, scan in self._stalled.items() if scan.is_alive
                }
                self._scan = FolderScan(self._folder, self._recursive, set(self._stalled))
            return []
        found = self._scan.take()
        if self._scan.finished:
            self._finish(self._scan)
        elif path := self._scan.waiting_at(_STALL_SECONDS):
            self._leave(self._scan, path)
        return found

    def _finish(self, scan: FolderScan) -> None:
        error = scan.error  # the folder is gone, such as an unmounted disk
        self._trouble.report(f"can't read {self._folder}: {error.strerror}" if error else "")
        for folder in sorted(set(scan.closed) - self._closed):
            print_stderr(f"error: can't read {folder}: {scan.closed[folder].strerror}")
        self._closed = set(scan.closed)
        self._scan = None
        self._next = time.monotonic() + max(_POLL_SECONDS, scan.seconds / _MAX_SCAN_SHARE)

    def _leave(self, scan: FolderScan, path: str) -> None:
        if path == self._folder:
            self._trouble.report(f"can't read {path}: no response")
            return
        print_stderr(f"error: can't read {path}: no response; skipped for now")
        scan.give_up()
        self._stalled[path] = scan
        self._scan = None


class _Trouble:
    """Reports trouble once, and its end."""

    def __init__(self) -> None:
        self._reported = ""

    def report(self, trouble: str) -> None:
        """Report the trouble if it is new. trouble: what goes wrong, or empty."""
        if trouble != self._reported:
            print_stderr(f"error: {trouble}; trying again" if trouble else "recovered")
        self._reported = trouble
