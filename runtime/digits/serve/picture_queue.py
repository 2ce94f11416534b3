"""A queue of pictures for the processes that read them, in batches."""

import asyncio
from bisect import insort
from collections.abc import Callable, Iterable
from contextlib import suppress

from digits.processes import Pool, StartFailed, WorkerDied
from digits.serve.limits import Limits
from digits.serve.metrics import Metrics
from digits.serve.pictures import Answer, PictureWorker, TooMuch, Upload
from digits.serve.refusals import Refused

StartWorker = Callable[[], PictureWorker]

_SHARED = 16  # pictures per batch; each waits for all of them
_PAUSE = 0.5  # seconds
_SHARED_BYTES = 256 << 10  # of a picture that is likely to be read quickly
_LATE = Answer(503, "the answer wasn't ready in time", "too_late")


class _Waiting:
    """A queued picture.

    turn: those of a client rise. alone: whether it must not share a batch.
    """

    def __init__(self, upload: Upload, client: str, turn: int) -> None:
        self.upload, self.client, self.turn = upload, client, turn
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.alone = upload.command == "read" or len(upload.content) > _SHARED_BYTES


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
        self._readings = set[asyncio.Task[None]]()
        self._turn = 0  # of the last picture that has left it
        self.waiting = 0  # pictures, including those being read

    async def answer(self, upload: Upload, client: str = "") -> Answer:
        """Answer a client's picture. Raises ModelError, and Refused (429) if the queue is full."""
        most = self._limits.max_picture_bytes
        if len(upload.content) > most:
            return Answer(413, f"a picture may have at most {most:,} bytes", "too_large")
        await self.wait_for_room(client)
        turn = max([self._turn, *(earlier.turn + 1 for earlier in self._of(client))])
        waiting = _Waiting(upload, client, turn)
        self.waiting += 1
        insort(self._queue, waiting, key=lambda picture: picture.turn)
        self._begin()
        return await waiting.answer

    async def answer_all(
        self, uploads: Iterable[Upload], count: int, client: str = ""
    ) -> list[Answer]:
        """Answer a client's pictures, a few at a time, so that others' have their turns.

        uploads: `count` of them, each taken when it is its turn. Raises ModelError.
        """
        answers = [_LATE] * count
        numbered = enumerate(uploads)

        async def take_turns() -> None:
            for number, upload in numbered:
                while answers[number] is _LATE:
                    with suppress(Refused):  # the queue is full: after a pause, again
                        answers[number] = await self.answer(upload, client)

        try:
            async with asyncio.timeout(self._limits.answer_timeout), asyncio.TaskGroup() as tasks:
                for _ in range(min(count, self._workers + 1)):
                    tasks.create_task(take_turns())
        except TimeoutError:
            pass
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        return answers

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
        while self._free and self._queue:
            if batch := self._next_batch():
                self._free -= 1
                reading = asyncio.create_task(self._read(batch))
                self._readings.add(reading)  # else nothing would hold it
                reading.add_done_callback(self._readings.discard)

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
                _settle(waiting.answer, answer)
        self._queue[:0] = again
        self._begin()


def _settle(future: asyncio.Future[Answer], answer: Answer | Exception) -> None:
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
