"""Processes that answer one request after the other, and that can be ended.

What a decoder does with foreign bytes, however long it takes and however much memory it wants, is
over when its process is.
"""

import ctypes
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Generic, TypeVar

from digits.errors import DigitsError
from digits.terminal import quiet

Request = TypeVar("Request")
Answer = TypeVar("Answer")
Start = Callable[[], Callable[[Request], Answer]]

_STARTING = threading.Lock()  # the environment belongs to all threads
_PR_SET_PDEATHSIG = 1  # prctl(2)
_LONG = 0.1  # seconds, which a picture takes that needs much memory
_SECONDS_TO_DIE = 5.0  # after SIGKILL; longer takes what waits for a disk that doesn't answer


class WorkerDied(DigitsError):
    """A worker process has ended before it answered, as when the memory is full."""


class Worker(Generic[Request, Answer]):
    """A process of its own, which `start` gives the function that answers.

    start: can be pickled; called once, in the new process. memory: how many bytes it may take
    beyond those that it has after that, where the system can bound it (Linux); no bound without.
    Ctrl-C doesn't reach it: the first process decides. It ends when that does, be it by a kill; on
    Linux even when the thread does that made it.

    Raises WorkerDied when the system gives no other process.
    """

    def __init__(self, start: Start[Request, Answer], memory: int | None = None) -> None:
        # fork is unsafe beside onnxruntime's threads
        context = multiprocessing.get_context("spawn")
        self._pipe, its_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(its_end, start, memory), daemon=True)
        try:
            with _STARTING, _safe_path(), _sigint_blocked():
                self._process.start()
        except OSError as error:
            raise WorkerDied(f"can't start another process: {error.strerror}") from error
        its_end.close()  # so that each end notices when the other is gone
        self._started = False

    def wait_until_started(self) -> None:
        """Raises WorkerDied, and the DigitsError that `start` raises."""
        if not self._started:
            self._receive(None)
            self._started = True

    def send(self, request: Request) -> None:
        """Ask for something. Raises WorkerDied, and the DigitsError that `start` raises."""
        try:
            self._pipe.send(request)
        except OSError as error:
            self.wait_until_started()  # or else there is a better reason
            raise WorkerDied("a worker process died") from error

    def receive(self, timeout: float | None = None) -> Answer:
        """The answer to the first request that has none yet.

        Raises WorkerDied, TimeoutError after so many seconds without an answer, and the DigitsError
        that the function raises.
        """
        self.wait_until_started()
        answer: Answer = self._receive(timeout)
        return answer

    def ask(self, request: Request, timeout: float | None = None) -> Answer:
        """`send` and `receive`."""
        self.send(request)
        return self.receive(timeout)

    @property
    def exit_code(self) -> int | None:
        """How a process that died has ended: 1 after a bug, or minus the number of a signal."""
        self._process.join(_SECONDS_TO_DIE)
        return self._process.exitcode

    def fileno(self) -> int:
        """For `multiprocessing.connection.wait`."""
        return self._pipe.fileno()

    def close(self) -> None:
        """End the process, whatever it does."""
        self._pipe.close()
        self._process.kill()
        self._process.join(_SECONDS_TO_DIE)

    def _receive(self, timeout: float | None) -> Any:
        try:
            ready = self._pipe.poll(timeout)
            answer = self._pipe.recv() if ready else None
        except (EOFError, OSError) as error:  # OSError: in the middle of an answer
            raise WorkerDied("a worker process died") from error
        if not ready:
            raise TimeoutError
        if isinstance(answer, DigitsError):
            raise answer
        return answer


@contextmanager
def _safe_path() -> Iterator[None]:
    """Have a new Python not look for modules in the current folder, which may be a stranger's.

    It is started by `python -c`, which does so until it has this process's sys.path.
    """
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Ctrl-C goes to all: it must not interrupt a process that is only starting."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which unblocks SIGINT when it has started its process
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield  # a process has from its birth what its parent blocks
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, start: Start[Any, Any], memory: int | None) -> None:
    """What a worker does, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    quiet()
    with suppress(EOFError, OSError):
        try:
            work = start()
        except DigitsError as error:
            pipe.send(error)
            return
        if memory is not None:
            _limit_memory(memory)
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
                _give_back_memory()


def _die_with_parent() -> None:
    """Also in the middle of a picture, where nobody looks whether the pipe is closed. Linux."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _give_back_memory() -> None:
    """Have the C library (glibc) give back what it keeps for the next one that is as large."""
    with suppress(AttributeError, OSError, TypeError):  # there is none, or it has no such function
        ctypes.CDLL(None).malloc_trim(0)


def _limit_memory(more: int) -> None:
    """Let this process take so many bytes more, and then raise MemoryError."""
    try:
        import resource

        status = Path("/proc/self/status").read_text()
    except (ImportError, OSError):
        return
    used = next(int(line.split()[1]) << 10 for line in status.splitlines() if "VmData" in line)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = used + more if hard == resource.RLIM_INFINITY else min(used + more, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
