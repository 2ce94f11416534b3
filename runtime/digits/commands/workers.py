"""The same work on all cores: processes that answer in the order of the items.

Threads would wait for one another: most of a small picture's time goes by in Python.
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from typing import TypeVar

from digits.errors import DigitsError
from digits.terminal import quiet

T = TypeVar("T")
Start = Callable[[], Callable[[str], T]]

# A worker has one chunk at hand and one ahead. Sixteen names of files always fit into the buffer
# of a pipe, so that neither end waits for the other to read.
_CHUNK, _AHEAD = 16, 2


def each(start: Start[T], items: Sequence[str], jobs: int) -> Iterator[T]:
    """Do the work for each item, with at most `jobs` processes; yields results in the items' order.

    start: called once in each process, gives the function that does the work; can be pickled. No
    more than a few dozen results wait, however many items there are. Raises the DigitsError that
    start or the work raises, and one of its own when a process dies, as when the memory is full.
    """
    jobs = min(jobs, -(-len(items) // _CHUNK))  # any other would have nothing to do
    context = multiprocessing.get_context("spawn")  # fork is unsafe beside onnxruntime's threads
    with ExitStack() as stack:
        pipes = [stack.enter_context(_worker(context, start)) for _ in range(jobs)]
        asked: deque[tuple[Connection, Sequence[str]]] = deque()
        for number, first in enumerate(range(0, len(items), _CHUNK)):
            if len(asked) == _AHEAD * jobs:
                yield from _answers(*asked.popleft())
            pipe, chunk = pipes[number % jobs], items[first : first + _CHUNK]
            try:
                pipe.send(chunk)
            except OSError as error:
                while asked:  # what it died of is among these, if it had anything to do
                    yield from _answers(*asked.popleft())
                raise _died(chunk) from error
            asked.append((pipe, chunk))
        while asked:
            yield from _answers(*asked.popleft())


def _answers(pipe: Connection, chunk: Sequence[str]) -> list[T]:
    try:
        answers: list[T] | DigitsError = pipe.recv()
    except (EOFError, OSError) as error:
        raise _died(chunk) from error
    if isinstance(answers, DigitsError):
        raise answers
    return answers


def _died(chunk: Sequence[str]) -> DigitsError:
    return DigitsError(
        f"a worker process died between {chunk[0]} and {chunk[-1]}; fewer --jobs need less memory"
    )


@contextmanager
def _worker(context: SpawnContext, start: Start[T]) -> Iterator[Connection]:
    ours, its_end = context.Pipe()
    process = context.Process(target=_serve, args=(its_end, start), daemon=True)
    with _undisturbed():
        process.start()
    its_end.close()  # so that each end notices when the other is gone
    try:
        yield ours
    finally:
        ours.close()
        process.terminate()
        process.join()


@contextmanager
def _undisturbed() -> Iterator[None]:
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


def _serve(pipe: Connection, start: Start[T]) -> None:
    """What a worker does, until the other end is closed, be it by a kill."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process decides
    quiet()
    with suppress(EOFError, OSError):
        try:
            work = start()
            while True:
                pipe.send([work(item) for item in pipe.recv()])
        except DigitsError as error:
            pipe.send(error)
