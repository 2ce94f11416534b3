import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from digits.errors import DigitsError, ModelError
from digits.processes import StartFailed, parallel_map

T = TypeVar("T")


def slower_first(item: str) -> tuple[str, int]:
    time.sleep(0.02 if item.endswith("0") else 0)
    return item, os.getpid()


def die_at_40(item: str) -> str:
    if item == "40":
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def enlarge(item: str) -> str:
    """Beyond the buffer of a pipe."""
    return item * 10_000


def touch_file(folder: Path, item: str) -> str:
    (folder / item).touch()
    return item


def return_work(work: Callable[[str], T]) -> Callable[[str], T]:
    return work


def report_death(item: str) -> str:
    return f"dead {item}"


def die_at_start() -> Callable[[str], str]:
    os.kill(os.getpid(), signal.SIGKILL)
    return str


def fail_at_start() -> Callable[[str], str]:
    raise ModelError("no such model")


def items(count: int) -> list[str]:
    return list(map(str, range(count)))


@pytest.mark.parametrize(
    ("work", "count"),
    [
        *((str, count) for count in (0, 1, 16, 17)),
        (enlarge, 100),
        pytest.param(die_at_40, 200, marks=pytest.mark.unix),
    ],
)
def test_results_are_those_of_map(work: Callable[[str], str], count: int) -> None:
    expected = ["dead 40" if (work, item) == (die_at_40, "40") else item for item in items(count)]
    results = list(parallel_map(partial(return_work, work), items(count), 2, report_death))
    assert results == (list(map(enlarge, expected)) if work == enlarge else expected)


def test_results_of_several_processes_keep_the_order() -> None:
    start = partial(return_work, slower_first)
    results = list(parallel_map(start, items(200), 3, lambda item: (item, 0)))
    assert [item for item, _ in results] == items(200)
    assert len({process for _, process in results}) == 3


@pytest.mark.parametrize(
    ("start", "error"),
    [
        (fail_at_start, ModelError),
        pytest.param(die_at_start, StartFailed, marks=pytest.mark.unix),
    ],
)
def test_failing_start_is_raised_once(
    start: Callable[[], Callable[[str], str]], error: type[DigitsError]
) -> None:
    with pytest.raises(error):
        list(parallel_map(start, items(40), 2, report_death))


def test_closed_parallel_map_starts_no_more_items(tmp_path: Path) -> None:
    start = partial(return_work, partial(touch_file, tmp_path))
    with closing(parallel_map(start, items(1000), 2, report_death)) as results:
        assert next(results) == "0"
    assert len(list(tmp_path.iterdir())) < 200
