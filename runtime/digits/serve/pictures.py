"""A picture in, what `digits predict --json` and `digits read --json` print out."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from digits.classifier import Classifier
from digits.commands import output
from digits.serve import limits
from digits.system import cores
from digits.vision import picture


class Pictures:
    """Reads pictures in threads, one for each core. Belongs to one event loop."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._threads = ThreadPoolExecutor(cores(), "pictures")
        self._waiting = 0

    async def predict(self, name: str, content: bytes, frame: bool) -> str:
        """The JSON of the one digit. Raises PictureError; HTTPException 413 and 429."""

        def work() -> str:
            _check_size(content)
            answer = self._classifier.predict(content)
            return json.dumps(output.prediction_values(name, answer, frame))

        return await self._work(work)

    async def read(self, name: str, content: bytes, frame: bool) -> str:
        """The JSON of all digits. Raises as `predict` does."""

        def work() -> str:
            _check_size(content)
            answer = self._classifier.read(content)
            return json.dumps(output.reading_values(name, answer, frame))

        return await self._work(work)

    async def _work(self, work: Callable[[], str]) -> str:
        """Do it in a thread. Raises HTTPException 429 when too many are waiting."""
        if self._waiting >= limits.WAITING_PICTURES:
            raise HTTPException(429, "too many pictures are waiting", {"retry-after": "1"})
        loop = asyncio.get_running_loop()

        def done(_: Future[str]) -> None:
            loop.call_soon_threadsafe(self._one_less)

        self._waiting += 1
        future = self._threads.submit(work)
        # A thread can't be stopped: what takes too long counts until it has ended.
        future.add_done_callback(done)
        return await asyncio.wrap_future(future)

    def _one_less(self) -> None:
        self._waiting -= 1


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


def _check_size(content: bytes) -> None:
    width, height = picture.size(content)
    if width * height > limits.PIXELS:
        raise HTTPException(
            413,
            f"at most {limits.PIXELS // 1_000_000} million pixels are read, not {width} x {height}",
        )
