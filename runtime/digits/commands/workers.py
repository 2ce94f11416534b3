"""Map a function over items in worker processes, with the results in order.

Threads would wait for the GIL. ProcessPoolExecutor.map would queue every item at once, and lose all
of them when one process is killed.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import Generic, NamedTuple, TypeVar

from digits.processes import Worker, WorkerDied

T = TypeVar("T")

# Chunks per worker: one at work, one waiting. Sixteen file names fit into the buffer of a pipe, so
# that neither end blocks.
_CHUNK, _PREFETCH = 16, 2


def parallel_map(
    start: Callable[[], Callable[[str], T]],
    items: Sequence[str],
    jobs: int,
    on_worker_death: Callable[[str], T],
) -> Iterator[T]:
    """Apply a function to each item in at most `jobs` processes; yield the results in order.

    start: picklable; called once in each process, returns the function. on_worker_death: gives the
    result of an item that kills its process, as when memory runs out. Memory doesn't grow with the
    number of items. Raises the DigitsError that start or the function raises, and WorkerDied if a
    process can't start.
    """
    jobs = min(jobs, -(-len(items) // _CHUNK))  # others would have nothing to do
    with ExitStack() as stack:
        lanes = [_Lane(_InChunks(start).start, on_worker_death) for _ in range(jobs)]
        for lane in lanes:
            stack.callback(lane.close)
        asked: deque[_Lane[T]] = deque()
        for number, first in enumerate(range(0, len(items), _CHUNK)):
            if len(asked) == _PREFETCH * jobs:
                yield from asked.popleft().receive()
            lane = lanes[number % jobs]
            lane.send(items[first : first + _CHUNK])
            asked.append(lane)
        while asked:
            yield from asked.popleft().receive()


class _InChunks(NamedTuple, Generic[T]):
    """A function of several items at a time."""

    of_one: Callable[[], Callable[[str], T]]

    def start(self) -> Callable[[Sequence[str]], list[T]]:
        work = self.of_one()
        return lambda items: [work(item) for item in items]


class _Lane(Generic[T]):
    """A worker, replaced when it dies."""

    def __init__(
        self,
        start: Callable[[], Callable[[Sequence[str]], list[T]]],
        on_worker_death: Callable[[str], T],
    ) -> None:
        self._start, self._on_worker_death = start, on_worker_death
        self._worker = Worker(start)
        self._asked: deque[Sequence[str]] = deque()  # chunks without results

    def send(self, chunk: Sequence[str]) -> None:
        self._asked.append(chunk)
        with suppress(WorkerDied):  # `receive` notices
            self._worker.send(chunk)

    def receive(self) -> list[T]:
        """Return the results of the oldest pending chunk."""
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
            return self._on_worker_death(item)

    def _restart(self) -> None:
        self._worker.close()
        self._worker = Worker(self._start)
        self._worker.wait_until_started()
