"""Worker processes that can be killed, a pool of them, and a map over items in their order.

They confine what a decoder does with foreign bytes: crashes, time and memory.
concurrent.futures.ProcessPoolExecutor won't do: one crash breaks the whole pool, and it can neither
kill nor limit a single worker.
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any, Generic, TypeVar

from digits import system
from digits.errors import DigitsError, reporting
from digits.terminal import shorten_warnings

T = TypeVar("T")
Request = TypeVar("Request")
Response = TypeVar("Response")
Start = Callable[[], Callable[[Request], Response]]

_SECONDS_TO_DIE = 5.0  # after SIGKILL, unless a disk doesn't respond
_PREFETCH = 2  # requests per worker: one at work, one waiting


class StartFailed(DigitsError):
    """A worker process can't be started, as when there are too many or memory runs out."""


class WorkerDied(DigitsError):
    """A worker process ended before it answered, as when memory runs out.

    exit_code: minus the number of a signal, or 1 after a bug, whose traceback it has printed.
    """

    def __init__(self, exit_code: int | None) -> None:
        super().__init__("a worker process died")
        self.is_bug = exit_code == 1


class Worker(Generic[Request, Response]):
    """A process that answers one request after the other.

    Ctrl-C doesn't reach it. It ends with its parent process, even a killed one; on Linux with the
    thread that made it.

    start: picklable; called once in the new process, returns the function that answers.
    memory: how many bytes the process may allocate after that (Linux); by default no limit.

    Raises StartFailed if the system can't start another process.
    """

    def __init__(self, start: Start[Request, Response], memory: int | None = None) -> None:
        # fork is unsafe beside onnxruntime's threads
        context = multiprocessing.get_context("spawn")
        self._pipe, worker_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(worker_end, memory), daemon=True)
        with reporting("start another process", StartFailed), system.sigint_blocked():
            self._process.start()
        worker_end.close()  # so that each end notices if the other is gone
        self._started = False
        # Not as an argument: `Process.start` would wait for ever for a process that has died to
        # read it, as models are larger than a pipe.
        with suppress(OSError):  # `wait_until_started` says what has happened
            self._pipe.send(start)

    def wait_until_started(self) -> None:
        """Wait for `start`. Raises the DigitsError that it raises, and StartFailed."""
        if self._started:
            return
        try:
            self._receive(None)
        except WorkerDied as error:
            raise StartFailed("a worker process died while it started") from error
        except DigitsError:
            self.close()
            raise
        self._started = True

    def ask(self, request: Request, timeout: float | None = None) -> Response:
        """Send a request and return its answer.

        timeout: in seconds.

        Raises the DigitsError that the function raises. Raises WorkerDied, TimeoutError and what
        `wait_until_started` raises; the worker is closed then.
        """
        self.wait_until_started()
        with suppress(OSError):  # `_receive` notices
            self._pipe.send(request)
        answer: Response = self._receive(timeout)
        return answer

    @property
    def is_alive(self) -> bool:
        """Whether it can answer another request."""
        return not self._pipe.closed and self._process.is_alive()

    def kill(self) -> None:
        """Kill the process. A thread that waits for its answer gets WorkerDied."""
        self._process.kill()

    def close(self) -> None:
        """Kill the process, and wait for its end."""
        self._process.kill()
        self._process.join(_SECONDS_TO_DIE)
        self._pipe.close()

    def _receive(self, timeout: float | None) -> Any:
        try:
            ready = self._pipe.poll(timeout)
            answer = self._pipe.recv() if ready else None
        except (EOFError, OSError) as error:  # OSError: within an answer
            self._process.join(_SECONDS_TO_DIE)
            self.close()
            raise WorkerDied(self._process.exitcode) from error
        if not ready:
            self.close()
            raise TimeoutError
        if isinstance(answer, DigitsError):
            raise answer
        return answer


