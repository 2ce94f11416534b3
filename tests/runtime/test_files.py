import builtins
import errno
import itertools
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from digits.errors import DigitsError
from digits.files import (
    atomic_write,
    locked_folder,
    remove,
    remove_stale_temps,
    write_all,
    write_bytes,
    write_text,
)


def test_write_text_leaves_only_the_complete_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    write_text(path, "zwölf\n")
    assert path.read_bytes() == "zwölf\n".encode()
    assert [file.name for file in path.parent.iterdir()] == ["file.txt"]


def test_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    write_bytes(path, b"old")
    with (
        pytest.raises(DigitsError, match="file.bin: No space left"),
        atomic_write(path) as temporary,
    ):
        temporary.write_bytes(b"half of the new")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_other_exceptions_propagate_and_clean_up(
    tmp_path: Path, error: type[BaseException]
) -> None:
    with pytest.raises(error), atomic_write(tmp_path / "file") as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert not list(tmp_path.iterdir())


def test_parent_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("nothing")
    for name, kind in (("file", "a file"), ("link", "a broken link")):
        for path in (tmp_path / name / "below", tmp_path / name / "deep" / "below"):
            cause = f"^can't write {path}: {tmp_path / name} is {kind}, not a folder$"
            with pytest.raises(DigitsError, match=cause):
                write_text(path, "text")


@pytest.mark.linux
def test_parent_that_is_a_device_is_an_error() -> None:
    with pytest.raises(DigitsError, match="/dev/full is a device or a pipe, not a folder$"):
        write_text(Path("/dev/full/below"), "text")


@pytest.mark.unix
def test_pipe_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DigitsError, match="pipe.png: it is a device or a pipe, not a file$"):
        write_text(tmp_path / "pipe.png", "text")
    assert (tmp_path / "pipe.png").is_fifo()


def test_write_all_is_all_or_nothing(tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "deep" / "two"
    write_all({first: b"1", second: b"2"})
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")
    (tmp_path / "file").touch()
    with pytest.raises(DigitsError, match="can't write .*file/three"):
        write_all({first: b"new", tmp_path / "file" / "three": b"3", second: b"new"})
    (tmp_path / "folder").mkdir()
    with pytest.raises(DigitsError, match="folder: it is a folder"):
        write_all({first: b"new", tmp_path / "folder": b"4"})
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")
    assert {path.name for path in tmp_path.iterdir()} == {"one", "deep", "file", "folder"}


def test_write_all_removes_stale_temps(tmp_path: Path) -> None:
    for name in (".one-0123abcd.txt", ".two[1]-89abcdef", ".other-0123abcd.txt", ".one-0.txt"):
        (tmp_path / name).write_bytes(b"half")
    write_all({tmp_path / "one.txt": b"1", tmp_path / "two[1]": b"2"})
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"one.txt", "two[1]", ".other-0123abcd.txt", ".one-0.txt"}


@pytest.mark.unix
def test_temp_in_use_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "one"
    with atomic_write(path) as temporary:
        temporary.write_bytes(b"slow")
        write_all({path: b"fast"})
        assert path.read_bytes() == b"fast"
    assert path.read_bytes() == b"slow"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.unix
def test_write_without_lock_support(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with atomic_write(tmp_path / "one") as temporary:
        temporary.write_bytes(b"slow")
        write_all({tmp_path / "one": b"fast"})
    assert (tmp_path / "one").read_bytes() == b"slow"
    with locked_folder(tmp_path) as free, locked_folder(tmp_path) as still:
        assert free and still


def test_write_without_fcntl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Like Windows, which can't rename or delete an open file."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    (tmp_path / ".one-0123abcd").touch()
    with atomic_write(tmp_path / "one") as temporary:
        assert not temporary.exists()
        temporary.write_bytes(b"first")
    write_all({tmp_path / "one": b"second"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"one": b"second"}
    with locked_folder(tmp_path) as free, locked_folder(tmp_path) as still:
        assert free and still


class Stepper(threading.Thread):
    """A thread that runs step by step, each up to the next call that other processes can see."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._work, self._go, self._there = work, threading.Semaphore(0), threading.Semaphore(0)
        self.steps, self.done = 0, False
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        self._go.acquire()
        try:
            self._work()
        except BaseException as error:
            self.error = error
        self.done = True
        self._there.release()

    def pause(self) -> None:
        self._there.release()
        self._go.acquire()

    def step(self) -> None:
        if not self.done:
            self.steps += 1
            self._go.release()
            self._there.acquire()

    def finish(self) -> int:
        """Run to the end. Returns the number of steps."""
        while not self.done:
            self.step()
        if self.error:
            raise self.error
        return self.steps


@pytest.fixture
def stepwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a Stepper wait before each of these calls."""

    def patch(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*arguments: Any, **options: Any) -> Any:
            thread = threading.current_thread()
            if isinstance(thread, Stepper):
                thread.pause()
            return real(*arguments, **options)

        monkeypatch.setattr(owner, name, call)

    for name in ("unlink", "fsync", "replace"):
        patch(os, name)
    patch(os.path, "samestat")
    patch(pytest.importorskip("fcntl"), "flock")
    patch(Path, "open")
    patch(builtins, "open")


@pytest.mark.unix
@pytest.mark.slow
def test_remove_stale_temps_races_with_a_writer(tmp_path: Path, stepwise: None) -> None:
    """One process writes while another removes temps: every interleaving of their system calls."""

    def write() -> None:
        with atomic_write(tmp_path / "file") as temporary:
            temporary.write_bytes(b"new")
            assert temporary.read_bytes() == b"new"

    alone = Stepper(write).finish()
    (tmp_path / ".file-0123abcd").touch()
    sweeps = Stepper(lambda: remove_stale_temps(tmp_path / "file")).finish()
    assert {path.name for path in tmp_path.iterdir()} == {"file"}
    assert sweeps >= 3
    total = alone + sweeps
    for when in itertools.combinations(range(total), sweeps):
        (tmp_path / "file").unlink(missing_ok=True)
        writer, sweeper = Stepper(write), Stepper(lambda: remove_stale_temps(tmp_path / "file"))
        for turn in range(total):
            (sweeper if turn in when else writer).step()
        sweeper.finish()
        writer.finish()
        assert [path.name for path in tmp_path.iterdir()] == ["file"], when
        assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.unix
def test_locked_folder_has_one_owner(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with locked_folder(folder) as first:
        with locked_folder(folder) as second:
            assert (first, second) == (True, False)
        folder.rename(tmp_path / "moved")
        folder.mkdir()
        with locked_folder(folder) as new:
            assert new
    with locked_folder(folder) as again:
        assert again
    assert not list(folder.iterdir())
    os.mkfifo(tmp_path / "pipe")
    for name in ("nothing", "pipe"):
        with locked_folder(tmp_path / name) as free:
            assert free


@pytest.mark.unix
def test_folder_deleted_while_locking_is_not_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process deletes its run folder just as another opens it."""
    folder, real = tmp_path / "folder", os.open

    def late(path: Any, *rest: Any) -> int:
        file = real(path, *rest)
        folder.rmdir()
        return file

    folder.mkdir()
    monkeypatch.setattr(os, "open", late)
    with locked_folder(folder) as free:
        assert not free


def test_remove_error_names_the_path(tmp_path: Path) -> None:
    remove(tmp_path / "nothing")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DigitsError, match="can't delete .*folder"):
        remove(tmp_path / "folder")
