"""Interrupted commands leave nothing damaged, and give the same result when they are run again.

A disk is looked at before each change, as a kill would leave it, and may fail.
"""

import builtins
import csv
import errno
import io
import json
import os
import shutil
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from digits.commands import watcher
from digits.commands.watcher import FolderWatcher
from digits_train import checkpoint
from digits_train.run import FILES
from tests.conftest import PICTURES, Patch, Run
from tests.in_process import InProcess
from tests.train.short import replace_figures

Files = dict[str, bytes]  # by their paths in a folder

ERRORS = ("EROFS", "EIO", "ENOSPC")
# Calls that succeed on a full disk.
_FREEING = ("unlink", "rmdir")
_CALLS = ("fsync", "replace", "mkdir", *_FREEING)


def files_in(folder: Path) -> Files:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Disk:
    """Counts the calls of this process that change files in a folder, until `patch` is undone.

    states: the files before each call, and in the middle of each write. error: one of ERRORS, which
    the call number `at` raises. EIO occurs once; a full or read-only disk stays so.
    """

    def __init__(self, folder: Path, patch: Patch, error: str, at: int) -> None:
        self.calls, self.states = 0, list[Files]()
        self._folder, self._error, self._at = folder, error, at
        self._real_open, self._real_write = io.open, os.write
        for name in _CALLS:
            patch.setattr(os, name, self._failing(name, getattr(os, name)))
        patch.setattr(os, "write", self._write)
        for module in (io, builtins):
            patch.setattr(module, "open", self._open)

    def write(self, file: int, data: bytes, write: Callable[[bytes], int]) -> int:
        """Write by a function; only half of it if this has to fail."""
        if not self._is_inside(file):
            return write(data)
        self._call("write", file, partly=lambda: write(data[: len(data) // 2]))
        return write(data[len(data) // 2 :]) + len(data) // 2

    def _call(self, name: str, path: Any, partly: Callable[[], object] = lambda: None) -> None:
        """Keep the state, and fail if it is time. partly: what is done even then."""
        if not self._is_inside(path):
            return
        self.calls += 1
        if not self._error:
            self._look()
        partly()
        if not self._error:
            self._look()
        once = self._error == "EIO"
        is_time = self.calls == self._at if once else self.calls >= self._at
        if self._error and is_time and not (self._error == "ENOSPC" and name in _FREEING):
            number = getattr(errno, self._error)
            raise OSError(number, os.strerror(number))

    def _look(self) -> None:
        state = files_in(self._folder)
        if state not in self.states[-1:]:
            self.states.append(state)

    def _is_inside(self, path: Any) -> bool:
        name = os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else path
        return Path(os.path.realpath(name)).is_relative_to(self._folder)

    def _failing(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *rest: Any, **options: Any) -> Any:
            self._call(name, path)
            return real(path, *rest, **options)

        return call

    def _write(self, file: int, data: bytes, /) -> int:
        return self.write(file, data, lambda part: self._real_write(file, part))

    def _open(
        self, file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **options: Any
    ) -> Any:
        if isinstance(file, int) or not set(mode) & set("wax+") or not self._is_inside(file):
            return self._real_open(file, mode, buffering, *rest, **options)
        assert "b" in mode, "no command writes text"
        self._call("open", file)
        raw = _File(file, mode.replace("b", ""), opener=options.get("opener"))
        raw.disk = self
        return io.BufferedWriter(raw) if buffering else raw


class _File(io.FileIO):
    disk: Disk

    def write(self, data: Any) -> int:
        return self.disk.write(self.fileno(), bytes(data), super().write)


pytestmark = [pytest.mark.linux, pytest.mark.usefixtures("slice_as_mnist")]

TRAIN = "train --recipe classic --set recipe.epochs=2 --out out/run"
EXPORT = "export out/run --quantize --force"
EXPORTED = ("lenet5.onnx", "lenet5.int8.onnx", "export.json", "MODEL_CARD.md")


def complete(files: Files) -> Files:
    """Those without the temporary ones of writes that were killed."""
    return {name: data for name, data in files.items() if not name.endswith(".tmp")}


def assert_old_or_new(state: Files, before: Files, after: Files) -> None:
    assert before.keys() <= complete(state).keys()
    for name, data in complete(state).items():
        assert data in (before.get(name), after[name]), name


def assert_beginning(state: Files, _: Files, after: Files) -> None:
    for name, data in state.items():  # a zero is before rows that aren't all on the disk
        assert after[name].startswith(data.split(b"\0")[0])


def assert_readable(state: Files, _: Files, __: Files) -> None:
    for name, data in complete(state).items():
        Path("file").write_bytes(data)
        match Path(name).suffix:
            case ".safetensors":
                checkpoint.read(Path("file"), Any)
            case ".json":
                json.loads(data)
            case ".csv":
                assert data.endswith(b"\n")
                assert len({len(row) for row in csv.reader(data.decode().splitlines())}) == 1
            case _:
                assert not data, name  # no figure is drawn
    assert len(state) <= len(complete(state)) + 1


COMMANDS: dict[str, Callable[[Files, Files, Files], None]] = {
    TRAIN: assert_readable,
    EXPORT: assert_old_or_new,
    "read page.jpg pictures -o out/read.csv": assert_beginning,
    "predict pictures -o out/watched.csv --watch": assert_beginning,
}


def result(files: Files) -> dict[str, object]:
    """What must not depend on interruptions."""
    if "run/run.json" not in files or "run/export.json" in files:
        return {**files}
    assert files.keys() == {f"run/{name}" for name in FILES}
    timed = ("seconds", "images_per_second", "machines")
    rows = csv.DictReader(files["run/metrics.csv"].decode().splitlines())
    summary = json.loads(files["run/run.json"])
    return {
        "metrics": [{k: v for k, v in row.items() if k not in timed} for row in rows],
        "summary": {k: v for k, v in summary.items() if k not in timed},
        "checkpoint": files["run/checkpoint.safetensors"],
    }


class Command:
    """A line of arguments, and the folder `out` that it writes. before: the files there."""

    def __init__(self, run: Run, line: str) -> None:
        self._run, self.line, self.out = run, line, Path("out").resolve()
        self.before = files_in(self.out)

    def restore(self, files: Files) -> None:
        shutil.rmtree(self.out)
        self.out.mkdir()
        for name, data in files.items():
            (self.out / name).parent.mkdir(exist_ok=True)
            (self.out / name).write_bytes(data)

    def start(self) -> tuple[int, str, str]:
        """Run it, or continue it; returns exit code, stdout and stderr."""
        resumes = self.line == TRAIN and (self.out / "run" / "state.safetensors").exists()
        line = "train --resume out/run" if resumes else self.line
        return self._run(*line.split())

    def start_on_disk(self, error: str = "", at: int = 0) -> tuple[int, str, Disk]:
        """Start it on such a disk; returns exit code, stderr and the disk."""
        with pytest.MonkeyPatch.context() as patch:
            disk = Disk(self.out, patch, error, at)
            code, _, err = self.start()
        return code, err, disk

    def finish(self) -> dict[str, object]:
        code, _, err = self.start()
        assert code == 0, err
        return result(files_in(self.out))

    def check(self, state: Files, after: Files) -> None:
        COMMANDS[self.line](state, self.before, after)


def watch_until_all_is_read(patch: Patch) -> None:
    """Have `--watch` read the three pictures in this process, and end, as by SIGTERM."""
    for name in ("STABLE_SECONDS", "POLL_SECONDS"):
        patch.setattr(watcher, name, 0)
    patch.setattr(watcher, "Worker", lambda start, _: InProcess(start()))
    patch.setattr(signal, "signal", lambda *_: None)
    poll, polls = FolderWatcher.poll, count(1)

    def poll_and_stop(watching: FolderWatcher) -> None:
        poll(watching)
        read = Path("out/watched.csv").read_bytes().count(b"\n") == 4
        if read or next(polls) % 20 == 0:
            watching.stop()

    patch.setattr(FolderWatcher, "poll", poll_and_stop)


@pytest.fixture
def command(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: Patch, run: Run, numbers: Path
) -> Command:
    """One of them, in a folder with what it reads."""
    monkeypatch.chdir(tmp_path)
    for number in (0, 1, 4):
        Path("pictures").mkdir(exist_ok=True)
        os.utime(shutil.copy(PICTURES / f"{number}.png", "pictures"), (number, number))
    shutil.copy(numbers, "page.jpg")
    Path("out").mkdir()
    line: str = request.param
    replace_figures(monkeypatch)
    if line == EXPORT:
        assert run(*TRAIN.split())[0] == 0
        for name in EXPORTED:
            Path("out", "run", name).write_text("old")
    if line.endswith("--watch"):
        watch_until_all_is_read(monkeypatch)
    return Command(run, line)


@pytest.mark.parametrize("command", COMMANDS, indirect=True)
def test_kill_at_any_call_and_failing_disk(command: Command) -> None:
    code, err, disk = command.start_on_disk()
    assert code == 0, err
    after = files_in(command.out)
    assert after != command.before
    states = [*{tuple(complete(state).items()): state for state in disk.states}.values()]
    for state in states:
        command.check(state, after)
    is_slow = command.line in (TRAIN, EXPORT)
    step = max(3, len(states) // 4) if is_slow else 3
    for state in states[step:-1:step]:
        command.restore(state)
        assert command.finish() == result(after)
    failures = [*zip(ERRORS, (1, disk.calls // 2, disk.calls - 1), strict=True)]
    for error, at in failures[1:] if command.line == EXPORT else failures:
        command.restore(command.before)
        code, err, _ = command.start_on_disk(error, at)
        command.check(files_in(command.out), after)
        errors = [line for line in err.splitlines() if line.startswith("error: ")]
        if not errors and not code:  # only a cleanup failed
            assert result(files_in(command.out)) == result(after)
        else:
            assert len(errors) == 1 and os.strerror(getattr(errno, error)) in err, err
            assert (code, err.splitlines()[-1:]) == (1, errors) or "; trying again" in err
        assert "Traceback" not in err
        if complete(files_in(command.out)) != command.before:
            assert command.finish() == result(after)
