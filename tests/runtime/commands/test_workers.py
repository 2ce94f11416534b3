import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from digits.commands import workers
from digits.errors import ModelError
from digits.processes import WorkerDied

T = TypeVar("T")


def slower_first(item: str) -> tuple[str, int]:
    time.sleep(0.02 if item.endswith("0") else 0)
    return item, os.getpid()


def die_at_40(item: str) -> str:
    if item == "40":
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def enlarge(item: str) -> str:
    return item * 10_000


def return_work(work: Callable[[str], T]) -> Callable[[str], T]:
    return work


def report_death(item: str) -> str:
    return f"dead {item}"


def die_at_start() -> Callable[[str], str]:
    os.kill(os.getpid(), signal.SIGKILL)
    return str


def fail_at_start() -> Callable[[str], object]:
    raise ModelError("no such model")


def touch_file(folder: Path, item: str) -> str:
    (folder / item).touch()
    return item


def test_results_keep_the_order_of_items() -> None:
    items = [str(number) for number in range(100)]
    results = list(workers.parallel_map(partial(return_work, slower_first), items, 3, report_death))
    assert [item for item, _ in results] == items
    assert len({process for _, process in results}) == 3


@pytest.mark.parametrize("count", [0, 1, 16, 17])
def test_parallel_map_of_any_number_of_items(count: int) -> None:
    items = [str(number) for number in range(count)]
    assert list(workers.parallel_map(partial(return_work, str), items, 2, report_death)) == items


def test_results_larger_than_a_pipe_buffer() -> None:
    items = [f"{number:04}" for number in range(100)]
    assert list(
        workers.parallel_map(partial(return_work, enlarge), items, 2, report_death)
    ) == list(map(enlarge, items))


@pytest.mark.unix
def test_item_that_kills_a_worker_loses_only_itself() -> None:
    items = [str(number) for number in range(200)]
    results = list(workers.parallel_map(partial(return_work, die_at_40), items, 2, report_death))
    assert results == ["dead 40" if item == "40" else item for item in items]


def test_worker_that_died_idle_loses_nothing() -> None:
    items = list(map(str, range(300)))
    done: list[str] = []
    others = set(multiprocessing.active_children())  # of other tests, still ending
    for result in workers.parallel_map(partial(return_work, str), items, 1, report_death):
        done.append(result)
        if len(done) == 1:
            [worker] = set(multiprocessing.active_children()) - others
            worker.kill()
            worker.join()
    assert done == items


@pytest.mark.unix
def test_workers_that_die_at_start_are_an_error() -> None:
    with pytest.raises(WorkerDied):
        list(workers.parallel_map(die_at_start, list(map(str, range(40))), 2, report_death))


def test_error_at_start_is_raised() -> None:
    with pytest.raises(ModelError, match="no such model"):
        list(workers.parallel_map(fail_at_start, ["1", "2"], 2, report_death))


def test_closed_parallel_map_starts_no_more_items(tmp_path: Path) -> None:
    items = [str(number) for number in range(1000)]
    results = workers.parallel_map(
        partial(return_work, partial(touch_file, tmp_path)), items, 2, report_death
    )
    assert isinstance(results, Generator)
    assert next(results) == "0"
    results.close()
    assert len(list(tmp_path.iterdir())) < 200


@pytest.mark.linux
def test_workers_end_when_their_parent_is_killed() -> None:
    code = """
from functools import partial
from tests.runtime.commands.test_workers import report_death, return_work, slower_first
from digits.commands import workers
if __name__ == "__main__":
    items = ["0"] * 10_000
    start = partial(return_work, slower_first)
    for item, process in workers.parallel_map(start, items, 2, report_death):
        print(process, flush=True)
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        process.kill()
    for _ in range(100):
        try:
            if "Z" in Path(f"/proc/{worker}/stat").read_text():
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.1)
    pytest.fail("a worker outlives its parent")
