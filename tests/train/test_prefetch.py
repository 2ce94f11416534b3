import threading
import time

import pytest
import torch

from digits_train.prefetch import prefetched


def test_like_map() -> None:
    assert list(prefetched(lambda n: n * n, range(20))) == [n * n for n in range(20)]
    assert list(prefetched(lambda n: n, [])) == []


def test_it_works_ahead_in_one_thread_but_not_without_end() -> None:
    made: list[int] = []
    threads = set()

    def make(number: int) -> int:
        made.append(number)
        threads.add(threading.get_ident())
        return number

    results = prefetched(make, range(100))
    assert next(results) == 0
    deadline = time.monotonic() + 20
    while len(made) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert made == [0, 1, 2]
    assert list(results) == list(range(1, 100))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_an_error_reaches_the_caller() -> None:
    def make(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    results = prefetched(make, range(5))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)


def test_it_computes_with_as_many_threads() -> None:
    [threads] = prefetched(lambda _: torch.get_num_threads(), [None])
    assert threads == torch.get_num_threads()
