import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from digits.errors import DigitsError, ModelError, PictureError
from digits.processes import Pool, StartFailed, Worker, WorkerDied, parallel_map
from tests.conftest import Patch
from tests.waiting import wait_until

pytestmark = pytest.mark.slow  # they start processes


def obey(command: str) -> object:
    match command.split():
        case ["die"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["fail"]:
            raise ZeroDivisionError
        case ["refuse"]:
            raise PictureError("no picture")
        case ["is", "sigint", "blocked"]:
            return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        case ["sleep"]:
            time.sleep(3600)
        case ["wait", "for", file]:
            wait_until(lambda: os.path.exists(file))
        case ["take", megabytes]:
            try:
                return len(bytes(int(megabytes) << 20)) >> 20
            except MemoryError as error:
                raise PictureError("too much") from error
    return os.getpid()


def start(failure: str = "", _: bytes = b"") -> Callable[[str], object]:
    if failure == "error":
        raise ModelError("no such model")
    if failure == "exit":
        sys.exit("nothing works here")
    return obey


start_worker = partial(Worker, start)


@pytest.fixture
def worker() -> Iterator[Worker[str, object]]:
    with closing(Worker(start)) as worker:
        yield worker


@pytest.fixture
def pool() -> Iterator[Pool[str, object]]:
    pool = Pool(start_worker, 2)
    yield pool
    pool.kill()


@pytest.mark.unix
def test_deleted_current_folder_is_named(tmp_path: Path, monkeypatch: Patch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(StartFailed, match="the current folder"):
        Worker(start)


def has_ended(process: object) -> bool:
    """Whether a process is gone, or dead and not yet reaped."""
    try:
        return ") Z " in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_worker_is_one_other_process_that_survives_errors(worker: Worker[str, object]) -> None:
    process = worker.ask("")
    with pytest.raises(PictureError, match="no picture"):
        worker.ask("refuse")
    assert worker.ask("") == process != os.getpid()


@pytest.mark.unix
@pytest.mark.parametrize(("failure", "error"), [("error", ModelError), ("exit", StartFailed)])
def test_failing_start_is_raised(failure: str, error: type[DigitsError]) -> None:
    start_failing = partial(Worker, partial(start, failure))
    worker = start_failing()
    with pytest.raises(error):
        worker.ask("")
    assert not worker.is_alive
    pool = Pool(start_failing, 1)
    with pytest.raises(error):
        pool.wait_until_started()
    pool.kill()


@pytest.mark.unix
@pytest.mark.parametrize(("command", "is_bug"), [("die", False), ("fail", True)])
def test_death_raises_worker_died(worker: Worker[str, object], command: str, is_bug: bool) -> None:
    with pytest.raises(WorkerDied) as died:
        worker.ask(command)
    assert died.value.is_bug == is_bug and not worker.is_alive
    with pytest.raises(WorkerDied):
        worker.ask("")


@pytest.mark.linux
def test_memory_is_limited_and_released() -> None:
    with closing(Worker(start, memory=64 << 20)) as worker:
        assert worker.ask("take 32") == 32
        with pytest.raises(PictureError, match="too much"):
            worker.ask("take 96")
        assert worker.ask("take 32") == 32


def test_process_that_cannot_start_is_a_sentence(monkeypatch: Patch) -> None:
    monkeypatch.setattr(SpawnProcess, "start", Mock(side_effect=OSError(errno.EAGAIN, "No room")))
    with pytest.raises(StartFailed, match="^can't start another process: No room$"):
        Worker(start)


@pytest.mark.unix
def test_pool_starts_a_worker_only_if_all_are_busy(pool: Pool[str, object], tmp_path: Path) -> None:
    first = pool.submit("").result()
    assert {pool.submit("").result() for _ in range(5)} == {first}
    waiting = pool.submit(f"wait for {tmp_path / 'go'}")
    second = pool.submit("").result()
    (tmp_path / "go").touch()
    answered = {waiting.result(), second}  # whichever thread took the idle worker
    assert first in answered and len(answered) == 2


@pytest.mark.unix
def test_pool_replaces_dead_and_late_workers(pool: Pool[str, object]) -> None:
    first = pool.submit("").result()
    with pytest.raises(TimeoutError):
        pool.submit("sleep", 0.1).result()
    second = pool.submit("").result()
    with pytest.raises(WorkerDied):
        pool.submit("die").result()
    third = pool.submit("").result()
    assert isinstance(third, int)
    os.kill(third, signal.SIGKILL)  # idle, which costs no request
    wait_until(lambda: has_ended(third))
    assert len({first, second, third, pool.submit("").result()}) == 4


def start_map(folder: Path) -> Callable[[Sequence[str]], list[str]]:
    """Return what writes files, slowly if a name ends with 0; die at 40.

    It returns the name many times: more than a pipe holds.
    """

    def answer(item: str) -> str:
        time.sleep(0.02 if item.endswith("0") else 0)
        if item == "40":
            os.kill(os.getpid(), signal.SIGKILL)
        (folder / item).touch()
        return item * 10_000

    return lambda items: [*map(answer, items)]


def chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    return (items[first : first + 16] for first in range(0, len(items), 16))


@pytest.mark.unix
@pytest.mark.parametrize(("count", "jobs"), [(0, 2), (16, 2), (17, 2), (100, 3)])
def test_parallel_map_gives_results_in_order(tmp_path: Path, count: int, jobs: int) -> None:
    items = [*map(str, range(count))]
    results = parallel_map(
        partial(start_map, tmp_path), chunks(items), jobs, lambda item: f"dead {item}"
    )
    assert list(results) == ["dead 40" if item == "40" else item * 10_000 for item in items]


def sleep_on(items: Sequence[str]) -> list[str]:
    with open(items[0], "a") as log:
        log.write("asked ")
    time.sleep(60)
    return []


def start_sleeping() -> Callable[[Sequence[str]], list[str]]:
    return sleep_on


def test_item_that_takes_too_long_is_not_asked_again(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    assert [*parallel_map(start_sleeping, [[log]], 1, str, timeout=0.5)] == [log]
    assert Path(log).read_text() == "asked "


def test_parallel_map_raises_a_failing_start() -> None:
    with pytest.raises(ModelError):
        failing: Any = partial(start, "error")
        list(parallel_map(failing, chunks(["1"] * 40), 2, str))
