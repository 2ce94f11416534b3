"""Map a function over items in worker processes, with the results in order.

Threads would wait for the GIL. ProcessPoolExecutor.map would queue every item at once, and lose all
of them when one process is killed.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from digits.processes import Pool, Worker, WorkerDied

T = TypeVar("T")

# Items per request, and requests per worker: one at work, one waiting.
_CHUNK, _PREFETCH = 16, 2


def parallel_map(
    start: Callable[[], Callable[[str], T]],
    items: Sequence[str],
    jobs: int,
    on_worker_death: Callable[[str], T],
) -> Generator[T, None, None]:
    """Apply a function to each item in at most `jobs` processes; yield the results in order.

    start: picklable; called once in each process, returns the function. on_worker_death: gives the
    result of an item that kills its process, as when memory runs out. Memory doesn't grow with the
    number of items. Raises the DigitsError that start or the function raises, and StartFailed.
    """
    pool = Pool(partial(Worker, partial(_start, start)), jobs)

    def results(chunk: Sequence[str], future: "Future[list[T]]") -> Iterator[T]:
        try:
            yield from future.result()
        except WorkerDied:
            for item in chunk:
                try:
                    yield from pool.submit([item]).result()
                except WorkerDied:
                    yield on_worker_death(item)

    pending: deque[tuple[Sequence[str], Future[list[T]]]] = deque()
    try:
        for first in range(0, len(items), _CHUNK):
            if len(pending) == _PREFETCH * jobs:
                yield from results(*pending.popleft())
            chunk = items[first : first + _CHUNK]
            pending.append((chunk, pool.submit(chunk)))
        while pending:
            yield from results(*pending.popleft())
    finally:
        pool.kill()


def _start(start: Callable[[], Callable[[str], T]]) -> Callable[[Sequence[str]], list[T]]:
    work = start()
    return lambda items: [work(item) for item in items]
