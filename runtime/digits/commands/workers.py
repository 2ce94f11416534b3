"""The same work on all cores: processes that answer in the order of the items.

Threads would wait for one another: most of a small picture's time goes by in Python.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import Generic, NamedTuple, TypeVar

from digits.errors import DigitsError
from digits.processes import Worker, WorkerDied

T = TypeVar("T")

# A worker has one chunk at hand and one ahead. Sixteen names of files always fit into the buffer
# of a pipe, so that neither end waits for the other to read.
_CHUNK, _AHEAD = 16, 2


def each(start: Callable[[], Callable[[str], T]], items: Sequence[str], jobs: int) -> Iterator[T]:
    """Do the work for each item, with at most `jobs` processes; yields results in the items' order.

    start: called once in each process, gives the function that does the work; can be pickled. No
    more than a few dozen results wait, however many items there are. Raises the DigitsError that
    start or the work raises, and one of its own when a process dies, as when the memory is full.
    """
    jobs = min(jobs, -(-len(items) // _CHUNK))  # any other would have nothing to do
    with ExitStack() as stack:
        workers: list[Worker[Sequence[str], list[T]]] = [
            stack.enter_context(closing(Worker(_InChunks(start).start))) for _ in range(jobs)
        ]
        asked: deque[tuple[Worker[Sequence[str], list[T]], Sequence[str]]] = deque()
        for number, first in enumerate(range(0, len(items), _CHUNK)):
            if len(asked) == _AHEAD * jobs:
                yield from _answers(*asked.popleft())
            worker, chunk = workers[number % jobs], items[first : first + _CHUNK]
            try:
                worker.send(chunk)
            except WorkerDied as error:
                while asked:  # what it died of is among these, if it had anything to do
                    yield from _answers(*asked.popleft())
                raise _died(chunk) from error
            asked.append((worker, chunk))
        while asked:
            yield from _answers(*asked.popleft())


class _InChunks(NamedTuple, Generic[T]):
    """The work for several items at a time."""

    of_one: Callable[[], Callable[[str], T]]

    def start(self) -> Callable[[Sequence[str]], list[T]]:
        work = self.of_one()
        return lambda items: [work(item) for item in items]


def _answers(worker: Worker[Sequence[str], list[T]], chunk: Sequence[str]) -> list[T]:
    try:
        return worker.receive()
    except WorkerDied as error:
        raise _died(chunk) from error


def _died(chunk: Sequence[str]) -> DigitsError:
    return DigitsError(
        f"a worker process died between {chunk[0]} and {chunk[-1]}; fewer --jobs need less memory"
    )
