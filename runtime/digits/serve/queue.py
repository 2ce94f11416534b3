"""A queue of pictures for the processes that read them, in batches."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from digits.processes import Pool, StartFailed, WorkerDied
from digits.serve.metrics import Metrics
from digits.serve.worker import Answer, PictureWorker, TooMuchMemory, Upload
from digits.web.requests import Refused
from digits.web.settings import Limits

StartWorker = Callable[[], PictureWorker]

_MAX_BATCH = 16  # pictures; each waits for all of them
_MAX_SHARED_BYTES = 256 << 10  # of a picture that is likely to be read quickly
_PAUSE = 0.5  # seconds before a client learns that the queue is full
_LATE = Answer(503, "the answer wasn't ready in time", "too_late")


class _QueuedPicture:
    """A picture that waits. is_alone: whether it must not share a batch."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.is_alone = upload.command == "read" or len(upload.content) > _MAX_SHARED_BYTES


class PictureQueue:
    """Reads pictures in processes, several in a batch. Belongs to one event loop.

    A process, unlike a thread, can be stopped while it decodes, and frees all its memory.

    start_worker: starts a process that runs `worker.answer`.
    workers: how many such processes there may be.
    """

    def __init__(
        self, start_worker: StartWorker, workers: int, limits: Limits, metrics: Metrics
    ) -> None:
        self._workers, self._limits, self._metrics = workers, limits, metrics
        self._pool = Pool(start_worker, workers)
        self._free_workers = workers
        self._queue: list[_QueuedPicture] = []
        self._tasks = set[asyncio.Task[None]]()
        self.unanswered = 0  # pictures, including those being read

    async def answer(self, upload: Upload) -> Answer:
        """Answer a picture. Raises ModelError, and Refused (429) if the queue is full."""
        max_bytes = self._limits.max_picture_bytes
        if len(upload.content) > max_bytes:
            return Answer(413, f"a picture may have at most {max_bytes:,} bytes", "too_large")
        await self.wait_for_room()
        queued = _QueuedPicture(upload)
        self.unanswered += 1
        self._queue.append(queued)
        self._start_batches()
        return await queued.answer

    async def answer_all(self, uploads: Iterable[Upload], count: int) -> list[Answer]:
        """Answer the pictures of a form, a few at a time, so that they don't fill the queue.

        Raises ModelError.

        uploads: yields a picture when there is room for it.
        count: how many it yields.
        """
        answers = [_LATE] * count
        numbered_uploads = enumerate(uploads)

        async def answer_in_turn() -> None:
            for number, upload in numbered_uploads:
                while answers[number] is _LATE:
                    with suppress(Refused):  # the queue was full for the whole pause
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
        """Raise Refused (429) if the queue is full, and still is after a pause.

        Clients that retry at once would otherwise use the time needed for reading pictures.
        """
        if self._is_full:
            await asyncio.sleep(_PAUSE)
        if self._is_full:
            message = "too many pictures are waiting"
            raise Refused(429, message, {"retry-after": "1"}, "pictures_queue_full")

    @property
    def _is_full(self) -> bool:
        return self.unanswered >= self._limits.max_queued_pictures

    def _start_batches(self) -> None:
        """Have the free processes read what waits."""
        while self._free_workers and self._queue:
            if batch := self._next_batch():
                self._free_workers -= 1
                task = asyncio.create_task(self._read(batch))
                self._tasks.add(task)  # else nothing would hold it
                task.add_done_callback(self._tasks.discard)

    def _next_batch(self) -> list[_QueuedPicture]:
        """The next pictures: as few as spread the queue over all free processes."""
        max_size = min(_MAX_BATCH, -(-len(self._queue) // self._free_workers))
        batch: list[_QueuedPicture] = []
        while self._queue and len(batch) < max_size:
            if batch and (self._queue[0].is_alone or batch[0].is_alone):
                break
            queued = self._queue.pop(0)
            if queued.answer.done():  # the client has disconnected
                self.unanswered -= 1
            else:
                batch.append(queued)
        return batch

    async def _read(self, batch: list[_QueuedPicture]) -> None:
        """Have a process read pictures, and set their answers."""
        answers: list[Answer | Exception]
        try:
            uploads = [queued.upload for queued in batch]
            submitted = self._pool.submit(uploads, self._limits.picture_timeout)
            answers = [*await asyncio.wrap_future(submitted)]
        except Exception as error:
            answers = [error] * len(batch)
        finally:
            self._free_workers += 1
        self._metrics.batch_size.observe(len(batch))
        if len(batch) > 1 and isinstance(answers[0], Exception):  # one picture may be to blame
            for queued in batch:
                queued.is_alone = True
            self._queue[:0] = batch
        else:
            self.unanswered -= len(batch)
            for queued, answer in zip(batch, answers, strict=True):
                if not queued.answer.done():  # else the client has disconnected
                    _set_answer(queued.answer, answer)
        self._start_batches()


def _set_answer(future: asyncio.Future[Answer], answer: Answer | Exception) -> None:
    """Set an answer; for a failure that is nobody's bug, one that says what happened."""
    if isinstance(answer, TooMuchMemory):
        answer = Answer(503, "the picture takes too much memory", "picture_memory")
    elif isinstance(answer, TimeoutError):
        answer = Answer(503, "the picture takes too much time", "picture_time")
    elif isinstance(answer, StartFailed):
        answer = Answer(503, str(answer), "no_process")
    elif isinstance(answer, WorkerDied) and not answer.is_bug:
        answer = Answer(503, "the process that read the picture was killed", "process_killed")
    if isinstance(answer, Answer):
        future.set_result(answer)
    else:
        future.set_exception(answer)
