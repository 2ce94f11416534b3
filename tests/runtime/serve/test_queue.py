"""Pictures that wait: how clients share the queue."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from starlette.exceptions import HTTPException

from digits.errors import ModelError
from digits.processes import StartFailed, WorkerDied
from digits.serve.queue import PictureQueue
from digits.serve.worker import PictureResponse, PictureWorker, TooMuchMemory, Upload
from digits.web.settings import Limits
from tests.in_process import InProcess

pytestmark = pytest.mark.anyio


FAILURES: dict[bytes, tuple[Exception, str]] = {  # and what is answered
    b"die": (WorkerDied(-9), "the process that read the picture was killed"),
    b"bug": (WorkerDied(1), "WorkerDied"),
    b"large": (TooMuchMemory(), "the picture takes too much memory"),
    b"late": (TimeoutError(), "the picture takes too much time"),
    b"unstarted": (StartFailed("can't start"), "can't start"),
    b"lie": (ModelError("no probabilities"), "ModelError"),
}


class BlockingReader:
    """Answers each picture with its content, or raises what it says, once `go` is set."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, upload: Upload) -> PictureResponse:
        self.contents.append(upload.content)
        self.begun.set()
        assert self.go.wait(60)
        if upload.content in FAILURES:
            raise FAILURES[upload.content][0]
        return PictureResponse(200, upload.content.decode())

    def start(self) -> PictureWorker:
        return InProcess(self)


def upload(content: bytes) -> Upload:
    return Upload("predict", "", content, {})


@pytest.fixture
def reader() -> BlockingReader:
    return BlockingReader()


@asynccontextmanager
async def busy_queue(reader: BlockingReader, **limits: int) -> AsyncIterator[PictureQueue]:
    """A queue whose process is reading a picture until the context ends."""
    queue = PictureQueue(reader.start, 1, Limits(**limits))
    first = asyncio.create_task(queue.answer(upload(b"first")))
    await asyncio.to_thread(reader.begun.wait, 60)
    try:
        yield queue
    finally:
        reader.go.set()
    assert (await first).text == "first"


async def ask(queue: PictureQueue, *contents: bytes) -> "list[asyncio.Task[PictureResponse]]":
    """Queue pictures."""
    tasks = [asyncio.create_task(queue.answer(upload(content))) for content in contents]
    await asyncio.sleep(0)
    return tasks


async def texts(tasks: "Sequence[asyncio.Task[PictureResponse]]") -> list[str]:
    """What was answered; the names of the exceptions."""
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    return [
        answer.text if isinstance(answer, PictureResponse) else type(answer).__name__
        for answer in answers
    ]


@pytest.mark.parametrize("cause", FAILURES)
async def test_only_the_cause_of_a_failure_fails(reader: BlockingReader, cause: bytes) -> None:
    async with busy_queue(reader) as queue:
        tasks = await ask(queue, b"a", cause, b"b")
    assert await texts(tasks) == ["a", FAILURES[cause][1], "b"]
    assert reader.contents[1:] == [b"a", cause, b"b"] and queue.pending == 0


@pytest.mark.slow
async def test_full_queue_refuses(reader: BlockingReader) -> None:
    async with busy_queue(reader, max_queued_pictures=3) as queue:
        tasks = await ask(queue, b"a", b"b")
        with pytest.raises(HTTPException, match="too many pictures are waiting") as refused:
            await queue.answer(upload(b"c"))
        assert refused.value.status_code == 429
        assert refused.value.headers == {"retry-after": "1"}
    assert await texts(tasks) == ["a", "b"]


async def test_picture_of_a_gone_client_is_not_read(reader: BlockingReader) -> None:
    async with busy_queue(reader) as queue:
        gone, stays = await ask(queue, b"gone", b"stays")
        gone.cancel()
        await asyncio.sleep(0)
    assert await texts([stays]) == ["stays"]
    assert reader.contents == [b"first", b"stays"] and queue.pending == 0
