"""Read the pictures that arrive in a folder, for months: `digits watch`.

The results file is the only state: a picture with a row there is done. How long a picture has been
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
from digits.images.formats import split_page
from digits.processes import Pool, StartFailed, Worker, WorkerDied
from digits.terminal import print_result, print_stderr
from digits.watch.folder import FileStamp, KeepFolder, may_be_partial, scan
from digits.watch.job import PictureResult, WatchJob, join

STABLE_SECONDS = 1.0  # without a change, after which a picture counts as completely written
DAMAGED_SECONDS = 60.0  # the same of one that is unreadable, or may be partial
POLL_SECONDS = 0.5  # between two scans
TIMEOUT_SECONDS = 60.0  # to read a picture; then its worker is killed
SHUTDOWN_SECONDS = 0.7  # to read the last picture after SIGTERM

_MEMORY_LIMIT = 1 << 30  # bytes for one picture; the largest needs as many
_MAX_WAITING = 1000  # pictures in the queue; others are found later


class FolderWatcher:
    """Reads each picture in a folder once, writes a row for it and prints it.

    results: the file of rows.
    recursive: whether to read the pictures in subfolders, too.
    keep: the folder for copies of doubtful pictures.
    start_worker: makes a worker that runs `job`.
    clock: counts seconds.

    Raises DigitsError if a folder is missing, or the results or the model can't be used.
    """

    def __init__(
        self,
        job: WatchJob,
        results: Path,
        recursive: bool,
        keep: Path | None = None,
        *,
        start_worker: Callable[[], Worker[FileStamp, PictureResult | None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        checksum = job.task.checksum
        self._keep = KeepFolder(keep, job.folder, job.columns, checksum) if keep else None
        if not os.path.isdir(job.folder):
            raise DigitsError(f"{job.folder} is not a folder")
        self._job, self._recursive, self._clock = job, recursive, clock
        self._results = ResultsFile(results, job.columns, key_columns=3, checksum=checksum)
        self.done_hashes = self._results.done_hashes  # hashes of the cells of pictures with a row
        self._pool = Pool(start_worker or partial(Worker, job.start, _MEMORY_LIMIT), 1)
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
                time.sleep(POLL_SECONDS)
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
        for picture in scan(self._job.folder, self._recursive, errors.append):
            if self._is_stopping or waiting >= _MAX_WAITING:
                return
            if picture not in self._due and not self._is_done(picture):
                is_doubtful = may_be_partial(self._job.folder, picture.name)
                self._due[picture] = now + (DAMAGED_SECONDS if is_doubtful else STABLE_SECONDS)
                waiting += 1
        self._report_problems("folder", [*map(str, errors)])

    def _is_done(self, picture: FileStamp) -> bool:
        """Whether it has a row; of a document, the rows of all pages are written together."""
        names = picture.name, f"{picture.name}#1"
        return any(hash(picture._replace(name=n).cells) in self.done_hashes for n in names)

    def _read(self, picture: FileStamp) -> bool:
        """Read a picture and write its row; False if that can't be done now."""
        try:
            result = self._ask_pages(picture)
            if result and result.error and picture not in self._failed:
                self._failed.add(picture)
                self._due[picture] += DAMAGED_SECONDS - STABLE_SECONDS
                return True
            if result:
                self._results.append(result.lines)
        except (StartFailed, WriteFailed) as error:
            self._report_problems("reading", [str(error)])
            return False
        self._report_problems("reading", [])
        del self._due[picture]
        self._failed.discard(picture)
        if result:
            self._report_result(picture, result)
        return True

    def _report_result(self, picture: FileStamp, result: PictureResult) -> None:
        """Print a result whose row has been written, and keep a doubtful picture."""
        self.done_hashes.add(hash(picture.cells))
        if result.error:
            print_stderr(f"error: {result.error}")
        if self._keep and result.is_doubtful:
            problems = self._keep.add(picture, result.lines, result.page_count)
            self._report_problems("keeping", problems)
        print_result(result.json)

    def _ask_pages(self, picture: FileStamp) -> PictureResult | None:
        """Return the result of all pages, which are read one by one; None as `_ask` does."""
        pages = list[PictureResult]()
        count = 1
        while len(pages) < count:
            name = f"{picture.name}#{len(pages) + 1}" if pages else picture.name
            page = self._ask(picture._replace(name=name))
            if page is None:
                return None
            count = count if pages else page.page_count
            pages.append(page)
        return join(pages)

    def _ask(self, picture: FileStamp) -> PictureResult | None:
        """Return the result of a page.

        None if the picture has changed, or isn't read when `run` must end.
        """
        future = self._pool.submit(picture, TIMEOUT_SECONDS)
        while not (self._is_stopping or wait([future], POLL_SECONDS).done):
            pass
        if not wait([future], SHUTDOWN_SECONDS).done:
            return None
        try:
            return future.result()
        except WorkerDied:  # perhaps somebody killed it: this is tried again
            return self._job.failure(picture, f"digits died while reading {picture.name}")
        except TimeoutError:
            self._failed.add(picture._replace(name=split_page(picture.name).file))
            error = f"{picture.name} takes longer than {TIMEOUT_SECONDS:.0f} seconds"
            return self._job.failure(picture, error)

    def _report_problems(self, activity: str, problems: Collection[str]) -> None:
        """Print each new problem of an activity, and say when all of them are over."""
        earlier = self._problems.get(activity, ())
        for problem in problems:
            if problem not in earlier:
                print_stderr(f"error: {problem}; trying again")
        if earlier and not problems:
            print_stderr("recovered")
        self._problems[activity] = problems
