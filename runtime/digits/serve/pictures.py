"""A picture in, what `digits predict --json` and `digits read --json` print out."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Literal, NamedTuple

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from digits.classifier import Classifier
from digits.commands import output
from digits.errors import DigitsError
from digits.processes import Worker, WorkerDied
from digits.serve import limits
from digits.system import cores
from digits.vision import picture


class Upload(NamedTuple):
    """A picture, and what is asked of it. frame: whether to answer with the 28x28 pixels too."""

    command: Literal["predict", "read"]
    name: str
    content: bytes
    frame: bool


class Answer(NamedTuple):
    """An HTTP status, and JSON or, when it isn't 200, a sentence."""

    status: int
    text: str


PictureWorker = Worker[Upload, Answer]


def start_worker(classifier: Classifier) -> PictureWorker:
    """A process that answers uploads as `answer` does."""
    return Worker(partial(_answering, classifier), limits.PICTURE_MEMORY)


def _answering(classifier: Classifier) -> Callable[[Upload], Answer]:
    return partial(answer, classifier)


def answer(classifier: Classifier, upload: Upload) -> Answer:
    """Read a picture. Raises PictureError and ModelError."""
    command, name, content, frame = upload
    width, height = picture.size(content)
    if width * height > limits.PIXELS:
        most = limits.PIXELS // 1_000_000
        return Answer(413, f"at most {most} million pixels are read, not {width} x {height}")
    if command == "predict":
        values = output.prediction_values(name, classifier.predict(content), frame)
    else:
        values = output.reading_values(name, classifier.read(content), frame)
    return Answer(200, output.as_json(values))


class Pictures:
    """Reads pictures in processes, one for each core. Belongs to one event loop.

    A decoder can't be stopped from outside, nor made to give back its memory; a process can.
    start_worker: gives one that does what `answer` does.
    """

    def __init__(self, start_worker: Callable[[], PictureWorker]) -> None:
        self._start_worker = start_worker
        self._idle = [start_worker()]  # any other is started when it is needed
        self._threads = ThreadPoolExecutor(cores(), "pictures")  # which wait for the processes
        self._waiting = 0

    async def answer(self, upload: Upload) -> str:
        """The JSON for a picture.

        Raises PictureError and ModelError; HTTPException 413 when it has too many pixels, 429 when
        too many are waiting, 503 when it takes too much time or memory.
        """
        if self._waiting >= limits.WAITING_PICTURES:
            raise HTTPException(429, "too many pictures are waiting", {"retry-after": "1"})
        loop = asyncio.get_running_loop()

        def done(_: Future[str]) -> None:
            with suppress(RuntimeError):  # the loop is closed: the server ends
                loop.call_soon_threadsafe(self._one_less)

        self._waiting += 1
        future = self._threads.submit(self._ask, upload)
        future.add_done_callback(done)  # when the client has gone, too
        return await asyncio.wrap_future(future)

    def _one_less(self) -> None:
        self._waiting -= 1

    def _ask(self, upload: Upload) -> str:
        worker = self._worker()
        try:
            status, text = worker.ask(upload, limits.PICTURE_SECONDS)
        except TimeoutError as error:
            worker.close()
            raise HTTPException(503, "the picture takes too much time") from error
        except WorkerDied as error:
            if (worker.exit_code or 0) > 0:
                raise RuntimeError("a worker failed; its traceback is above") from error
            raise HTTPException(503, "the picture takes too much memory") from error
        except DigitsError:
            self._idle.append(worker)
            raise
        self._idle.append(worker)
        if status != 200:
            raise HTTPException(status, text)
        return text

    def _worker(self) -> PictureWorker:
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return self._start_worker()
        except WorkerDied as error:
            raise HTTPException(503, str(error), {"retry-after": "1"}) from error


async def sent(request: Request, body: bytes) -> tuple[str, bytes]:
    """The picture in a request, and the name of its file: the whole body, or the file of a form.

    Raises HTTPException: 400 for a broken form, 422 for one that doesn't have one file.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        return "", body

    async def whole() -> AsyncGenerator[bytes]:
        yield body

    try:
        form = await _InMemory(request.headers, whole(), max_files=1, max_fields=8).parse()
    except (MultiPartException, ValueError) as error:
        raise HTTPException(400, f"the form is broken: {error}") from error
    files = [value for value in form.values() if isinstance(value, UploadFile)]
    if not files and not body.rstrip().endswith(b"--"):
        raise HTTPException(400, "the form is broken: it ends too early")
    if not files:
        raise HTTPException(422, "the form has no file")
    return files[0].filename or "", await files[0].read()


class _InMemory(MultiPartParser):
    spool_max_size = limits.PICTURE_BYTES + limits.FORM_BYTES  # a larger one would go to the disk
