import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from digits.commands import workers
from digits.errors import ModelError
from digits.processes import WorkerDied


def slower_first(item: str) -> tuple[str, int]:
    time.sleep(0.02 if item.endswith("0") else 0)
    return item, os.getpid()


def dying(item: str) -> str:
    if item == "40":
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def large(item: str) -> str:
    return item * 10_000


def given(work: Callable[[str], object]) -> Callable[[str], object]:
    return work


def dead(item: str) -> str:
    return f"dead {item}"


def dying_at_start() -> Callable[[str], str]:
    os.kill(os.getpid(), signal.SIGKILL)
    return str


def failing() -> Callable[[str], object]:
    raise ModelError("no such model")


def logged(folder: Path, item: str) -> str:
    (folder / item).touch()
    return item


def test_results_come_in_the_order_of_the_items() -> None:
    items = [str(number) for number in range(100)]
    results = list(workers.parallel_map(partial(given, slower_first), items, 3, dead))
    assert [item for item, _ in results] == items
    assert len({process for _, process in results}) == 3


@pytest.mark.parametrize("count", [0, 1, 16, 17])
def test_any_number_of_items(count: int) -> None:
    items = [str(number) for number in range(count)]
    assert list(workers.parallel_map(partial(given, str), items, 2, dead)) == items


def test_results_larger_than_a_pipe_s_buffer() -> None:
    items = [f"{number:04}" for number in range(100)]
    assert list(workers.parallel_map(partial(given, large), items, 2, dead)) == list(
        map(large, items)
    )


def test_item_that_kills_a_worker_costs_only_itself() -> None:
    items = [str(number) for number in range(200)]
    results = list(workers.parallel_map(partial(given, dying), items, 2, dead))
    assert results == ["dead 40" if item == "40" else item for item in items]


def test_worker_that_died_idle_costs_nothing() -> None:
    items = list(map(str, range(300)))
    done: list[str] = []
    others = set(multiprocessing.active_children())  # of other tests, which are only ending
    for result in workers.parallel_map(partial(given, str), items, 1, dead):
        done.append(result)
        if len(done) == 1:
            [worker] = set(multiprocessing.active_children()) - others
            worker.kill()
            worker.join()
    assert done == items


def test_workers_that_die_at_their_start_are_an_error() -> None:
    with pytest.raises(WorkerDied):
        list(workers.parallel_map(dying_at_start, list(map(str, range(40))), 2, dead))


def test_what_a_process_can_t_start_with_is_raised_here() -> None:
    with pytest.raises(ModelError, match="no such model"):
        list(workers.parallel_map(failing, ["1", "2"], 2, dead))


def test_what_nobody_waits_for_is_not_begun(tmp_path: Path) -> None:
    items = [str(number) for number in range(1000)]
    results = workers.parallel_map(partial(given, partial(logged, tmp_path)), items, 2, dead)
    assert next(results) == "0"
    results.close()
    assert len(list(tmp_path.iterdir())) < 200


def test_workers_end_when_the_first_process_is_killed() -> None:
    code = """
from functools import partial
from tests.runtime.commands.test_workers import dead, given, slower_first
from digits.commands import workers
if __name__ == "__main__":
    items = ["0"] * 10_000
    for item, process in workers.parallel_map(partial(given, slower_first), items, 2, dead):
        print(process, flush=True)
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        worker = int(process.stdout.readline())
        process.kill()
    for _ in range(100):
        try:
            if "Z" in Path(f"/proc/{worker}/stat").read_text():
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.1)
    pytest.fail("a worker goes on without anyone to answer to")
