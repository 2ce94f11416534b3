import os
import signal
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
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
        case ["is", "sigint", "blocked"]:
            return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        case ["sleep"]:
            time.sleep(3600)
        case ["give", megabytes]:
            return bytes(int(megabytes) << 20)
        case ["take", megabytes]:
            return len(bytes(int(megabytes) << 20)) >> 20
    return os.getpid()


def start() -> Work:
    return obey


def start_large(_: bytes) -> Work:
    return obey


def start_with_error() -> Work:
    raise ModelError("no such model")


def start_and_exit() -> Work:
    sys.exit("nothing works here")


def obey_within_memory(command: str) -> object:
    try:
        return obey(command)
    except MemoryError as error:
        raise PictureError("too much") from error


def start_within_memory() -> Work:
    return obey_within_memory


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker[str, object]]:
    with closing(Worker(start)) as worker:
        yield worker


def test_worker_is_one_other_process(worker: Worker[str, object]) -> None:
    assert worker.ask("") == worker.ask("") != os.getpid()


@pytest.mark.unix
def test_process_that_dies_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiprocessing.spawn._python_exe", b"/bin/false")
    errors: list[Exception] = []

    def ask() -> None:
        try:
            with closing(Worker(partial(start_large, bytes(1 << 20)))) as dead:
                dead.ask("")
        except WorkerDied as error:
            errors.append(error)

    thread = threading.Thread(target=ask, daemon=True)  # it must not wait for ever
    thread.start()
    thread.join(30)
    assert not thread.is_alive() and len(errors) == 1


def test_error_does_not_end_the_worker(worker: Worker[str, object]) -> None:
    before = worker.ask("")
    with pytest.raises(PictureError, match="no picture"):
        worker.ask("refuse")
    assert worker.ask("") == before


def test_answers_keep_the_order_of_requests(worker: Worker[str, object]) -> None:
    for size in ("1", "2", "3"):
        worker.send(f"take {size}")
    assert [worker.receive() for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("start_failing", [start_with_error, start_and_exit])
def test_failing_start_is_raised(start_failing: Callable[[], Work]) -> None:
    expected = ModelError if start_failing is start_with_error else WorkerDied
    with closing(Worker(start_failing)) as worker:
        with pytest.raises(expected):
            worker.wait_until_started()
        with pytest.raises(WorkerDied):
            worker.ask("")


@pytest.mark.unix
def test_death_raises_worker_died() -> None:
    with closing(Worker(start)) as worker, pytest.raises(WorkerDied):
        worker.ask("die")


@pytest.mark.unix
def test_death_within_an_answer_raises_worker_died() -> None:
    """It was once an OSError: "got end of file during message"."""
    import fcntl
    import termios

    with closing(Worker(start)) as worker:
        process = worker.ask("")
        assert isinstance(process, int)
        worker.send("give 64")  # more than the pipe holds
        waiting, deadline = array("i", [0]), time.monotonic() + 60
        while waiting[0] < 1000 and time.monotonic() < deadline:  # bytes beyond its header
            fcntl.ioctl(worker._pipe.fileno(), termios.FIONREAD, waiting)
        os.kill(process, signal.SIGKILL)
        assert worker.exit_code == -signal.SIGKILL
        with pytest.raises(WorkerDied):
            worker.receive()


@pytest.mark.unix
def test_late_answer_times_out_and_close_kills() -> None:
    worker = Worker(start)
    process = worker.ask("")
    with pytest.raises(TimeoutError):
        worker.ask("sleep", timeout=0.05)
    worker.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)  # type: ignore[arg-type]


@pytest.mark.linux
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_memory_is_limited_and_released() -> None:
    with closing(Worker(start_within_memory, memory=64 << 20)) as worker:
        assert worker.ask("take 32") == 32
        with pytest.raises(PictureError, match="too much"):
            worker.ask("take 96")
        assert worker.ask("take 32") == 32


@pytest.mark.unix
def test_wait_returns_answered_and_dead_workers(worker: Worker[str, object]) -> None:
    with closing(Worker(start)) as other:
        process = other.ask("")
        assert isinstance(process, int)
        assert wait_for_answers([worker, other], None, 0) == []
        other.send("")
        assert wait_for_answers([worker, other], None, 60) == [other]
        os.kill(process, signal.SIGKILL)
        assert wait_for_answers([other], None, 60) == [other]


@pytest.mark.unix
def test_wait_ends_on_sigterm(worker: Worker[str, object], stop: StopEvent) -> None:
    threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert wait_for_answers([worker], stop, 60) == []
    assert stop.is_set()


def test_interrupted_wait_returns_nothing(
    worker: Worker[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by Ctrl-C on Windows; elsewhere Python continues to wait."""

    def interrupt(pipes: object, seconds: float) -> list[object]:
        raise InterruptedError

    monkeypatch.setattr(processes, "wait", interrupt)
    assert wait_for_answers([worker], None, 60) == []


def test_sigint_is_blocked_while_a_worker_starts() -> None:
    """Python's resource tracker, which starts with the first worker, once unblocked it."""
    code = """
from digits.processes import Worker
from tests.runtime.test_processes import start
worker = Worker(start)
print(worker.ask("is sigint blocked"))
worker.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.linux
def test_deleted_current_folder_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    with pytest.raises(WorkerDied, match="process: the current folder or Python was deleted"):
        Worker(start)


@pytest.mark.linux
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_busy_worker_ends_with_its_parent(name: str) -> None:
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
        parent.send_signal(signal.Signals[name])
    for _ in range(1000):
        try:
            if ") Z " in (worker / "stat").read_text():
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.01)
    pytest.fail("the worker outlives its parent")
