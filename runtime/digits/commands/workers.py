"""The same work on all cores: processes that answer in the order of the items.

Threads would wait for one another: most of a small picture's time goes by in Python.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import Generic, NamedTuple, TypeVar

from digits.processes import Worker, WorkerDied

T = TypeVar("T")

# A worker has one chunk at hand and one ahead. Sixteen names of files always fit into the buffer
# of a pipe, so that neither end waits for the other to read.
_CHUNK, _AHEAD = 16, 2


def each(
    start: Callable[[], Callable[[str], T]],
    items: Sequence[str],
    jobs: int,
    on_death: Callable[[str], T],
) -> Iterator[T]:
    """Do the work for each item, with at most `jobs` processes; yields results in the items' order.

    start: called once in each process, gives the function that does the work; can be pickled.
    on_death: gives the result for an item that a process dies of, as when the memory is full. No
    more than a few dozen results wait, however many items there are. Raises the DigitsError that
    start or the work raises, and WorkerDied when a process can't even start.
    """
    jobs = min(jobs, -(-len(items) // _CHUNK))  # any other would have nothing to do
    with ExitStack() as stack:
        lanes = [_Lane(_InChunks(start).start, on_death) for _ in range(jobs)]
        for lane in lanes:
            stack.callback(lane.close)
        asked: deque[_Lane[T]] = deque()
        for number, first in enumerate(range(0, len(items), _CHUNK)):
            if len(asked) == _AHEAD * jobs:
                yield from asked.popleft().receive()
            lane = lanes[number % jobs]
            lane.send(items[first : first + _CHUNK])
            asked.append(lane)
        while asked:
            yield from asked.popleft().receive()


class _InChunks(NamedTuple, Generic[T]):
    """The work for several items at a time."""

    of_one: Callable[[], Callable[[str], T]]

    def start(self) -> Callable[[Sequence[str]], list[T]]:
        work = self.of_one()
        return lambda items: [work(item) for item in items]


class _Lane(Generic[T]):
    """A worker, and after its death another one."""

    def __init__(
        self,
        start: Callable[[], Callable[[Sequence[str]], list[T]]],
        on_death: Callable[[str], T],
    ) -> None:
        self._start, self._on_death = start, on_death
        self._worker = Worker(start)
        self._asked: deque[Sequence[str]] = deque()  # chunks without an answer

    def send(self, chunk: Sequence[str]) -> None:
        self._asked.append(chunk)
        with suppress(WorkerDied):  # then there will be no answer
            self._worker.send(chunk)

    def receive(self) -> list[T]:
        """The results of the first chunk that has none yet."""
        chunk = self._asked.popleft()
        try:
            return self._worker.receive()
        except WorkerDied:
            self._restart()
        results = [self._one(item) for item in chunk]
        for later in self._asked:
            with suppress(WorkerDied):
                self._worker.send(later)
        return results

    def close(self) -> None:
        self._worker.close()

    def _one(self, item: str) -> T:
        try:
            return self._worker.ask([item])[0]
        except WorkerDied:
            self._restart()
            return self._on_death(item)

    def _restart(self) -> None:
        self._worker.close()
        self._worker = Worker(self._start)
        self._worker.wait_until_started()
