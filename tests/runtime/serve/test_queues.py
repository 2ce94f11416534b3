"""Bodies, digits and pictures that wait: how clients share memory, batches and turns."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import numpy as np
import numpy.typing as npt
import pytest
from starlette.requests import Request
from starlette.types import Message

from digits.classifier import Classifier
from digits.data.mnist import Split
from digits.errors import ModelError
from digits.processes import StartFailed, WorkerDied
from digits.serve.batcher import Batcher
from digits.serve.body import BodyReader
from digits.serve.limits import Limits
from digits.serve.metrics import Metrics
from digits.serve.picture_queue import PictureQueue
from digits.serve.pictures import Answer, PictureWorker, TooMuch, Upload
from digits.serve.refusals import Refused
from tests.in_process import InProcess


def request(client: str, size: int, goes: bool = False) -> Request:
    """goes: whether the client goes away before it has sent all."""
    messages: list[Message] = [{"type": "http.disconnect"}] if goes else []
    messages.insert(0, {"type": "http.request", "body": bytes(size), "more_body": goes})

    async def receive() -> Message:
        return messages.pop(0)

    return Request({"type": "http", "headers": [], "client": (client, 1)}, receive)


def test_one_client_gets_half_of_the_memory() -> None:
    reader = BodyReader(Limits(max_total_bytes=1000))

    async def status(client: str, size: int, goes: bool = False) -> int:
        try:
            async with reader.read(request(client, size, goes), 400):
                return 200
        except Refused as refused:
            return refused.status_code

    async def run() -> None:
        async with reader.read(request("a", 300), 400):
            assert await status("a", 201) == 429
            assert await status("a", 200) == 200
            async with reader.read(request("b", 400), 400):
                assert await status("c", 301) == 429
                assert await status("c", 300) == 200
        assert await status("a", 400, goes=True) == 400  # and leaves nothing behind
        async with reader.read(request("a", 600), 600) as body:  # more than half is allowed
            assert body == bytes(600)

    asyncio.run(run())


pytestmark = pytest.mark.anyio

Images = npt.NDArray[np.uint8]


class BlockingModel:
    """A model whose runs wait for `go`, so that requests queue up."""

    def __init__(self, classifier: Classifier) -> None:
        self.wrapped, self.go = classifier.model, threading.Event()
        self.sizes: list[int] = []
        self.error: Exception | None = None  # what a run raises

    def probabilities(self, images: Images) -> npt.NDArray[np.float32]:
        self.sizes.append(len(images))
        self.go.wait(60)
        if self.error:
            raise self.error
        return self.wrapped.probabilities(images)


@pytest.fixture
def model(classifier: Classifier) -> BlockingModel:
    return BlockingModel(classifier)


@pytest.fixture
def batcher(model: BlockingModel) -> Batcher:
    limits = Limits(max_queued_digits=400)
    return Batcher(model, limits, Metrics())  # type: ignore[arg-type]


async def begin(batcher: Batcher, images: Images) -> "asyncio.Task[npt.NDArray[np.float32]]":
    """Send a request, and let it be queued."""
    task = asyncio.create_task(batcher.probabilities(images))
    for _ in range(20):  # turns of the event loop, more than it takes
        await asyncio.sleep(0)
    return task


@pytest.mark.parametrize(
    ("sizes", "runs"),
    [
        ([1, 255, 1, 100], [1, 256, 100]),
        ([1, 255, 2, 142], [1, 255, 144]),  # as many as may wait
    ],
)
async def test_requests_share_the_next_batch(
    batcher: Batcher, model: BlockingModel, test_slice: Split, sizes: list[int], runs: list[int]
) -> None:
    """All but the first arrive while the first one runs. The answers are those of the runs."""
    images = test_slice.images[: sum(sizes), None]
    tasks = [await begin(batcher, part) for part in np.split(images, np.cumsum(sizes)[:-1])]
    with pytest.raises(Refused, match="too many digits are waiting"):
        await batcher.probabilities(test_slice.images[: 401 - sum(sizes), None])
    model.go.set()
    answers = await asyncio.gather(*tasks)
    assert model.sizes == runs and [len(rows) for rows in answers] == sizes
    batches = np.split(images, np.cumsum(runs)[:-1])
    expected = np.concatenate([model.wrapped.probabilities(batch) for batch in batches])
    np.testing.assert_array_equal(np.concatenate(answers), expected)
    assert batcher.waiting == 0


async def test_model_error_reaches_all_waiting_then_recovers(
    batcher: Batcher, model: BlockingModel, test_slice: Split
) -> None:
    model.go.set()
    model.error = ZeroDivisionError()
    asked = (batcher.probabilities(test_slice.images[:1, None]) for _ in range(3))
    assert await asyncio.gather(*asked, return_exceptions=True) == [model.error] * 3
    model.error = None
    assert len(await batcher.probabilities(test_slice.images[:1, None])) == 1


DIGITS = [bytes([letter]) for letter in b"abcdefghijklmnopqrst"]
SMALL, FILE = b"0" * (256 << 10), b"0" * ((256 << 10) + 1)
FAILURES: dict[bytes, tuple[Exception, str]] = {  # and what is answered
    b"die": (WorkerDied(-9), "the process that read the picture was killed"),
    b"bug": (WorkerDied(1), "WorkerDied"),
    b"large": (TooMuch(), "the picture takes too much memory"),
    b"late": (TimeoutError(), "the picture takes too much time"),
    b"unstarted": (StartFailed("can't start"), "can't start"),
    b"lie": (ModelError("no probabilities"), "ModelError"),
}


class BlockingReader:
    """Answers each picture with its content, or raises what it says, once `go` is set."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, uploads: Sequence[Upload]) -> list[Answer]:
        contents = [upload.content for upload in uploads]
        self.batches.append(contents)
        self.begun.set()
        assert self.go.wait(60)
        for content in contents:
            if content in FAILURES:
                raise FAILURES[content][0]
        return [Answer(200, content[:9].decode()) for content in contents]

    def start(self) -> PictureWorker:
        return InProcess(self)


