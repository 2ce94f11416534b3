"""Read the pictures that arrive in a folder, for months: `digits read --watch`.

The file of results is the only state: a picture with a row there is done. How long a picture has
been unchanged is measured by a monotonic clock, because the system's may jump.
"""

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import wait
from functools import partial

from digits.commands.inbox import Arrival, find, may_be_partial, scan
from digits.commands.output import Result, ResultWriter
from digits.commands.results import WriteFailed
from digits.errors import PictureError
from digits.images.documents import MEMORY_LIMIT, TIMEOUT, split_pages
from digits.processes import Pool, Start, StartFailed, Worker, WorkerDied
from digits.terminal import print_stderr

STABLE_SECONDS = 1.0  # without a change, after which a picture counts as completely written
DAMAGED_SECONDS = 60.0  # the same of one that is unreadable, or may be partial
POLL_SECONDS = 0.5  # between two scans
SHUTDOWN_SECONDS = 0.7  # to read the last picture after SIGTERM

_MAX_WAITING = 1000  # pictures in the queue; others are found later


class FolderWatcher:
    """Reads each picture in a folder once.

    recursive: whether to read the pictures in subfolders, too.
    start: picklable; returns what reads pictures by their paths, in a worker process.
    on_death: gives the result of a picture that kills its worker, or takes too long.
    writer: gets the results, and knows the earlier ones.
    start_worker: makes a worker that runs `start`.
    clock: counts seconds.

    Raises StartFailed, and ModelError if the model can't be used.
    """

    def __init__(
        self,
        folder: str,
        recursive: bool,
        start: Start[Sequence[str], list[Result]],
        on_death: Callable[[str], Result],
        writer: ResultWriter,
        *,
        start_worker: Callable[[], Worker[Sequence[str], list[Result]]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._recursive, self._clock = folder, recursive, clock
        self._on_death, self._writer = on_death, writer
        self._pool = Pool(start_worker or partial(Worker, start, MEMORY_LIMIT), 1)
        self._pool.wait_until_started()
        self._due: dict[Arrival, float] = {}  # pictures without a result, and when to read them
        self._failed: set[Arrival] = set()  # those whose next result is final
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
            self._writer.fsync()

    def _scan(self, now: float) -> None:
        """Look for more pictures, until enough are waiting."""
        waiting = len(self._due) - len(self._failed)
        errors: list[PictureError] = []
        for picture in scan(self._folder, self._recursive, errors.append):
            if self._is_stopping or waiting >= _MAX_WAITING:
                return
            if picture not in self._due and not self._is_done(picture):
                is_doubtful = may_be_partial(self._folder, picture.path)
                self._due[picture] = now + (DAMAGED_SECONDS if is_doubtful else STABLE_SECONDS)
                waiting += 1
        self._report_problems("folder", [*map(str, errors)])

    def _is_done(self, picture: Arrival) -> bool:
        """Whether it has a row; of a document, the rows of all pages are written together."""
        writer, stamp = self._writer, picture.stamp
        pages = picture.path, f"{picture.path}#1"
        return any(writer.has_answer(p, stamp) or writer.has_failure(p, stamp) for p in pages)

    def _read(self, picture: Arrival) -> bool:
        """Read a picture and write its rows; False if that can't be done now."""
        try:
            pages = split_pages([picture.path], in_worker=True)
            results = self._read_pages(picture, pages)
            is_unread = not all(result.is_read for result in results)
            if results and is_unread and picture not in self._failed:
                self._failed.add(picture)
                self._due[picture] += DAMAGED_SECONDS - STABLE_SECONDS
                return True
            if results:
                self._writer.add(pages, results)
                self._writer.mark_done(pages[0], picture.stamp)
        except (StartFailed, WriteFailed) as error:
            self._report_problems("reading", [str(error)])
            return False
        self._report_problems("reading", [])
        del self._due[picture]
        self._failed.discard(picture)
        return True

    def _read_pages(self, picture: Arrival, pages: Sequence[str]) -> list[Result]:
        """Read a picture's pages one by one.

        Returns none if it has changed meanwhile, or isn't read when `run` must end.
        """
        results = list[Result]()
        for page in pages:
            future = self._pool.submit([page], TIMEOUT)
            while not (self._is_stopping or wait([future], POLL_SECONDS).done):
                pass
            if not wait([future], SHUTDOWN_SECONDS).done:
                return []
            try:
                results += future.result()
            except WorkerDied:  # perhaps somebody killed it: this is tried again
                results.append(self._on_death(page))
            except TimeoutError:
                self._failed.add(picture)
                results.append(self._on_death(page))
        current = find(picture.path)
        # Of one that is gone by now, too: what was read is complete.
        is_gone = current is None and all(result.is_read for result in results)
        return results if current == picture or is_gone else []

    def _report_problems(self, activity: str, problems: Collection[str]) -> None:
        """Print each new problem of an activity, and say when all of them are over."""
        earlier = self._problems.get(activity, ())
        for problem in problems:
            if problem not in earlier:
                print_stderr(f"error: {problem}; trying again")
        if earlier and not problems:
            print_stderr("recovered")
        self._problems[activity] = problems
