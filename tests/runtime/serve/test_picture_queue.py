"""Waiting pictures share a batch, and none fails because of another."""

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from digits.classifier import Classifier
from digits.errors import ModelError
from digits.inference.model import Model
from digits.processes import WorkerDied
from digits.serve.limits import Limits
from digits.serve.metrics import Metrics
from digits.serve.picture_queue import PictureQueue
from digits.serve.pictures import ALONE, Answer, PictureWorker, Upload, answer
from digits.serve.refusals import Refused
from tests.in_process import InProcess
from tests.runtime.conftest import count_calls
from tests.runtime.serve.test_app import png

LARGE = b"large"


class BlockingReader:
    """Answers each picture with its content, once `go` is set."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, uploads: Sequence[Upload]) -> list[Answer]:
        contents = [upload.content for upload in uploads]
        self.batches.append(contents)
        self.begun.set()
        assert self.go.wait(10)
        if b"die" in contents:
            raise WorkerDied("it is dead")
        if b"lie" in contents:
            raise ModelError("no probabilities")
        return [
            Answer(ALONE, "")
            if LARGE in contents and len(contents) > 1 and content == LARGE
            else Answer(200, content[:9].decode())
            for content in contents
        ]

    def start(self) -> PictureWorker:
        return InProcess(self)


def upload(content: bytes, command: str = "predict") -> Upload:
    return Upload(command, "", content, False)  # type: ignore[arg-type]


async def answer_while_busy(
    reader: BlockingReader, uploads: Sequence[Upload], limits: Limits | None = None
) -> list[Answer | BaseException]:
    """Queue pictures while another one is read; return their answers or exceptions."""
    queue = PictureQueue(reader.start, limits or Limits(workers=1), Metrics())
    first = asyncio.create_task(queue.answer(upload(b"first")))
    await asyncio.to_thread(reader.begun.wait, 10)
    asked = [asyncio.create_task(queue.answer(one)) for one in uploads]
    await asyncio.sleep(0)
    reader.go.set()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert (await first).text == "first" and queue.waiting == 0
    return found


def texts(found: Sequence[Answer | BaseException]) -> list[str]:
    return [one.text if isinstance(one, Answer) else str(one) for one in found]


def test_waiting_pictures_share_batches() -> None:
    reader = BlockingReader()
    contents = [b"%d" % number for number in range(20)]
    found = asyncio.run(answer_while_busy(reader, [upload(content) for content in contents]))
    assert texts(found) == [content.decode() for content in contents]
    assert reader.batches == [[b"first"], contents[:16], contents[16:]]


def test_pages_and_large_files_are_not_batched() -> None:
    reader = BlockingReader()
    large = bytes((256 << 10) + 1)
    uploads = [upload(b"a"), upload(b"b", "read"), upload(b"c"), upload(large), upload(b"d")]
    assert len(asyncio.run(answer_while_busy(reader, uploads))) == 5
    assert reader.batches[1:] == [[b"a"], [b"b"], [b"c"], [large], [b"d"]]


def test_picture_of_many_pixels_is_retried_alone() -> None:
    reader = BlockingReader()
    found = asyncio.run(answer_while_busy(reader, [upload(b"a"), upload(LARGE), upload(b"b")]))
    assert texts(found) == ["a", "large", "b"]
    assert reader.batches[1:] == [[b"a", LARGE, b"b"], [LARGE]]


@pytest.mark.parametrize(("content", "error"), [(b"die", Refused), (b"lie", ModelError)])
def test_batch_failure_refuses_only_its_cause(content: bytes, error: type[Exception]) -> None:
    reader = BlockingReader()
    found = asyncio.run(answer_while_busy(reader, [upload(b"a"), upload(content), upload(b"b")]))
    assert isinstance(found[1], error)
    assert [texts(found)[0], texts(found)[2]] == ["a", "b"]


def test_full_picture_queue_returns_429_until_drained() -> None:
    reader = BlockingReader()

    async def run() -> None:
        queue = PictureQueue(reader.start, Limits(workers=1, max_queued_pictures=1), Metrics())
        first = asyncio.create_task(queue.answer(upload(b"first")))
        await asyncio.to_thread(reader.begun.wait, 10)
        with pytest.raises(Refused) as refused:
            await queue.answer(upload(b"second"))
        assert refused.value.status_code == 429 and refused.value.reason == "pictures_queue_full"
        assert queue.waiting == 1
        reader.go.set()
        await first
        assert (await queue.answer(upload(b"third"))).text == "third"

    asyncio.run(run())


def test_clients_take_turns() -> None:
    reader = BlockingReader()

    async def run() -> None:
        queue = PictureQueue(reader.start, Limits(workers=1), Metrics())
        first = asyncio.create_task(queue.answer(upload(b"first"), "a"))
        await asyncio.to_thread(reader.begun.wait, 10)
        contents = [(b"a1", "a"), (b"a2", "a"), (b"b1", "b"), (b"a3", "a"), (b"b2", "b")]
        asked = [
            asyncio.create_task(queue.answer(upload(content, "read"), client))
            for content, client in contents
        ]
        await asyncio.sleep(0)
        reader.go.set()
        await asyncio.gather(first, *asked)
        assert reader.batches[1:] == [[b"a1"], [b"b1"], [b"a2"], [b"b2"], [b"a3"]]

    asyncio.run(run())


def test_client_gets_half_of_the_queue() -> None:
    reader = BlockingReader()

    async def run() -> None:
        queue = PictureQueue(reader.start, Limits(workers=1, max_queued_pictures=4), Metrics())
        asked = [asyncio.create_task(queue.answer(upload(b"first"), "a"))]
        await asyncio.to_thread(reader.begun.wait, 10)
        asked += [asyncio.create_task(queue.answer(upload(b"a"), "a")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            await queue.answer(upload(b"a"), "a")
        assert refused.value.status_code == 429
        asked.append(asyncio.create_task(queue.answer(upload(b"b"), "b")))
        await asyncio.sleep(0)
        reader.go.set()
        assert texts(await asyncio.gather(*asked)) == ["first", "a", "a", "b"]

    asyncio.run(run())


def test_cancelled_picture_is_not_read() -> None:
    reader = BlockingReader()

    async def run() -> None:
        queue = PictureQueue(reader.start, Limits(workers=1), Metrics())
        first = asyncio.create_task(queue.answer(upload(b"first")))
        await asyncio.to_thread(reader.begun.wait, 10)
        gone, stays = (asyncio.create_task(queue.answer(upload(name))) for name in (b"g", b"s"))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        reader.go.set()
        assert (await stays).text == "s" and (await first).text == "first"
        assert reader.batches == [[b"first"], [b"s"]] and queue.waiting == 0

    asyncio.run(run())


def test_replaced_model_reads_only_later_pictures() -> None:
    old, new = BlockingReader(), BlockingReader()
    new.go.set()

    async def run() -> None:
        queue = PictureQueue(old.start, Limits(workers=2), Metrics())
        first = asyncio.create_task(queue.answer(upload(b"first")))
        await asyncio.to_thread(old.begun.wait, 10)
        await queue.replace(new.start)
        assert (await queue.answer(upload(b"second"))).text == "second"
        old.go.set()
        assert (await first).text == "first"
        assert (old.batches, new.batches) == ([[b"first"]], [[b"second"]])

    asyncio.run(run())


def test_batched_pictures_share_one_network_run(
    classifier: Classifier, pictures: list[Path]
) -> None:
    contents = [picture.read_bytes() for picture in pictures]
    uploads = [upload(content) for content in (contents[0], b"no picture", *contents[1:])]
    read = partial(answer, classifier, Limits.max_pixels)
    with count_calls(Model.probabilities) as counts:
        together = read(uploads)
    assert counts["probabilities"] == 1
    assert [found.status for found in together] == [200, 422, *[200] * (len(contents) - 1)]
    for found, one in zip(together, uploads, strict=True):
        [alone] = read([one])
        if alone.status != 200:
            assert found == alone
            continue
        ours, theirs = json.loads(found.text), json.loads(alone.text)
        np.testing.assert_allclose(ours["probabilities"], theirs["probabilities"], atol=1e-6)
        assert (ours["digit"], ours["box"]) == (theirs["digit"], theirs["box"])


def test_large_picture_in_batch_must_be_resent_alone(classifier: Classifier) -> None:
    large, small = upload(png(2000, 2000, "L")), upload(png(9, 9))
    read = partial(answer, classifier, Limits.max_pixels)
    assert [found.status for found in read([small, large])] == [200, ALONE]
    assert [found.status for found in read([large])] == [200]


def test_files_of_a_form_take_turns_with_others() -> None:
    reader = BlockingReader()

    async def run() -> None:
        limits = Limits(workers=1, max_queued_pictures=8)
        queue = PictureQueue(reader.start, limits, Metrics())
        contents = [b"%d" % number for number in range(20)]
        taken = []

        def uploads() -> Iterator[Upload]:
            for content in contents:
                taken.append(content)
                yield upload(content, "read")

        form = asyncio.create_task(queue.answer_all(uploads(), 20, "a"))
        await asyncio.to_thread(reader.begun.wait, 10)
        others = [
            asyncio.create_task(queue.answer(upload(name, "read"), name.decode()))
            for name in (b"b", b"c")
        ]
        await asyncio.sleep(0)
        assert len(taken) == 2 and not form.done()
        reader.go.set()
        assert [answer.text for answer in await form] == [content.decode() for content in contents]
        await asyncio.gather(*others)
        assert max(map(reader.batches.index, ([b"b"], [b"c"]))) < 5

    asyncio.run(run())


def test_refused_file_costs_only_itself() -> None:
    reader = BlockingReader()
    reader.go.set()
    limits = Limits(workers=1, max_picture_bytes=5)

    async def run() -> list[Answer]:
        queue = PictureQueue(reader.start, limits, Metrics())
        contents = (b"a", b"too large", b"die", b"b")
        return await queue.answer_all(map(upload, contents), len(contents))

    assert [answer[:2] for answer in asyncio.run(run())] == [
        (200, "a"),
        (413, "a picture may have at most 5 bytes"),
        (503, "the process that read the picture was killed"),
        (200, "b"),
    ]


def test_files_of_a_form_wait_for_room() -> None:
    reader = BlockingReader()

    async def run() -> None:
        limits = Limits(workers=1, max_queued_pictures=1)
        queue = PictureQueue(reader.start, limits, Metrics())
        first = asyncio.create_task(queue.answer(upload(b"first"), "b"))
        await asyncio.to_thread(reader.begun.wait, 10)
        form = asyncio.create_task(queue.answer_all(map(upload, (b"1", b"2")), 2, "a"))
        await asyncio.sleep(0.01)
        assert not form.done()
        reader.go.set()
        assert [answer.text for answer in await form] == ["1", "2"]
        await first

    asyncio.run(run())


def test_files_that_are_not_read_in_time_are_told() -> None:
    reader = BlockingReader()

    async def run() -> None:
        limits = Limits(workers=1, answer_timeout=0.05)
        queue = PictureQueue(reader.start, limits, Metrics())
        answers = await queue.answer_all(map(upload, (b"1", b"2")), 2)
        late = (503, "the answer wasn't ready in time")
        assert [answer[:2] for answer in answers] == [late, late]
        reader.go.set()
        while queue.waiting:
            await asyncio.sleep(0.01)
        assert (await queue.answer(upload(b"3"))).text == "3"

    asyncio.run(run())
