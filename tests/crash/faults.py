"""Inject a write error or a kill at the n-th call with which a process changes a folder."""

import builtins
import errno
import io
import os
import signal
from collections.abc import Callable
from typing import Any

ERRORS = ("EIO", "ENOSPC", "EROFS", "KILL")

# Calls that succeed on a full disk.
_FREEING = ("unlink", "rmdir", "truncate", "ftruncate")
_CALLS = ("fsync", "replace", "mkdir", *_FREEING)


class Faults:
    """Counts the calls that change files below `folder`, and makes the chosen ones fail.

    error: one of ERRORS. EIO and KILL occur once; a full or read-only disk stays so. at: the first
    call to fail, from 1; 0 for none. log: a file to which a line is appended for each call.
    """

    def __init__(self, folder: str, error: str, at: int, log: str) -> None:
        self._folder, self._error, self._at, self._seen = folder, error, at, 0
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._write = os.write

    def must_fail(self, call: str, path: Any) -> bool:
        """Count and log this call; returns whether it must fail. path: a path or a descriptor."""
        number = isinstance(path, int)
        name = os.readlink(f"/proc/self/fd/{path}") if number else os.path.realpath(path)
        if not name.startswith(self._folder):
            return False
        self._seen += 1
        self._write(self._log, f"{call} {os.path.basename(name)}\n".encode())
        if self._at == 0 or (self._error == "ENOSPC" and call in _FREEING):
            return False
        once = self._error in ("EIO", "KILL")
        return self._seen == self._at if once else self._seen >= self._at

    def fail(self) -> None:
        if self._error == "KILL":
            os.kill(os.getpid(), signal.SIGKILL)
        number = getattr(errno, self._error)
        raise OSError(number, os.strerror(number))

    def install(self) -> None:
        """Patch this process. Afterwards, sys.stdout must be reopened."""
        for name in _CALLS:
            setattr(os, name, self._failing(name, getattr(os, name)))
        self._patch_write()
        self._patch_open()

    def _failing(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *rest: Any, **options: Any) -> Any:
            if self.must_fail(name, path):
                self.fail()
            return real(path, *rest, **options)

        return call

    def _patch_write(self) -> None:
        def write(file: int, data: Any, /) -> int:
            if self.must_fail("write", file):
                self._write(file, data[: len(data) // 2])
                self.fail()
            return self._write(file, data)

        os.write = write

    def _patch_open(self) -> None:
        faults, real, low = self, io.open, os.open

        class Raw(io.FileIO):
            def write(self, data: Any) -> int:
                if faults.must_fail("write", self.fileno()):
                    super().write(data[: len(data) // 2])
                    faults.fail()
                return super().write(data)

        def opened(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
            is_watched = not isinstance(file, int) or file == 1
            if not is_watched or not set(mode) & set("wax+"):
                return real(file, mode, *rest, **options)
            if file != 1 and faults.must_fail("open", os.fspath(file)):
                faults.fail()
            raw = Raw(file, mode.replace("b", "").replace("t", ""), file != 1)
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding="utf-8")

        def low_opened(path: Any, flags: int, *rest: Any, **options: Any) -> int:
            writing = flags & (os.O_WRONLY | os.O_RDWR)
            if writing and faults.must_fail("open", path):
                faults.fail()
            return low(path, flags, *rest, **options)

        io.open = builtins.open = opened
        os.open = low_opened
