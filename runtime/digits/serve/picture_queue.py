"""A queue of pictures for the processes that read them, in batches."""

import asyncio
from bisect import insort
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

from digits.processes import Pool, StartFailed, WorkerDied
from digits.serve.limits import Limits
from digits.serve.metrics import Metrics
from digits.serve.pictures import ALONE, Answer, PictureWorker, Upload
from digits.serve.refusals import Refused

StartWorker = Callable[[], PictureWorker]
_Reading = Future[list[Answer]]

_REASONS = {413: "too_many_pixels", 422: "no_picture", 503: "picture_memory"}
_SHARED = 16  # pictures per batch; each waits for all of them
_PAUSE = 0.5  # seconds
_SHARED_BYTES = 256 << 10  # of a picture that is likely to be read quickly


class _Waiting:
    """A queued picture.

    turn: those of a client rise. alone: whether it must not share a batch. was_killed: whether the
    process that read it alone was killed, as for another one's need of memory.
    """

    def __init__(self, upload: Upload, client: str, turn: int) -> None:
        self.upload, self.client, self.turn = upload, client, turn
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.alone = upload.command == "read" or len(upload.content) > _SHARED_BYTES
        self.was_killed = False


class PictureQueue:
    """Reads pictures in processes, one per core. Belongs to one event loop.

    A process, unlike a thread, can be stopped while it decodes, and frees all its memory. Clients
    take turns, and each gets at most half of the queue.

    start_worker: starts a process that runs `pictures.answer`. workers: how many there may be.
    """

    def __init__(
        self, start_worker: StartWorker, workers: int, limits: Limits, metrics: Metrics
    ) -> None:
        self._workers, self._limits, self._metrics = workers, limits, metrics
        self._pool = Pool(start_worker, workers)
        self._free = workers
        self._queue: list[_Waiting] = []  # sorted by turn
        self._turn = 0  # of the last picture that has left it
        self.waiting = 0  # pictures, including those being read

    async def answer(self, upload: Upload, client: str = "") -> Answer:
        """Answer a client's picture.

        Raises ModelError, and Refused: the answer's own status unless that is 200, 413 if the file
        is too large, 429 if the queue is full, 503 if the picture takes too much time or memory.
        """
        most = self._limits.max_picture_bytes
        if len(upload.content) > most:
            raise Refused(413, f"a picture may have at most {most:,} bytes")
        await self.wait_for_room(client)
        turn = max([self._turn, *(earlier.turn + 1 for earlier in self._of(client))])
        waiting = _Waiting(upload, client, turn)
        self.waiting += 1
        insort(self._queue, waiting, key=lambda picture: picture.turn)
        self._begin()
        answer = await waiting.answer
        if answer.status != 200:
            raise Refused(answer.status, answer.text, reason=_REASONS.get(answer.status))
        return answer

    async def answer_all(
        self, uploads: Iterable[Upload], count: int, client: str = ""
    ) -> list[Answer]:
        """Answer a client's pictures, a few at a time, so that others' have their turns.

        uploads: `count` of them, each taken when it is its turn. The answer to one that is refused
        has the refusal's status and message. Raises ModelError.
        """
        answers = [Answer(503, "the answer wasn't ready in time")] * count
        numbered = enumerate(uploads)

        async def take_turns() -> None:
            for number, upload in numbered:
                answers[number] = await self._answer_or_refusal(upload, client)

        tasks = [asyncio.create_task(take_turns()) for _ in range(min(count, self._workers + 1))]
        try:
            done, _ = await asyncio.wait(
                tasks, timeout=self._limits.answer_timeout, return_when=asyncio.FIRST_EXCEPTION
            )
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
        return answers

    async def _answer_or_refusal(self, upload: Upload, client: str) -> Answer:
        while True:
            try:
                return await self.answer(upload, client)
            except Refused as refused:
                if refused.status_code != 429:  # the queue is full: after a pause, again
                    self._metrics.count_refusal(refused.reason)
                    return Answer(refused.status_code, refused.detail)

    async def wait_for_room(self, client: str = "") -> None:
        """Raises Refused if the queue, or the client's half of it, is full, after a pause.

        Clients that retry at once would otherwise use the time needed for reading pictures.
        """
        if self._is_full(client):
            await asyncio.sleep(_PAUSE)
        if self._is_full(client):
            message = "too many pictures are waiting"
            raise Refused(429, message, {"retry-after": "1"}, "pictures_queue_full")

    def _is_full(self, client: str) -> bool:
        most = self._limits.max_queued_pictures
        return self.waiting >= most or 2 * len(self._of(client)) >= most

    def _of(self, client: str) -> list[_Waiting]:
        return [waiting for waiting in self._queue if waiting.client == client]

    async def replace(self, start_worker: StartWorker) -> None:
        """Read the next pictures with processes of another model.

        Raises StartFailed and ModelError, and then changes nothing.
        """
        await asyncio.wrap_future(self._pool.replace(start_worker))

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        while self._free and self._queue:
            batch = self._next_batch()
            if batch:
                self._free -= 1
                uploads = [waiting.upload for waiting in batch]
                reading = self._pool.submit(uploads, self._limits.picture_timeout)
                reading.add_done_callback(partial(self._hand_over, loop, batch))

    def _next_batch(self) -> list[_Waiting]:
        """The next pictures: as few as spread the queue over all free processes."""
        most = min(_SHARED, -(-len(self._queue) // self._free))
        batch: list[_Waiting] = []
        while self._queue and len(batch) < most:
            if batch and (self._queue[0].alone or batch[0].alone):
                break
            waiting = self._queue.pop(0)
            self._turn = waiting.turn
            if waiting.answer.done():  # the client has disconnected
                self.waiting -= 1
            else:
                batch.append(waiting)
        return batch

    def _hand_over(
        self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting], reading: _Reading
    ) -> None:
        with suppress(RuntimeError):  # the loop is closed: the server is shutting down
            loop.call_soon_threadsafe(self._finish, batch, reading)

    def _finish(self, batch: list[_Waiting], reading: _Reading) -> None:
        self._free += 1
        self._metrics.picture_batch.observe(len(batch))
        error = reading.exception()
        answers = [None] * len(batch) if error else reading.result()
        was_killed = isinstance(error, WorkerDied) and not error.is_bug
        again = []
        for waiting, answer in zip(batch, answers, strict=True):
            if len(batch) > 1 and (error or (answer and answer.status == ALONE)):
                waiting.alone = True  # only one picture may be to blame
                again.append(waiting)
                continue
            if was_killed and not waiting.was_killed:
                waiting.was_killed = True
                again.append(waiting)
                continue
            self.waiting -= 1
            if waiting.answer.done():  # the client has disconnected
                continue
            if answer:
                waiting.answer.set_result(answer)
            elif error:
                waiting.answer.set_exception(_to_refusal(error))
        self._queue[:0] = again
        self._begin()


def _to_refusal(error: BaseException) -> BaseException:
    """What is raised for a picture that a process hasn't answered."""
    if isinstance(error, TimeoutError):
        return Refused(503, "the picture takes too much time", reason="picture_time")
    if isinstance(error, StartFailed):
        return Refused(503, str(error), {"retry-after": "1"}, "no_process")
    if isinstance(error, WorkerDied):  # not for want of its own memory: see `pictures.answer`
        if error.is_bug:
            return RuntimeError("a worker failed; its traceback is above")
        message = "the process that read the picture was killed"
        return Refused(503, message, reason="process_killed")
    return error
