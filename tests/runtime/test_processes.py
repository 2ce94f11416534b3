import fcntl
import os
import signal
import subprocess
import sys
import termios
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from digits import processes
from digits.errors import ModelError, PictureError
from digits.processes import StopEvent, Worker, WorkerDied, wait_for_answers

Work = Callable[[str], object]
ROOT = Path(__file__).parents[2]


def obey(command: str) -> object:
    match command.split():
        case ["die"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["refuse"]:
            raise PictureError("no picture")
        case ["sleep"]:
            time.sleep(3600)
        case ["give", megabytes]:
            return bytes(int(megabytes) << 20)
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


def test_death_in_the_middle_of_an_answer_is_raised() -> None:
    """It once was an OSError: "got end of file during message"."""
    with closing(Worker(start)) as worker:
        worker.wait_until_started()
        worker.send("give 64")  # more than the pipe holds
        waiting, deadline = array("i", [0]), time.monotonic() + 60
        while waiting[0] < 1000 and time.monotonic() < deadline:  # bytes beyond its header
            fcntl.ioctl(worker._pipe.fileno(), termios.FIONREAD, waiting)
        worker._process.kill()
        worker._process.join()
        with pytest.raises(WorkerDied):
            worker.receive()


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


def test_wait_returns_those_that_have_answered(worker: Worker[str, object]) -> None:
    with closing(Worker(start)) as other:
        other.wait_until_started()
        assert wait_for_answers([worker, other], None, 0) == []
        other.send("")
        assert wait_for_answers([worker, other], None, 60) == [other]
        other._process.kill()
        assert wait_for_answers([other], None, 60) == [other]


def test_wait_ends_when_it_is_to_stop(worker: Worker[str, object]) -> None:
    stop = StopEvent()
    threading.Timer(0.01, stop._stop).start()
    assert wait_for_answers([worker], stop, 60) == []
    assert stop.is_set()


def test_wait_that_ctrl_c_interrupts(
    worker: Worker[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows; elsewhere Python goes on waiting."""

    def interrupted(pipes: object, seconds: float) -> list[object]:
        raise InterruptedError

    monkeypatch.setattr(processes, "wait", interrupted)
    assert wait_for_answers([worker], None, 60) == []


@pytest.mark.parametrize("module", ["multiprocessing", "pickle", "random"])
def test_modules_in_the_current_folder_are_not_run(tmp_path: Path, module: str) -> None:
    """A folder of pictures may be a stranger's."""
    (tmp_path / f"{module}.py").write_text("open('ran', 'w')")
    code = """
import os, sys
from digits.processes import Worker
from tests.runtime.test_processes import start
os.chdir(sys.argv[1])
worker = Worker(start)
assert worker.ask("") != os.getpid()
worker.close()
"""
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, cwd=ROOT)
    assert [path.name for path in tmp_path.iterdir()] == [f"{module}.py"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_busy_worker_ends_with_its_parent(number: signal.Signals) -> None:
    code = """
from digits.processes import Worker
from tests.runtime.test_processes import start
worker = Worker(start)
print(worker.ask(""), flush=True)
worker.ask("sleep")
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        worker = Path("/proc") / parent.stdout.readline().strip()
        parent.send_signal(number)
    for _ in range(1000):
        try:
            if ") Z " in (worker / "stat").read_text():
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.01)
    pytest.fail("it goes on without anyone to answer to")
