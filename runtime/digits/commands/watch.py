"""Read the pictures that arrive in a folder, for months: `digits watch`.

The results file is the memory: a picture that has a row there is done. Two pictures are the same
when name, time and size are. How long one has stood unchanged is seen by looking, not by the
clock, which may jump.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from digits.commands.attempts import Attempts
from digits.commands.folder_reader import (
    Outcome,
    Reader,
    ReaderPool,
    ReaderWorker,
    Request,
    Row,
)
from digits.commands.folder_scan import FileStamp, FolderScan
from digits.commands.journal import CantWrite, Journal
from digits.errors import DigitsError
from digits.prediction import PREDICTION_COLUMNS, Prediction
from digits.processes import StopEvent
from digits.terminal import print_stderr

COLUMNS = ("file", "modified", "size", *PREDICTION_COLUMNS[1:])

_SETTLED = 1.0  # seconds unchanged, after which a picture counts as completely written
_DAMAGED = 60.0  # seconds unchanged, after which one that can't be read counts as damaged
_PAUSE = 0.5  # seconds between two looks at the folder
_LOOKING = 0.2  # the most of the time that looks may take: one at 100,000 pictures takes a while
_STALLED = 2.0  # seconds without an answer, after which a path is left to itself
_LAST = 1.0  # seconds for the last picture after SIGTERM
_MOST_WAITING = 1000  # pictures known to wait; the others are found when these are done


class FolderWatcher:
    """Reads each picture in a folder once, and writes a row for it.

    start_worker: gives a worker that does what `reader` does. on_result: called with each text
    after its row is written. Raises DigitsError when the folder isn't there, or the results or the
    model can't be used.
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
            self._journal = Journal(results, COLUMNS)
        except DigitsError:
            self._pool.close()
            raise
        # A hash takes a third of the memory, for a device sees many: 2 of 10^6 are equal by 1 in
        # 10^7.
        self._done = {hash(tuple(row[:3])) for row in self._journal.rows()}
        self._attempts = Attempts(results.with_name(f".{results.name}.reading"), self._done)
        self._scanner = _Scanner(reader.folder, recursive)
        self._waiting: dict[FileStamp, float] = {}  # since when each has stood unchanged
        self._unreadable: dict[FileStamp, float] = {}  # the same, where reading has failed once
        self._ready: deque[FileStamp] = deque()  # of both, those whose turn it is
        self._not_before = 0.0  # another is read, because the results can't be written
        self._unsaved = False
        self._saved = 0.0
        self._trouble = _Trouble()

    @property
    def done(self) -> int:
        """How many pictures have a row."""
        return len(self._done)

    def run(self, stop: StopEvent) -> None:
        """Look and read until the event is set; a picture that is read just then has a second.

        Raises what `on_result` raises, ModelError when the model fails, and DigitsError when
        another file is put in the results' place.
        """
        try:
            while not stop.is_set():
                self.poll(stop)
            for outcome in self._pool.wait(None, _LAST) if self._pool.reading else ():
                self._conclude(outcome)
        finally:
            self._journal.save()
            for picture in self._pool.reading:
                self._attempts.end(picture.cells)
            self._pool.close()

    def poll(self, stop: StopEvent) -> None:
        """Look, have what is ready read, and write what comes of it; in half a second at most."""
        now = time.monotonic()
        for found in self._scanner.take() if len(self._waiting) < _MOST_WAITING else ():
            known = found in self._waiting or found in self._unreadable
            if not known and hash(found.cells) not in self._done:
                self._waiting[found] = now
        self._dispatch()
        for outcome in self._pool.wait(stop, _PAUSE / 10 if self._is_busy else _PAUSE / 2):
            self._conclude(outcome)
        if self._unsaved and now - self._saved > _PAUSE:
            self._journal.save()
            self._unsaved, self._saved = False, now

    @property
    def _is_busy(self) -> bool:
        return bool(self._waiting or self._pool.reading or self._scanner.scanning)

    def _dispatch(self) -> None:
        if time.monotonic() < self._not_before:
            return
        self._ready = self._ready or deque(self._stable_files())
        while self._ready and self._pool.free:
            picture = self._ready.popleft()
            refusal = self._attempts.refusal(picture.cells)
            self._pool.send(Request(picture, refusal))
            self._attempts.begin(picture.cells)  # which a worker that can't start doesn't

    def _stable_files(self) -> list[FileStamp]:
        """What has stood unchanged for long enough, the oldest first; last what workers died of."""
        now, reading = time.monotonic(), self._pool.reading
        settled = [
            picture
            for pictures, seconds in ((self._waiting, _SETTLED), (self._unreadable, _DAMAGED))
            for picture, since in pictures.items()
            if now - since >= seconds and picture not in reading
        ]
        return sorted(
            settled, key=lambda one: (self._attempts.deaths(one.cells), one.modified, one.name)
        )

    def _conclude(self, outcome: Outcome) -> None:
        picture, row, error, died, final = outcome
        self._attempts.end(picture.cells, died)
        if died:
            return  # it stays where it was, and comes last
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
            self._attempts.forget(picture.cells)
        if row and hash(picture.cells) in self._done:
            self._on_result(row.text)

    def _write(self, picture: FileStamp, row: Row) -> bool:
        """Whether the row is written."""
        try:
            self._journal.append([*picture.cells, *row.cells])
        except CantWrite as error:
            self._trouble.tell(str(error))
            self._not_before = time.monotonic() + _PAUSE
            return False
        self._trouble.tell("")
        self._done.add(hash(picture.cells))
        self._unsaved = True
        return True


class _Scanner:
    """One look at the folder after the other."""

    def __init__(self, folder: str, recursive: bool) -> None:
        self._folder, self._recursive = folder, recursive
        self._scan: FolderScan | None = None
        self._next = 0.0  # time for a look
        self._stalled: dict[str, FolderScan] = {}  # by the path that it waits for
        self._closed: set[str] = set()  # folders that can't be looked into
        self._trouble = _Trouble()

    @property
    def scanning(self) -> bool:
        return self._scan is not None

    def take(self) -> list[FileStamp]:
        """Some of the pictures that are there, or none so far."""
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
        elif path := self._scan.waiting_at(_STALLED):
            self._leave(self._scan, path)
        return found

    def _finish(self, scan: FolderScan) -> None:
        error = scan.error  # the folder is gone, as when a disk is unmounted
        self._trouble.tell(f"can't look at {self._folder}: {error.strerror}" if error else "")
        for folder in sorted(set(scan.closed) - self._closed):
            print_stderr(f"error: can't look at {folder}: {scan.closed[folder].strerror}")
        self._closed = set(scan.closed)
        self._scan = None
        self._next = time.monotonic() + max(_PAUSE, scan.seconds / _LOOKING)

    def _leave(self, scan: FolderScan, path: str) -> None:
        if path == self._folder:
            self._trouble.tell(f"can't look at {path}: it doesn't answer")
            return
        print_stderr(f"error: can't look at {path}: it doesn't answer; left out for now")
        scan.give_up()
        self._stalled[path] = scan
        self._scan = None


class _Trouble:
    """Tells of trouble once, and once when it has passed."""

    def __init__(self) -> None:
        self._told = ""

    def tell(self, trouble: str) -> None:
        """trouble: what goes wrong, or empty."""
        if trouble != self._told:
            print_stderr(f"error: {trouble}; trying again" if trouble else "it works again")
        self._told = trouble
