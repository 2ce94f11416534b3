"""Read the pictures that arrive in a folder, for months: `digits watch`.

The results file is the only state: a picture with a row there is done. How long a file has been
unchanged is measured by a monotonic clock, because the system's may jump.
"""

import os
import time
from collections.abc import Callable, Collection
from concurrent.futures import wait
from functools import partial
from pathlib import Path

from digits.commands.results import ResultsFile, WriteFailed
from digits.errors import DigitsError, PictureError
from digits.processes import Pool, StartFailed, Worker, WorkerDied
from digits.terminal import print_result, print_stderr
from digits.watch.folder import FileStamp, scan
from digits.watch.keep import KeepFolder
from digits.watch.readers import Reader, Row

# In seconds.
STABLE = 1.0  # unchanged, after which a picture counts as completely written
DAMAGED = 60.0  # unchanged, after which an unreadable picture counts as damaged
POLL = 0.5  # between two scans
LIMIT = 60.0  # for one picture; then its worker is killed
SHUTDOWN = 0.7  # for the last picture after SIGTERM

_MEMORY_LIMIT = 1 << 30  # bytes for one picture; the largest needs as many
_MAX_WAITING = 1000  # pictures in the queue; others are found later


class FolderWatcher:
    """Reads each picture in a folder once, writes a row for it and prints it.

    results: the file of rows. keep: where to copy the doubtful pictures. start_worker: makes a
    worker that runs `reader`. clock: counts seconds. Raises DigitsError if a folder is missing, or
    the results or the model can't be used.
    """

    def __init__(
        self,
        reader: Reader,
        results: Path,
        recursive: bool,
        keep: Path | None = None,
        *,
        start_worker: Callable[[], Worker[FileStamp, Row | None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keep = KeepFolder(keep, reader.folder, reader.columns) if keep else None
        if not os.path.isdir(reader.folder):
            raise DigitsError(f"{reader.folder} is not a folder")
        self._reader, self._recursive, self._clock = reader, recursive, clock
        self._results = ResultsFile(results, reader.columns, key=3)
        self.done = self._results.done  # hashes of the cells of pictures with a row
        self._pool = Pool(start_worker or partial(Worker, reader.start, _MEMORY_LIMIT), 1)
        self._pool.wait_until_started()
        self._due: dict[FileStamp, float] = {}  # pictures without a row, and when to read them
        self._failed: set[FileStamp] = set()  # those whose next result is final
        self._next_scan = 0.0
        self._problems: dict[str, Collection[str]] = {}  # by activity
        self._is_stopping = False  # an Event could deadlock: it is set in handlers of signals

    def stop(self) -> None:
        """Have `run` end: at once, or after the current picture if that takes but a moment."""
        self._is_stopping = True

    def run(self) -> None:
        """Scan and read until stopped.

        Raises ModelError if the model fails, and DigitsError if another file takes the results'
        place or stdout is closed.
        """
        try:
            while not self._is_stopping:
                self.poll()
                time.sleep(POLL)
        finally:
            self._pool.kill()
            self._results.close()

    def poll(self) -> None:
        """Scan the folder if it is time, and read what is ready, the oldest first."""
        now = self._clock()
        if now >= self._next_scan:
            self._scan(now)
            after = self._clock()  # a scan of 100,000 pictures takes a while
            self._next_scan = after + 5 * (after - now)
        ready = [picture for picture, due in self._due.items() if due <= now]
        for picture in sorted(ready, key=lambda picture: picture.modified):
            if self._is_stopping or not self._read(picture):
                break
        if ready:
            self._results.fsync()

    def _scan(self, now: float) -> None:
        """Look for more pictures, until enough are waiting."""
        waiting = len(self._due) - len(self._failed)
        errors: list[PictureError] = []
        for picture in scan(self._reader.folder, self._recursive, errors.append):
            if self._is_stopping or waiting >= _MAX_WAITING:
                return
            if picture not in self._due and hash(picture.cells) not in self.done:
                self._due[picture] = now + STABLE
                waiting += 1
        self._note("folder", [*map(str, errors)])

    def _read(self, picture: FileStamp) -> bool:
        """Read a picture and write its row; False if that can't be done now."""
        try:
            row = self._ask(picture)
            if row and row.error and picture not in self._failed:
                self._failed.add(picture)
                self._due[picture] += DAMAGED - STABLE
                return True
            if row:
                self._results.append(row.lines)
        except (StartFailed, WriteFailed) as error:
            self._note("reading", [str(error)])
            return False
        self._note("reading", [])
        del self._due[picture]
        self._failed.discard(picture)
        if row:
            self._report(picture, row)
        return True

    def _report(self, picture: FileStamp, row: Row) -> None:
        """Say what has been written."""
        self.done.add(hash(picture.cells))
        if row.error:
            print_stderr(f"error: {row.error}")
        if self._keep and row.is_doubtful:
            self._note("keeping", self._keep.add(picture, row.lines))
        print_result(row.text)

    def _ask(self, picture: FileStamp) -> Row | None:
        """The row of a picture; None if it has changed, or isn't read when `run` has to end."""
        reading = self._pool.submit(picture, LIMIT)
        while not (self._is_stopping or wait([reading], POLL).done):
            pass
        if not wait([reading], SHUTDOWN).done:
            return None
        try:
            return reading.result()
        except WorkerDied:  # perhaps somebody killed it: this is tried again
            return self._reader.row(picture, None, f"digits died while reading {picture.name}")
        except TimeoutError:
            self._failed.add(picture)
            seconds = f"{LIMIT:.0f} seconds"
            return self._reader.row(picture, None, f"{picture.name} takes longer than {seconds}")

    def _note(self, activity: str, problems: Collection[str]) -> None:
        """Report each problem of an activity once, and when all of them are over.

        problems: those that it has now.
        """
        earlier = self._problems.get(activity, ())
        for problem in problems:
            if problem not in earlier:
                print_stderr(f"error: {problem}; trying again")
        if earlier and not problems:
            print_stderr("recovered")
        self._problems[activity] = problems
