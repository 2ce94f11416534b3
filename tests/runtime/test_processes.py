import gc
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
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
    errors: list[Exception] = []

    def ask() -> None:
        try:
            Worker(partial(start, "", bytes(1 << 20))).ask("")
        except StartFailed as error:
            errors.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive() and len(errors) == 1


@pytest.mark.parametrize(
    ("failure", "error"),
    [("error", ModelError), pytest.param("exit", StartFailed, marks=pytest.mark.unix)],
)
def test_failing_start_is_raised(failure: str, error: type[DigitsError]) -> None:
    start_failing = partial(Worker, partial(start, failure))
    for wait in (Worker.wait_until_started, partial(Worker.ask, request="")):
        worker = start_failing()
        with pytest.raises(error):
            wait(worker)
        assert not worker.is_alive
    pool = Pool(start_failing, 1)
    for _ in range(2):
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
    imports = "from tests.runtime.test_processes import *\n"
    return subprocess.Popen(
        [sys.executable, "-c", imports + code], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def test_sigint_is_blocked_while_a_worker_starts() -> None:
    """Python's resource tracker, which starts with the first worker, once unblocked it."""
    with run_code('print(Worker(start).ask("is sigint blocked"))') as process:
        assert process.communicate()[0] == "True\n"


@pytest.mark.linux
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
@pytest.mark.parametrize(
    "definition",
    [
        "ask = Worker(start).ask",
        "pool = Pool(start_worker, 1)\nask = lambda command: pool.submit(command).result()",
    ],
)
def test_busy_worker_ends_with_its_parent(name: str, definition: str) -> None:
    code = f'{definition}\nprint(ask(""), flush=True)\nask("sleep")'
    with run_code(code) as parent:
        assert parent.stdout is not None
        worker = parent.stdout.readline().strip()
        parent.send_signal(signal.Signals[name])
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
@pytest.mark.parametrize(
    ("command", "error"), [("die", WorkerDied), ("sleep", TimeoutError), ("refuse", PictureError)]
)
def test_pool_replaces_dead_and_late_workers(
    pool: Pool[str, object], command: str, error: type[Exception]
) -> None:
    before = pool.submit("").result()
    with pytest.raises(error):
        pool.submit(command, 0.1 if command == "sleep" else None).result()
    assert (pool.submit("").result() == before) == (command == "refuse")


@pytest.mark.unix
def test_worker_that_dies_idle_costs_no_request(pool: Pool[str, object]) -> None:
    first = pool.submit("").result()
    assert isinstance(first, int)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: has_ended(first))
    assert pool.submit("").result() != first


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
    """Return the item itself, slowly for those that end with 0; die at 40, or at the start."""
    if work == "die at start":
        os.kill(os.getpid(), signal.SIGKILL)
    if work == "fail at start":
        raise ModelError("no such model")

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
        *(("", count, 2) for count in (0, 1, 16, 17)),
        *(("", 200, 3), ("enlarge", 100, 2)),
        pytest.param("die at 40", 200, 2, marks=pytest.mark.unix),
    ],
)
def test_parallel_map_gives_results_in_order(work: str, count: int, jobs: int) -> None:
    items = [*map(str, range(count))]
    results = parallel_map(partial(start_map, work), items, jobs, lambda item: f"dead {item}")
    expected = [item * 10_000 if work == "enlarge" else item for item in items]
    assert list(results) == ["dead 40" if work and item == "40" else item for item in expected]


@pytest.mark.unix
@pytest.mark.parametrize(
    ("work", "error"), [("fail at start", ModelError), ("die at start", StartFailed)]
)
def test_parallel_map_raises_a_failing_start(work: str, error: type[DigitsError]) -> None:
    with pytest.raises(error):
        list(parallel_map(partial(start_map, work), ["1"] * 40, 2, str))


def test_closed_parallel_map_starts_no_more_items(tmp_path: Path) -> None:
    items = [*map(str, range(1000))]
    with closing(parallel_map(partial(start_map, str(tmp_path)), items, 2, str)) as results:
        assert next(results) == "0"
    assert len(list(tmp_path.iterdir())) < 200
