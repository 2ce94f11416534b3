import gc
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from digits.errors import DigitsError, ModelError, PictureError
from digits.processes import Pool, StartFailed, Worker, WorkerDied, parallel_map

pytestmark = pytest.mark.slow  # they start processes

Work = Callable[[str], object]
ROOT = Path(__file__).parents[2]


def obey(command: str) -> object:
    match command.split():
        case ["die"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["die", "within", "the", "answer"]:
            [pipe] = [item for item in gc.get_objects() if isinstance(item, Connection)]
            os.write(pipe.fileno(), struct.pack("!i", 1000) + b"fewer bytes than that")
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
            while not os.path.exists(file):
                time.sleep(0.01)
        case ["take", megabytes]:
            try:
                return len(bytes(int(megabytes) << 20)) >> 20
            except MemoryError as error:
                raise PictureError("too much") from error
    return os.getpid()


def start(failure: str = "", _: bytes = b"") -> Work:
    match failure:
        case "error":
            raise ModelError("no such model")
        case "exit":
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


def has_ended(process: object) -> bool:
    """Whether a process is gone, or dead and not yet reaped."""
    try:
        return ") Z " in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited for a minute"
        time.sleep(0.01)


def test_worker_is_one_other_process_that_survives_errors(worker: Worker[str, object]) -> None:
    process = worker.ask("")
    with pytest.raises(PictureError, match="no picture"):
        worker.ask("refuse")
    assert worker.ask("") == process != os.getpid()


@pytest.mark.unix
def test_process_that_dies_at_once_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It once hung: nobody read the model, which is larger than a pipe."""
    monkeypatch.setattr("multiprocessing.spawn._python_exe", b"/bin/false")
    start_large = partial(Worker, partial(start, "", bytes(1 << 20)))
    asked = ThreadPoolExecutor(1).submit(lambda: start_large().ask(""))
    with pytest.raises(StartFailed):
        asked.result(60)


@pytest.mark.parametrize(
    ("failure", "error"),
    [("error", ModelError), pytest.param("exit", StartFailed, marks=pytest.mark.unix)],
)
def test_failing_start_is_raised(failure: str, error: type[DigitsError]) -> None:
    start_failing = partial(Worker, partial(start, failure))
    worker = start_failing()
    with pytest.raises(error):
        worker.ask("")
    assert not worker.is_alive
    pool = Pool(start_failing, 1)
    with pytest.raises(error):
        pool.wait_until_started()
    with pytest.raises(error):
        pool.submit("").result()
    pool.kill()


@pytest.mark.unix
@pytest.mark.parametrize(
    ("command", "is_bug"), [("die", False), ("die within the answer", False), ("fail", True)]
)
def test_death_raises_worker_died(worker: Worker[str, object], command: str, is_bug: bool) -> None:
    """Within an answer, it was once an OSError: "got end of file during message"."""
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


@pytest.mark.linux
def test_process_that_cannot_start_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    with pytest.raises(StartFailed, match="can't start another process: No such file"):
        Worker(start)


def run_code(code: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", f"from tests.runtime.test_processes import *\n{code}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_sigint_is_blocked_while_a_worker_starts() -> None:
    """Python's resource tracker, which starts with the first worker, once unblocked it."""
    with run_code('print(Worker(start).ask("is sigint blocked"))') as process:
        assert process.communicate()[0] == "True\n"


@pytest.mark.linux
@pytest.mark.parametrize(
    ("number", "ask"),
    [
        (signal.SIGTERM, "Worker(start).ask"),
        (signal.SIGKILL, "lambda text, pool=Pool(start_worker, 1): pool.submit(text).result()"),
    ],
)
def test_busy_worker_ends_with_its_parent(number: signal.Signals, ask: str) -> None:
    with run_code(f"ask = {ask}\nprint(ask(''), flush=True)\nask('sleep')") as parent:
        assert parent.stdout is not None
        worker = parent.stdout.readline().strip()
        parent.send_signal(number)
    wait_until(lambda: has_ended(worker))


@pytest.mark.unix
def test_pool_starts_a_worker_only_when_all_are_busy(
    pool: Pool[str, object], tmp_path: Path
) -> None:
    first = pool.submit("").result()
    assert {pool.submit("").result() for _ in range(5)} == {first}
    waiting = pool.submit(f"wait for {tmp_path / 'go'}")
    second = pool.submit("").result()
    (tmp_path / "go").touch()
    assert waiting.result() == first != second


@pytest.mark.unix
def test_pool_replaces_dead_and_late_workers(pool: Pool[str, object]) -> None:
    first = pool.submit("").result()
    with pytest.raises(PictureError):
        pool.submit("refuse").result()
    assert pool.submit("").result() == first
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


@pytest.mark.unix
def test_replaced_workers_finish_what_they_do(pool: Pool[str, object], tmp_path: Path) -> None:
    busy = pool.submit(f"wait for {tmp_path / 'go'}")
    with pytest.raises(ModelError):
        pool.replace(partial(Worker, partial(start, "error"))).result()
    pool.replace(start_worker).result()
    new = pool.submit("").result()
    (tmp_path / "go").touch()
    old = busy.result()
    assert old != new == pool.submit("").result()
    wait_until(lambda: has_ended(old))


@pytest.mark.linux
def test_kill_ends_workers_at_work(pool: Pool[str, object]) -> None:
    idle = pool.submit("").result()
    busy = [pool.submit("sleep") for _ in range(3)]
    wait_until(lambda: any(future.running() for future in busy))
    pool.kill()
    for future in busy:
        assert future.cancelled() or isinstance(future.exception(), WorkerDied | StartFailed)
    assert has_ended(idle)
    with pytest.raises(StartFailed):
        pool.submit("")


def test_pool_without_another_thread_fails_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other programs may use up the user's processes for a moment."""

    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    pool: Pool[str, object] = Pool(start_worker, 1)
    with monkeypatch.context() as patch, pytest.raises(StartFailed, match="can't start new"):
        patch.setattr(threading.Thread, "start", no_thread)
        pool.submit("")
    pool.kill()


def start_map(work: str) -> Callable[[str], str]:
    """Return what returns an item, slowly one that ends with 0; die at 40, or at the start."""
    if work == "die at start":
        os.kill(os.getpid(), signal.SIGKILL)

    def answer(item: str) -> str:
        time.sleep(0.02 if item.endswith("0") else 0)
        if work == "die at 40" and item == "40":
            os.kill(os.getpid(), signal.SIGKILL)
        if work.startswith("/"):
            (Path(work) / item).touch()
        return item * 10_000 if work == "enlarge" else item  # beyond the buffer of a pipe

    return answer


@pytest.mark.parametrize(
    ("work", "count", "jobs"),
    [
        *(("", count, 2) for count in (0, 16, 17)),
        ("enlarge", 100, 2),
        pytest.param("die at 40", 100, 3, marks=pytest.mark.unix),
    ],
)
def test_parallel_map_gives_results_in_order(work: str, count: int, jobs: int) -> None:
    items = [*map(str, range(count))]
    results = parallel_map(partial(start_map, work), items, jobs, lambda item: f"dead {item}")
    expected = [item * 10_000 if work == "enlarge" else item for item in items]
    assert list(results) == ["dead 40" if work and item == "40" else item for item in expected]


@pytest.mark.unix
def test_parallel_map_raises_a_failing_start() -> None:
    with pytest.raises(StartFailed):
        list(parallel_map(partial(start_map, "die at start"), ["1"] * 40, 2, str))


def test_closed_parallel_map_starts_no_more_items(tmp_path: Path) -> None:
    items = [*map(str, range(1000))]
    with closing(parallel_map(partial(start_map, str(tmp_path)), items, 2, str)) as results:
        assert next(results) == "0"
    assert len(list(tmp_path.iterdir())) < 200