class Pool(Generic[Request, Response]):
    """Up to `size` workers, which answer at the same time. Threads may share a pool.

    start_worker: makes a worker. The first one starts at once, the others when all are at work.
    One that dies or is killed is replaced when it is needed.

    Raises StartFailed.
    """

    def __init__(self, start_worker: Callable[[], Worker[Request, Response]], size: int) -> None:
        self._start_worker = start_worker
        self._idle = [start_worker()]
        self._busy: set[Worker[Request, Response]] = set()
        self._killed, self._lock = False, Lock()
        # On Linux a worker ends with the thread that started it, so these live as long.
        self._threads = ThreadPoolExecutor(size, "pool")

    def wait_until_started(self) -> None:
        """Wait for the first worker. Raises StartFailed, and the DigitsError that it raises."""
        self._idle[0].wait_until_started()

    def submit(self, request: Request, timeout: float | None = None) -> "Future[Response]":
        """Have a worker answer. The future raises what `ask` does.

        timeout: in seconds.

        Raises StartFailed after `kill`, or without another thread.
        """
        try:
            return self._threads.submit(self._ask, request, timeout)
        except RuntimeError as error:  # the pool is killed, or the system has no thread left
            raise StartFailed(str(error)) from error

    def kill(self) -> None:
        """End all workers now, and answer no more requests."""
        with self._lock:
            self._killed = True
            workers = [*self._idle, *self._busy]
        for worker in workers:
            worker.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._idle:
            worker.close()

    def _ask(self, request: Request, timeout: float | None) -> Response:
        worker = self._idle_worker()
        if worker is None:
            worker = self._start_worker()
            with self._lock:
                self._busy.add(worker)
                if self._killed:
                    worker.kill()
        try:
            return worker.ask(request, timeout)
        finally:
            with self._lock:
                self._busy.discard(worker)
                if worker.is_alive:
                    self._idle.append(worker)
                else:
                    worker.close()

    def _idle_worker(self) -> Worker[Request, Response] | None:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.is_alive:
                    self._busy.add(worker)
                    return worker
                worker.close()
        return None


def parallel_map(
    start: Start[Sequence[str], list[T]],
    chunks: Iterable[Sequence[str]],
    jobs: int,
    on_worker_death: Callable[[str], T],
    memory: int | None = None,
    timeout: float | None = None,
) -> Generator[T, None, None]:
    """Apply a function to chunks of items in at most `jobs` processes; yield the results in order.

    Memory doesn't grow with the number of items.

    start: picklable; called once in each process, returns the function, which gives a result for
        each item.
    on_worker_death: gives the result of an item that kills its process, as when memory runs out, or
        that takes too long.
    memory: see `Worker`.
    timeout: in seconds for a chunk; by default no limit.

    Raises the DigitsError that `start` or the function raises, and StartFailed.
    """
    pool = Pool(partial(Worker, start, memory), jobs)
    submitted = ((chunk, pool.submit(chunk, timeout)) for chunk in chunks)
    pending = deque(islice(submitted, _PREFETCH * jobs))
    try:
        while pending:
            chunk, answers = pending.popleft()
            try:
                yield from answers.result()
            except (WorkerDied, TimeoutError) as error:  # because of one of the items
                for item in chunk:
                    try:
                        if len(chunk) == 1 and isinstance(error, TimeoutError):
                            raise  # it would take as long again
                        yield from pool.submit([item], timeout).result()
                    except (WorkerDied, TimeoutError):
                        yield on_worker_death(item)
            pending.extend(islice(submitted, 1))
    finally:
        pool.kill()


def _serve(pipe: Connection, memory: int | None) -> None:
    """Receive what to start, then answer requests until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    system.die_with_parent()
    shorten_warnings()
    with suppress(EOFError, OSError):
        try:
            start: Start[Any, Any] = pipe.recv()
            work = start()
        except DigitsError as error:
            pipe.send(error)
            return
        if memory is not None:
            system.limit_memory(memory)
        pipe.send(None)
        while True:
            request = pipe.recv()
            try:
                answer = work(request)
            except DigitsError as error:
                answer = error
            pipe.send(answer)
            del request, answer
