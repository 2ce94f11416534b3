import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from digits.errors import ModelError, PictureError
from digits.processes import Worker, WorkerDied

Work = Callable[[str], object]


def obey(command: str) -> object:
    match command.split():
        case ["die"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["refuse"]:
            raise PictureError("no picture")
        case ["sleep"]:
            time.sleep(3600)
        case ["take", megabytes]:
            return len(bytes(int(megabytes) << 20)) >> 20
    return os.getpid()


def start() -> Work:
    return obey


def start_badly() -> Work:
    raise ModelError("no such model")


def start_and_die() -> Work:
    sys.exit("nothing works here")


def bounded(command: str) -> object:
    try:
        return obey(command)
    except MemoryError as error:
        raise PictureError("too much") from error


def start_bounded() -> Work:
    return bounded


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker[str, object]]:
    with closing(Worker(start)) as worker:
        yield worker


def test_it_is_another_process(worker: Worker[str, object]) -> None:
    assert worker.ask("") == worker.ask("") != os.getpid()


def test_error_does_not_end_it(worker: Worker[str, object]) -> None:
    before = worker.ask("")
    with pytest.raises(PictureError, match="no picture"):
        worker.ask("refuse")
    assert worker.ask("") == before


def test_answers_come_in_the_order_of_requests(worker: Worker[str, object]) -> None:
    for size in ("1", "2", "3"):
        worker.send(f"take {size}")
    assert [worker.receive() for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("start_failing", [start_badly, start_and_die])
def test_failing_start_is_raised(start_failing: Callable[[], Work]) -> None:
    expected = ModelError if start_failing is start_badly else WorkerDied
    with closing(Worker(start_failing)) as worker:
        with pytest.raises(expected):
            worker.wait_until_started()
        with pytest.raises(WorkerDied):
            worker.ask("")


def test_death_is_raised() -> None:
    with closing(Worker(start)) as worker, pytest.raises(WorkerDied):
        worker.ask("die")


def test_late_answer_is_a_timeout_and_the_process_can_be_ended() -> None:
    worker = Worker(start)
    process = worker.ask("")
    with pytest.raises(TimeoutError):
        worker.ask("sleep", timeout=0.05)
    worker.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)  # type: ignore[arg-type]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_memory_is_bounded_and_comes_back() -> None:
    with closing(Worker(start_bounded, memory=64 << 20)) as worker:
        assert worker.ask("take 32") == 32
        with pytest.raises(PictureError, match="too much"):
            worker.ask("take 96")
        assert worker.ask("take 32") == 32


def test_ctrl_c_does_not_reach_a_process_that_is_only_starting() -> None:
    """Python's resource tracker, which comes with the first one, once let it through."""
    code = """
import signal
from multiprocessing import resource_tracker
from digits.processes import _sigint_blocked
with _sigint_blocked():
    resource_tracker.ensure_running()
    print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n", "")