def upload(content: bytes, command: str = "predict") -> Upload:
    return Upload(command, "", content, False)  # type: ignore[arg-type]


@pytest.fixture
def reader() -> BlockingReader:
    return BlockingReader()


@asynccontextmanager
async def busy_queue(
    reader: BlockingReader, client: str = "", **limits: int
) -> AsyncIterator[PictureQueue]:
    """A queue whose process is reading a picture until the context ends."""
    queue = PictureQueue(reader.start, 1, Limits(**limits), Metrics())
    first = asyncio.create_task(queue.answer(upload(b"first"), client))
    await asyncio.to_thread(reader.begun.wait, 60)
    try:
        yield queue
    finally:
        reader.go.set()
    assert (await first).text == "first"


async def ask(
    queue: PictureQueue, *contents: bytes, command: str = "predict", client: str = ""
) -> "list[asyncio.Task[Answer]]":
    """Queue pictures."""
    asked = [
        asyncio.create_task(queue.answer(upload(content, command), client)) for content in contents
    ]
    await asyncio.sleep(0)
    return asked


async def texts(tasks: "Sequence[asyncio.Task[Answer]]") -> list[str]:
    """What was answered; the names of the exceptions."""
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    return [
        answer.text if isinstance(answer, Answer) else type(answer).__name__ for answer in answers
    ]


@pytest.mark.parametrize(
    ("contents", "answers", "batches"),
    [
        (DIGITS, [*"abcdefghijklmnopqrst"], [DIGITS[:16], DIGITS[16:]]),
        # A large file is alone from the start.
        ([b"a", SMALL, FILE, b"b"], ["a", "0" * 9, "0" * 9, "b"], [[b"a", SMALL], [FILE], [b"b"]]),
    ],
)
async def test_waiting_pictures_share_batches(
    reader: BlockingReader, contents: list[bytes], answers: list[str], batches: list[list[bytes]]
) -> None:
    async with busy_queue(reader) as queue:
        asked = await ask(queue, *contents)
    assert await texts(asked) == answers
    assert reader.batches[1:] == batches and queue.waiting == 0


@pytest.mark.parametrize("cause", FAILURES)
async def test_only_the_cause_of_a_failure_fails(reader: BlockingReader, cause: bytes) -> None:
    async with busy_queue(reader) as queue:
        asked = await ask(queue, b"a", cause, b"b")
    assert await texts(asked) == ["a", FAILURES[cause][1], "b"]
    assert reader.batches[1:] == [[b"a", cause, b"b"], [b"a"], [cause], [b"b"]]
    assert queue.waiting == 0


async def test_clients_take_turns(reader: BlockingReader) -> None:
    async with busy_queue(reader, client="a") as queue:
        asked = []
        for content in (b"a1", b"a2", b"b1", b"a3", b"b2"):
            asked += await ask(queue, content, client=chr(content[0]), command="read")
    await texts(asked)
    assert reader.batches[1:] == [[b"a1"], [b"b1"], [b"a2"], [b"b2"], [b"a3"]]


@pytest.mark.slow
async def test_client_gets_half_of_the_queue(reader: BlockingReader) -> None:
    async with busy_queue(reader, client="a", max_queued_pictures=4) as queue:
        asked = await ask(queue, b"a", b"a", client="a")
        with pytest.raises(Refused, match="too many pictures are waiting") as refused:
            await queue.answer(upload(b"a"), "a")
        assert refused.value.status_code == 429
        asked += await ask(queue, b"b", client="b")
        with pytest.raises(Refused):  # nobody else has room
            await queue.wait_for_room("c")
    assert await texts(asked) == ["a", "a", "b"]


async def test_picture_of_a_gone_client_is_not_read(reader: BlockingReader) -> None:
    async with busy_queue(reader) as queue:
        gone, stays = await ask(queue, b"gone", b"stays")
        gone.cancel()
        await asyncio.sleep(0)
    assert await texts([stays]) == ["stays"]
    assert reader.batches == [[b"first"], [b"stays"]] and queue.waiting == 0


async def test_files_of_a_form_take_turns_with_others(reader: BlockingReader) -> None:
    async with busy_queue(reader, client="a", max_queued_pictures=8) as queue:
        uploads = (upload(content, "read") for content in DIGITS)
        form = asyncio.create_task(queue.answer_all(uploads, 20, "a"))
        await asyncio.sleep(0)
        others = [*await ask(queue, b"1", client="b"), *await ask(queue, b"2", client="c")]
        assert queue.waiting == 5 and not form.done()
    assert [answer.text for answer in await form] == [*"abcdefghijklmnopqrst"]
    await texts(others)
    assert max(index for index, batch in enumerate(reader.batches) if batch[0] in b"12") < 5


async def test_files_that_are_not_read_in_time_are_told(reader: BlockingReader) -> None:
    queue = PictureQueue(reader.start, 1, Limits(answer_timeout=0.05), Metrics())
    answers = await queue.answer_all(map(upload, (b"1", b"2")), 2)
    assert [answer[:2] for answer in answers] == [(503, "the answer wasn't ready in time")] * 2
    reader.go.set()
