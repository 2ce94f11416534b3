"""Worker processes that can be killed, and a stop signal to wait for beside them.

They confine what a decoder does with foreign bytes: crashes, time and memory.
concurrent.futures.ProcessPoolExecutor won't do: one crash breaks the whole pool, and it can neither
kill nor limit a single worker.
"""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from digits import system
from digits.errors import DigitsError
from digits.terminal import silence_pillow

Request = TypeVar("Request")
Answer = TypeVar("Answer")
Start = Callable[[], Callable[[Request], Answer]]

_LONG = 0.1  # seconds; a picture that takes longer needs much memory
_SECONDS_TO_DIE = 5.0  # after SIGKILL, unless a disk doesn't respond


class WorkerDied(DigitsError):
    """A worker process ended before it answered, as when memory runs out."""


class Worker(Generic[Request, Answer]):
    """A process that answers one request after the other.

    start: picklable; called once in the new process, returns the function that answers. memory:
    how many bytes it may allocate after that (Linux); by default no limit. Ctrl-C doesn't reach
    it. It ends with its parent process, even a killed one; on Linux with the thread that made it.

    Raises WorkerDied if the system can't start another process.
    """

    def __init__(self, start: Start[Request, Answer], memory: int | None = None) -> None:
        # fork is unsafe beside onnxruntime's threads
        context = multiprocessing.get_context("spawn")
        self._pipe, its_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(its_end, memory), daemon=True)
        try:
            with system.sigint_blocked():
                self._process.start()
        except OSError as error:
            gone = isinstance(error, FileNotFoundError)
            reason = "the current folder or Python was deleted" if gone else error.strerror
            raise WorkerDied(f"can't start another process: {reason}") from error
        its_end.close()  # so that each end notices if the other is gone
        self._started = False
        # Not as an argument: `Process.start` would wait for ever for a process that has died to
        # read it, as models are larger than a pipe.
        with suppress(OSError):  # `wait_until_started` says what has happened
            self._pipe.send(start)

    def wait_until_started(self) -> None:
        """Wait for `start`. Raises WorkerDied, and the DigitsError that `start` raises."""
        if not self._started:
            self._receive(None)
            self._started = True

    def send(self, request: Request) -> None:
        """Send a request. Raises WorkerDied, and the DigitsError that `start` raises."""
        try:
            self._pipe.send(request)
        except OSError as error:
            self.wait_until_started()  # which has a better reason
            raise WorkerDied("a worker process died") from error

    def receive(self, timeout: float | None = None) -> Answer:
        """Return the answer to the oldest pending request.

        timeout: in seconds. Raises WorkerDied, TimeoutError, and the DigitsError that the function
        raises.
        """
        self.wait_until_started()
        answer: Answer = self._receive(timeout)
        return answer

    def ask(self, request: Request, timeout: float | None = None) -> Answer:
        """Send a request and return its answer."""
        self.send(request)
        return self.receive(timeout)

    @property
    def exit_code(self) -> int | None:
        """How a dead process ended: 1 after a bug, or minus a signal number."""
        self._process.join(_SECONDS_TO_DIE)
        return self._process.exitcode

    def close(self) -> None:
        """Kill the process."""
        self._pipe.close()
        self._process.kill()
        self._process.join(_SECONDS_TO_DIE)

    def _receive(self, timeout: float | None) -> Any:
        try:
            ready = self._pipe.poll(timeout)
            answer = self._pipe.recv() if ready else None
        except (EOFError, OSError) as error:  # OSError: within an answer
            raise WorkerDied("a worker process died") from error
        if not ready:
            raise TimeoutError
        if isinstance(answer, DigitsError):
            raise answer
        return answer


class StopEvent:
    """An event that SIGTERM and Ctrl-C set, and that can be waited for beside workers.

    threading.Event could deadlock: its `wait` holds a lock that the signal handler needs.
    """

    def __init__(self) -> None:
        self._set = False
        self._wake, self._waker = multiprocessing.Pipe(duplex=False)

    def set_by_signals(self) -> None:
        """Have SIGTERM and Ctrl-C set it instead of ending the process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def is_set(self) -> bool:
        return self._set

    def _stop(self, *_: object) -> None:
        if not self._set:
            self._set = True
            self._waker.send_bytes(b"\0")


def wait_for_answers(
    workers: Iterable[Worker[Request, Answer]], stop: StopEvent | None, seconds: float
) -> list[Worker[Request, Answer]]:
    """Wait for an answer, for so many seconds or until `stop` is set.

    Returns the workers that have answered or died.
    """
    pipes = {worker._pipe: worker for worker in workers}
    ready: list[object] = []
    with suppress(InterruptedError):  # Ctrl-C on Windows, after `stop` was set
        ready += wait([*pipes, *([stop._wake] if stop else [])], seconds)
    return [worker for pipe, worker in pipes.items() if pipe in ready]


def _serve(pipe: Connection, memory: int | None) -> None:
    """Receive what to start, then answer requests until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    system.die_with_parent()
    silence_pillow()
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
            started = time.monotonic()
            try:
                answer = work(request)
            except DigitsError as error:
                answer = error
            pipe.send(answer)
            del request, answer
            if time.monotonic() - started > _LONG:
                system.trim_memory()
