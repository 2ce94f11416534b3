"""A disk that is looked at before each change, as a kill would leave it, and that may fail."""

import builtins
import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, error: str = "", at: int = 0
    ) -> None:
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
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        if isinstance(file, int) or not set(mode) & set("wax+") or not self._is_inside(file):
            rest = buffering, encoding, errors, newline, closefd, opener
            return self._real_open(file, mode, *rest)
        assert "b" in mode, "no command writes text"
        self._call("open", file)
        raw = _File(file, mode.replace("b", ""), opener=opener)
        raw.disk = self
        return io.BufferedWriter(raw) if buffering else raw


class _File(io.FileIO):
    disk: Disk

    def write(self, data: Any) -> int:
        return self.disk.write(self.fileno(), bytes(data), super().write)
