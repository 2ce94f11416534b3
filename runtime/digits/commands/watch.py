"""Read the pictures that arrive in a folder, for months: `digits watch`.

The results file is the memory: a picture that has a row there is done. Two pictures are the same
when name, time and size are. How long one has stood unchanged is seen by looking, not by the
clock, which may jump.
"""

import os
import select
import signal
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from digits.classifier import Classifier, Prediction
from digits.commands import output
from digits.commands.attempts import Attempts
from digits.commands.journal import CantWrite, Journal
from digits.errors import DigitsError, PictureError
from digits.terminal import complain, printable
from digits.vision.formats import SUFFIXES

COLUMNS = ("file", "modified", "size", *output.PREDICTION_COLUMNS[1:])

_SETTLED = 1.0  # seconds unchanged, after which a picture counts as completely written
_DAMAGED = 60.0  # seconds unchanged, after which one that can't be read counts as damaged
_PAUSE = 0.5  # seconds between two looks at the folder
_LOOKING = 0.2  # the most of the time that looks may take: one at 100,000 pictures takes a while


@dataclass(frozen=True)
class Arrival:
    """A picture in the folder. name: below the folder. modified: UTC, to the nanosecond."""

    name: str
    modified: str
    size: int

    @property
    def cells(self) -> tuple[str, str, str]:
        """As in the results: what tells it from other pictures."""
        return output.as_written(self.name), self.modified, str(self.size)

    @property
    def key(self) -> int:
        """Takes a third of the memory, for a device sees many: 2 of 10^6 are equal by 1 in 10^7."""
        return hash(self.cells)


class StopEvent:
    """An event that SIGTERM and Ctrl-C set from now on, instead of ending the process.

    threading.Event won't do: `wait` holds its lock for moments, and a signal that came just then
    would wait for that lock for ever, in the same thread.
    """

    def __init__(self) -> None:
        self._set, self._wake = False, os.pipe()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def is_set(self) -> bool:
        return self._set

    def wait(self, seconds: float) -> None:
        """Until it is set, but no longer."""
        select.select([self._wake[0]], [], [], seconds)

    def _stop(self, *_: object) -> None:
        if not self._set:
            self._set = True
            os.write(self._wake[1], b"\0")


class Watch:
    """Reads each picture in a folder once, and writes a row for it.

    tell: called with each answer after its row is written. Raises DigitsError when the folder isn't
    there or the results can't be used.
    """

    def __init__(
        self,
        folder: Path,
        results: Path,
        classifier: Classifier,
        recursive: bool,
        tell: Callable[[Arrival, Prediction], None],
    ) -> None:
        if not os.path.isdir(folder):
            raise DigitsError(f"{folder} is not a folder")
        self._folder, self._recursive = folder, recursive
        self._classifier, self._tell = classifier, tell
        self._journal = Journal(results, COLUMNS)
        self._done = {hash(tuple(row[:3])) for row in self._journal.rows()}
        died_of = results.with_name(f".{results.name}.reading")
        self._attempts = Attempts(died_of, self._done)
        self._waiting: dict[Arrival, float] = {}  # since when each has stood unchanged
        self._unreadable: set[Arrival] = set()  # so far
        self._trouble = ""
        self._closed: set[str] = set()  # folders that can't be looked into

    @property
    def done(self) -> int:
        """How many pictures have a row."""
        return len(self._done)

    def run(self, stop: StopEvent) -> None:
        """Look and read until the event is set; ends between two pictures.

        Raises what `tell` raises, and DigitsError when another file is put in the results' place.
        """
        while not stop.is_set():
            pause = self._round(stop)
            self._journal.save()
            stop.wait(pause)

    def _round(self, stop: StopEvent) -> float:
        """Look at the folder once and read what has settled. Returns the seconds until the next."""
        started = time.monotonic()
        pause = _PAUSE
        try:
            settled = self._settled()
            pause = max(pause, (time.monotonic() - started) / _LOOKING)
            for arrival in settled:
                if stop.is_set():
                    break
                self._read(arrival)
            self._say("")
        except CantWrite as error:
            self._say(str(error))
        except OSError as error:  # a folder that is gone, as when a disk is unmounted
            self._say(f"can't look at {self._folder}: {error.strerror}")
        return pause

    def _settled(self) -> list[Arrival]:
        """What isn't done and has stood unchanged for long enough, in the order of arrival.

        What a process died of comes last.
        """
        now = time.monotonic()
        new = sorted(
            (one for one in self._arrivals(self._folder) if one.key not in self._done),
            key=lambda one: (self._attempts.deaths(one.cells), one.modified, one.name),
        )
        self._waiting = {one: self._waiting.get(one, now) for one in new}
        self._unreadable.intersection_update(new)
        return [
            one
            for one, since in self._waiting.items()
            if now - since >= (_DAMAGED if one in self._unreadable else _SETTLED)
        ]

    def _arrivals(self, folder: Path) -> Iterator[Arrival]:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):  # what rsync and others write before they rename it
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if self._recursive:
                        yield from self._below(Path(entry.path))
                elif os.path.splitext(entry.name)[1].lower() in SUFFIXES and (
                    arrival := self._arrival(entry.path)
                ):
                    yield arrival

    def _below(self, folder: Path) -> Iterator[Arrival]:
        """One folder in the folder that can't be looked into keeps no other picture waiting."""
        try:
            yield from self._arrivals(folder)
            self._closed.discard(str(folder))
        except OSError as error:
            if str(folder) not in self._closed:
                complain(f"error: can't look at {printable(str(folder))}: {error.strerror}")
                self._closed.add(str(folder))

    def _arrival(self, path: str) -> Arrival | None:
        """The picture as it is now; None when it is gone, or no regular file."""
        try:
            status = os.stat(path)
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        name = os.path.relpath(path, self._folder)
        return Arrival(name, _utc(status.st_mtime_ns), status.st_size)

    def _read(self, arrival: Arrival) -> None:
        path = str(self._folder / arrival.name)
        try:
            with self._attempts.reading(arrival.cells):
                prediction = self._classifier.predict(path)
        except PictureError as error:
            if self._arrival(path) != arrival:
                return  # it is gone, or was still being written
            if arrival not in self._unreadable:
                self._unreadable.add(arrival)
                return
            complain(f"error: {printable(str(error))}")
            prediction = Prediction(None, 0.1, (0.1,) * 10, (0, 0, 0, 0), str(error))
        now = self._arrival(path)
        if now not in (arrival, None):  # what was read is whole, if it is gone by now
            return
        cells = output.prediction_cells(arrival.name, prediction)
        self._journal.append([cells[0], arrival.modified, arrival.size, *cells[1:]])
        self._done.add(arrival.key)
        self._tell(arrival, prediction)

    def _say(self, trouble: str) -> None:
        """Tell of trouble once, and once when it has passed."""
        if trouble != self._trouble:
            complain(f"error: {printable(trouble)}; trying again" if trouble else "it works again")
        self._trouble = trouble


def _utc(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    try:
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09}Z"
    except (OverflowError, OSError, ValueError):  # no year that the C library knows
        return f"{nanoseconds} ns"
