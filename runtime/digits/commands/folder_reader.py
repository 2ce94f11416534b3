"""Reads the pictures of a folder in processes of their own.

One that takes all memory, crashes a decoder or never ends costs itself and no other.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from digits.commands.folder_scan import FileStamp, stamp
from digits.errors import DigitsError, PictureError
from digits.prediction import Prediction
from digits.processes import StopEvent, Worker, WorkerDied
from digits.system import too_many_files

if TYPE_CHECKING:
    from digits.inference.metadata import Kernels

MEMORY = 1 << 30  # bytes that a picture may take: what the largest does

_SLOW = 5.0  # seconds for one picture, after which another worker reads the others
_ENDLESS = 60.0  # seconds for one picture, after which its worker is ended
_WORKERS = 4


class Request(NamedTuple):
    """What a worker is asked for. refusal: why the picture isn't to be read."""

    picture: FileStamp
    refusal: str = ""


class Row(NamedTuple):
    """What comes of a picture. cells: of PREDICTION_COLUMNS, without the file. text: for stdout."""

    cells: list[object]
    text: str


class Reader(NamedTuple):
    """What a worker does. folder: in which the pictures are. as_json: how the texts are."""

    folder: str
    model: Path | None = None
    kernels: "Kernels | None" = None
    reject: bool = True
    sha256: str | None = None
    as_json: bool = False

    def start(self) -> Callable[[Request], Row | None]:
        """Open the model. Raises ModelError when it can't be used."""
        from digits.classifier import Classifier

        model, kernels, reject, sha256 = self.model, self.kernels, self.reject, self.sha256
        classifier = Classifier(model, kernels=kernels, reject=reject, sha256=sha256)

        def read(request: Request) -> Row | None:
            """None when the picture is another by now. Raises PictureError."""
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
            # What was read is whole, if it is gone by now.
            return row if stamp(self.folder, picture.name) in (picture, None) else None

        return read

    def row(self, name: str, prediction: Prediction) -> Row:
        """What is written of a picture."""
        text = prediction.format(name, "json" if self.as_json else "text", show_name=True)
        return Row(prediction.to_csv_row(name)[1:], text)


ReaderWorker = Worker[Request, Row | None]


class Outcome(NamedTuple):
    """How it went. row: None where the picture is another by now, or there is an error."""

    picture: FileStamp
    row: Row | None = None
    error: PictureError | None = None
    died: bool = False  # the worker did
    final: bool = False  # the error stands, however often it is tried


class ReaderPool:
    """One worker, and up to three more while pictures keep the others for long.

    start_worker: gives a worker that does what a Reader does. Raises the ModelError that it starts
    with.
    """

    def __init__(self, start_worker: Callable[[], ReaderWorker]) -> None:
        self._start_worker = start_worker
        self._idle = [start_worker()]
        self._busy: dict[ReaderWorker, tuple[FileStamp, float]] = {}  # what it reads, since when
        self._idle[0].wait_until_started()

    @property
    def reading(self) -> list[FileStamp]:
        """The pictures that are read at the moment."""
        return [picture for picture, _ in self._busy.values()]

    @property
    def free(self) -> bool:
        """Whether another picture may be sent."""
        now = time.monotonic()
        slow = all(now - since > _SLOW for _, since in self._busy.values())
        return bool(self._idle) or (slow and len(self._busy) < _WORKERS)

    def send(self, request: Request) -> None:
        """Have it read, when the pool is free. Raises DigitsError when no worker can be started."""
        worker = self._idle.pop() if self._idle else self._start_worker()
        worker.wait_until_started()
        self._busy[worker] = request.picture, time.monotonic()
        with suppress(WorkerDied):  # which `wait` tells
            worker.send(request)

    def wait(self, stop: StopEvent | None, seconds: float) -> list[Outcome]:
        """What comes of pictures that were sent; at most so long, and not when it has to stop.

        Raises ModelError when the model fails.
        """
        ends = {worker.fileno(): worker for worker in self._busy}
        ready = wait([*ends, *([stop.fileno()] if stop else [])], seconds)
        outcomes = [self._finish(worker) for end, worker in ends.items() if end in ready]
        now = time.monotonic()
        for worker, (picture, since) in list(self._busy.items()):
            if now - since > _ENDLESS:
                del self._busy[worker]
                worker.close()
                late = PictureError(f"{picture.name} takes longer than {_ENDLESS:.0f} seconds")
                outcomes.append(Outcome(picture, error=late, final=True))
        for worker in self._idle[1:]:
            worker.close()
        del self._idle[1:]
        return outcomes

    def close(self) -> None:
        """End all workers, whatever they do."""
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
