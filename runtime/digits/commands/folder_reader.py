"""Read the pictures of a folder in worker processes.

A picture that exhausts memory, crashes a decoder or never ends affects no other.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from digits.commands.folder_scan import FileStamp, stamp
from digits.commands.runner import ClassifierOptions
from digits.errors import DigitsError, PictureError
from digits.prediction import Prediction
from digits.processes import StopEvent, Worker, WorkerDied, wait_for_answers
from digits.system import too_many_files

MEMORY_LIMIT = 1 << 30  # bytes for one picture; the largest needs as many

_SLOW_SECONDS = 5.0  # for one picture; then another worker reads the others
_MAX_SECONDS = 60.0  # for one picture; then its worker is killed
_MAX_WORKERS = 4


class ReadRequest(NamedTuple):
    """A picture to read. refusal: why it must not be read, or empty."""

    picture: FileStamp
    refusal: str = ""


class Row(NamedTuple):
    """The result of a picture. cells: PREDICTION_COLUMNS without the file. text: for stdout."""

    cells: list[object]
    text: str


class Reader(NamedTuple):
    """Reads pictures in a worker. folder: of the pictures. as_json: whether texts are JSON."""

    folder: str
    options: ClassifierOptions = ClassifierOptions()
    as_json: bool = False

    def start(self) -> Callable[[ReadRequest], Row | None]:
        """Open the model. Raises ModelError if it can't be used."""
        classifier = self.options.open()

        def read(request: ReadRequest) -> Row | None:
            """Read a picture; None if it has changed meanwhile. Raises PictureError."""
            picture, refusal = request
            path = os.path.join(self.folder, picture.name)
            try:
                if refusal:
                    raise PictureError(refusal)
                row = self.row(picture.name, classifier.predict(path))
            except PictureError as error:
                if reason := too_many_files(error):
                    raise DigitsError(reason) from error
                if stamp(self.folder, picture.name) != picture:
                    return None
                raise
            # If it is gone by now, what was read is complete.
            return row if stamp(self.folder, picture.name) in (picture, None) else None

        return read

    def row(self, name: str, prediction: Prediction) -> Row:
        """Format the result of a picture."""
        text = prediction.format(name, "json" if self.as_json else "text", show_name=True)
        return Row(prediction.to_csv_row(name)[1:], text)


ReaderWorker = Worker[ReadRequest, Row | None]


class Outcome(NamedTuple):
    """What became of a request. row: None if the picture has changed, or after an error."""

    picture: FileStamp
    row: Row | None = None
    error: PictureError | None = None
    died: bool = False  # the worker did
    final: bool = False  # trying again won't help


class ReaderPool:
    """One worker, and up to three more while slow pictures occupy the others.

    start_worker: makes a worker that runs a Reader. Raises the ModelError that it starts with.
    """

    def __init__(self, start_worker: Callable[[], ReaderWorker]) -> None:
        self._start_worker = start_worker
        self._idle = [start_worker()]
        self._busy: dict[ReaderWorker, tuple[FileStamp, float]] = {}  # picture and start time
        self._idle[0].wait_until_started()

    @property
    def reading(self) -> list[FileStamp]:
        """The pictures being read."""
        return [picture for picture, _ in self._busy.values()]

    @property
    def free(self) -> bool:
        """Whether another picture can be sent."""
        now = time.monotonic()
        slow = all(now - since > _SLOW_SECONDS for _, since in self._busy.values())
        return bool(self._idle) or (slow and len(self._busy) < _MAX_WORKERS)

    def send(self, request: ReadRequest) -> None:
        """Send a request to a free pool.

        Raises WorkerDied if no worker can be started, and the ModelError that it starts with.
        """
        worker = self._idle.pop() if self._idle else self._start_worker()
        try:
            worker.wait_until_started()
        except DigitsError:
            worker.close()
            raise
        self._busy[worker] = request.picture, time.monotonic()
        with suppress(WorkerDied):  # which `wait` reports
            worker.send(request)

    def wait(self, stop: StopEvent | None, seconds: float) -> list[Outcome]:
        """Wait for outcomes, for so many seconds or until `stop` is set.

        Raises ModelError if the model fails.
        """
        ready = wait_for_answers(self._busy, stop, seconds)
        outcomes = [self._finish(worker) for worker in ready]
        now = time.monotonic()
        for worker, (picture, since) in list(self._busy.items()):
            if now - since > _MAX_SECONDS:
                del self._busy[worker]
                worker.close()
                late = PictureError(f"{picture.name} takes longer than {_MAX_SECONDS:.0f} seconds")
                outcomes.append(Outcome(picture, error=late, final=True))
        for worker in self._idle[1:]:
            worker.close()
        del self._idle[1:]
        return outcomes

    def close(self) -> None:
        """Kill all workers."""
        for worker in (*self._idle, *self._busy):
            worker.close()

    def _finish(self, worker: ReaderWorker) -> Outcome:
        picture, _ = self._busy[worker]
        try:
            outcome = Outcome(picture, worker.receive())
        except PictureError as error:
            outcome = Outcome(picture, error=error)
        except WorkerDied:
            worker.close()
            outcome = Outcome(picture, died=True)
        del self._busy[worker]
        if not outcome.died:
            self._idle.append(worker)
        return outcome
