"""A queue of pictures for the processes that read them, in batches."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from digits.processes import Pool, StartFailed, WorkerDied
from digits.serve.metrics import Metrics
from digits.serve.worker import Answer, PictureWorker, TooMuch, Upload
from digits.web.requests import Refused
from digits.web.settings import Limits

StartWorker = Callable[[], PictureWorker]

_SHARED = 16  # pictures per batch; each waits for all of them
_PAUSE = 0.5  # seconds
_SHARED_BYTES = 256 << 10  # of a picture that is likely to be read quickly
_LATE = Answer(503, "the answer wasn't ready in time", "too_late")


class _Waiting:
    """A queued picture. alone: whether it must not share a batch."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.alone = upload.command == "read" or len(upload.content) > _SHARED_BYTES


class PictureQueue:
    """Reads pictures in processes, one per core. Belongs to one event loop.

    A process, unlike a thread, can be stopped while it decodes, and frees all its memory.

    start_worker: starts a process that runs `worker.answer`. workers: how many there may be.
    """

    def __init__(
        self, start_worker: StartWorker, workers: int, limits: Limits, metrics: Metrics
    ) -> None:
        self._workers, self._limits, self._metrics = workers, limits, metrics
        self._pool = Pool(start_worker, workers)
        self._free = workers
        self._queue: list[_Waiting] = []
        self._readings = set[asyncio.Task[None]]()
        self.waiting = 0  # pictures, including those being read

    async def answer(self, upload: Upload) -> Answer:
        """Answer a picture. Raises ModelError, and Refused (429) if the queue is full."""
        max_bytes = self._limits.max_picture_bytes
        if len(upload.content) > max_bytes:
            return Answer(413, f"a picture may have at most {max_bytes:,} bytes", "too_large")
        await self.wait_for_room()
        waiting = _Waiting(upload)
        self.waiting += 1
        self._queue.append(waiting)
        self._begin()
        return await waiting.answer

    async def answer_all(self, uploads: Iterable[Upload], count: int) -> list[Answer]:
        """Answer the pictures of a form, a few at a time, so that they don't fill the queue.

        uploads: `count` of them, each taken when there is room. Raises ModelError.
        """
        answers = [_LATE] * count
        numbered = enumerate(uploads)

        async def answer_in_turn() -> None:
            for number, upload in numbered:
                while answers[number] is _LATE:
                    with suppress(Refused):  # the queue is full: after a pause, again
                        answers[number] = await self.answer(upload)

        try:
            async with asyncio.timeout(self._limits.answer_timeout), asyncio.TaskGroup() as tasks:
                for _ in range(min(count, self._workers + 1)):
                    tasks.create_task(answer_in_turn())
        except TimeoutError:
            pass
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        return answers

    async def wait_for_room(self) -> None:
        """Raises Refused if the queue is full, after a pause.

        Clients that retry at once would otherwise use the time needed for reading pictures.
        """
        if self._is_full:
            await asyncio.sleep(_PAUSE)
        if self._is_full:
            message = "too many pictures are waiting"
            raise Refused(429, message, {"retry-after": "1"}, "pictures_queue_full")

    @property
    def _is_full(self) -> bool:
        return self.waiting >= self._limits.max_queued_pictures

    def _begin(self) -> None:
        while self._free and self._queue:
            if batch := self._next_batch():
                self._free -= 1
                reading = asyncio.create_task(self._read(batch))
                self._readings.add(reading)  # else nothing would hold it
                reading.add_done_callback(self._readings.discard)

    def _next_batch(self) -> list[_Waiting]:
        """The next pictures: as few as spread the queue over all free processes."""
        size = min(_SHARED, -(-len(self._queue) // self._free))
        batch: list[_Waiting] = []
        while self._queue and len(batch) < size:
            if batch and (self._queue[0].alone or batch[0].alone):
                break
            waiting = self._queue.pop(0)
            if waiting.answer.done():  # the client has disconnected
                self.waiting -= 1
            else:
                batch.append(waiting)
        return batch

    async def _read(self, batch: list[_Waiting]) -> None:
        answers: list[Answer | Exception]
        try:
            uploads = [waiting.upload for waiting in batch]
            submitted = self._pool.submit(uploads, self._limits.picture_timeout)
            answers = [*await asyncio.wrap_future(submitted)]
        except Exception as error:
            answers = [error] * len(batch)
        finally:
            self._free += 1
        self._metrics.picture_batch.observe(len(batch))
        again = []
        for waiting, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Exception) and len(batch) > 1:  # only one may be to blame
                waiting.alone = True
                again.append(waiting)
                continue
            self.waiting -= 1
            if not waiting.answer.done():  # else the client has disconnected
                _set_answer(waiting.answer, answer)
        self._queue[:0] = again
        self._begin()


def _set_answer(future: asyncio.Future[Answer], answer: Answer | Exception) -> None:
    if isinstance(answer, TooMuch):
        answer = Answer(503, "the picture takes too much memory", "picture_memory")
    elif isinstance(answer, TimeoutError):
        answer = Answer(503, "the picture takes too much time", "picture_time")
    elif isinstance(answer, StartFailed):
        answer = Answer(503, str(answer), "no_process")
    elif isinstance(answer, WorkerDied) and not answer.is_bug:  # not for want of its own memory
        answer = Answer(503, "the process that read the picture was killed", "process_killed")
    if isinstance(answer, Answer):
        future.set_result(answer)
    else:
        future.set_exception(answer)
