"""A queue of pictures for the processes that read them, in batches."""

import asyncio
from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock

from digits.errors import DigitsError
from digits.processes import WorkerDied
from digits.serve.limits import Limits
from digits.serve.metrics import Metrics
from digits.serve.pictures import ALONE, Answer, PictureWorker, Upload
from digits.serve.refusals import Refused

StartWorker = Callable[[], PictureWorker]

_REASONS = {413: "too_many_pixels", 422: "no_picture", 503: "picture_memory"}
_SHARED = 16  # pictures per batch; each waits for all of them
_PAUSE = 0.5  # seconds
_SHARED_BYTES = 256 << 10  # of a picture that is likely to be read quickly


class _Waiting:
    """A queued picture. turn: those of a client rise. alone: whether it must not share a batch."""

    def __init__(self, upload: Upload, client: str, turn: int) -> None:
        self.upload, self.client, self.turn = upload, client, turn
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.alone = upload.command == "read" or len(upload.content) > _SHARED_BYTES


class _Pool:
    """The processes of one model. Thread-safe."""

    def __init__(self, start_worker: StartWorker) -> None:
        self._start_worker, self._retired, self._lock = start_worker, False, Lock()
        self._idle = [start_worker()]  # the others start when they are needed

    def wait_until_started(self) -> None:
        """Raises WorkerDied, and ModelError if the model can't be used."""
        self._idle[0].wait_until_started()

    def take(self) -> PictureWorker:
        """An idle process, or a new one. Raises Refused if none can be started."""
        with suppress(IndexError):
            return self._idle.pop()
        return self.start()

    def start(self) -> PictureWorker:
        """A new process. Raises Refused if none can be started."""
        try:
            return self._start_worker()
        except WorkerDied as error:
            raise Refused(503, str(error), {"retry-after": "1"}, "no_process") from error

    def give_back(self, worker: PictureWorker) -> None:
        with self._lock:
            if not self._retired:
                self._idle.append(worker)
                return
        worker.close()

    def retire(self) -> None:
        """End the idle processes now, and the others when they are given back."""
        with self._lock:
            self._retired = True
        for worker in self._idle:
            worker.close()


class PictureQueue:
    """Reads pictures in processes, one per core. Belongs to one event loop.

    A process, unlike a thread, can be stopped while it decodes, and frees all its memory. Clients
    take turns, and each gets at most half of the queue.

    start_worker: starts a process that runs `pictures.answer`.
    """

    def __init__(self, start_worker: StartWorker, limits: Limits, metrics: Metrics) -> None:
        self._limits, self._metrics = limits, metrics
        self._pool = _Pool(start_worker)
        # On Linux a process ends with the thread that started it, so these live as long.
        self._threads = ThreadPoolExecutor(limits.workers, "pictures")
        self._free = limits.workers
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
        turn = max([self._turn, *(other.turn + 1 for other in self._of(client))])
        waiting = _Waiting(upload, client, turn)
        self.waiting += 1
        insort(self._queue, waiting, key=lambda one: one.turn)
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

        tasks = [
            asyncio.create_task(take_turns()) for _ in range(min(count, self._limits.workers + 1))
        ]
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

        Raises WorkerDied and ModelError, and then changes nothing.
        """

        def start() -> _Pool:
            pool = _Pool(start_worker)
            try:
                pool.wait_until_started()
            except DigitsError:
                pool.retire()
                raise
            return pool

        loop = asyncio.get_running_loop()
        pool = await loop.run_in_executor(self._threads, start)
        old, self._pool = self._pool, pool
        await loop.run_in_executor(self._threads, old.retire)

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        while self._free and self._queue:
            batch = self._next_batch()
            if batch:
                self._free -= 1
                self._threads.submit(self._work, loop, self._pool, batch)

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

    def _work(
        self, loop: asyncio.AbstractEventLoop, pool: _Pool, batch: Sequence[_Waiting]
    ) -> None:
        outcome: list[Answer] | Exception
        try:
            outcome = self._ask(pool, [waiting.upload for waiting in batch])
        except Exception as error:  # passed on to those who wait
            outcome = error
        with suppress(RuntimeError):  # the loop is closed: the server is shutting down
            loop.call_soon_threadsafe(self._finish, batch, outcome)

    def _ask(self, pool: _Pool, uploads: Sequence[Upload]) -> list[Answer]:
        """Raises Refused, and the DigitsError that the process raises."""
        try:
            return self._ask_worker(pool, pool.take(), uploads)
        except WorkerDied:
            if len(uploads) > 1:
                raise  # each is asked for again, alone
        try:
            return self._ask_worker(pool, pool.start(), uploads)
        except WorkerDied as error:
            message = "the process that read the picture was killed"
            raise Refused(503, message, reason="process_killed") from error

    def _ask_worker(
        self, pool: _Pool, worker: PictureWorker, uploads: Sequence[Upload]
    ) -> list[Answer]:
        """Raises WorkerDied if the process was killed, as for another one's need of memory.

        Its own limit of memory doesn't kill it: see `pictures.answer`.
        """
        try:
            answers = worker.ask(uploads, self._limits.picture_timeout)
        except TimeoutError as error:
            worker.close()
            raise Refused(503, "the picture takes too much time", reason="picture_time") from error
        except WorkerDied as error:
            if (worker.exit_code or 0) > 0:
                raise RuntimeError("a worker failed; its traceback is above") from error
            raise
        except DigitsError:
            pool.give_back(worker)
            raise
        pool.give_back(worker)
        return answers

    def _finish(self, batch: Sequence[_Waiting], outcome: list[Answer] | Exception) -> None:
        self._free += 1
        self._metrics.picture_batch.observe(len(batch))
        again = []
        for number, waiting in enumerate(batch):
            if isinstance(outcome, Exception):
                # Only one picture may be to blame: retry each alone.
                retry = len(batch) > 1
            else:
                retry = outcome[number].status == ALONE
            if retry:
                waiting.alone = True
                again.append(waiting)
                continue
            self.waiting -= 1
            if waiting.answer.done():
                continue
            if isinstance(outcome, Exception):
                waiting.answer.set_exception(outcome)
            else:
                waiting.answer.set_result(outcome[number])
        self._queue[:0] = again
        self._begin()
