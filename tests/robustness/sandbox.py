"""Detect harmful actions of this process while it handles hostile bytes."""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

SECONDS = 40.0  # of processor time for one input: four times what the slowest takes
MEGABYTES = 800  # in addition to those before: one of 100 megapixels takes up to 640 in total

_FORBIDDEN = {
    *("subprocess.Popen", "os.exec", "os.fork", "os.posix_spawn", "os.system"),
    *("socket.sendto", "socket.getaddrinfo", "urllib.Request"),
}
_CHANGES = {
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"),
    "os.chmod",
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass
class _Watch:
    """folder: in which a block may write. harm: what it has done, even if it caught the error."""

    folder: str | None
    harm: list[str] = field(default_factory=list)

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        first = arguments[0] if arguments else None
        match event:
            case "open":
                harmful = bool(arguments[2] & _WRITING) and not self._may_write(first)
            case "socket.connect":
                harmful = isinstance(arguments[1], tuple) or not self._may_write(arguments[1])
            case "pickle.find_class":  # workers send these
                harmful = not str(first).startswith("digits.")
            case _ if event in _CHANGES:
                paths = [path for path in arguments[:2] if isinstance(path, str | bytes | Path)]
                harmful = not all(self._may_write(path, arguments[-1]) for path in paths)
            case _:
                harmful = event in _FORBIDDEN
        if harmful:
            self.harm.append(f"{event} {arguments!r}")
            raise AssertionError(self.harm[-1])

    def _may_write(self, path: Any, opened: Any = -1) -> bool:
        """opened: the folder (dir_fd) to which the path is relative, if that is not negative."""
        if isinstance(path, int):
            return True  # checked when it was opened
        name = os.fsdecode(path)
        if isinstance(opened, int) and opened >= 0:
            name = os.path.join(os.readlink(f"/proc/self/fd/{opened}"), name)
        name = os.path.realpath(name)
        return name == os.devnull or (
            self.folder is not None and f"{name}/".startswith(self.folder)
        )


_watch: _Watch | None = None  # the block that runs
# Once, because hooks can't be removed.
sys.addaudithook(lambda event, arguments: _watch.check(event, arguments) if _watch else None)


@dataclass
class Usage:
    """The peak of memory, minus that in use before."""

    megabytes: float = 0.0


@contextmanager
def measured() -> Iterator[Usage]:
    """Measure the block; the result is set when it ends. Memory is measured on Linux only."""
    usage = Usage()
    with suppress(AttributeError, OSError, TypeError):  # what is free could be used unseen
        ctypes.CDLL(None).malloc_trim(0)
    before = _peak(reset=True)
    try:
        yield usage
    finally:
        usage.megabytes = _peak() - before


@contextmanager
def harmless(name: str, folder: Path | None = None, megabytes: float = MEGABYTES) -> Iterator[None]:
    """Fail if the block writes, executes or downloads something, or takes too much time or memory.

    name: of the input, for the message. folder: in which it may write. megabytes: on Linux.
    """
    global _watch
    watch = _Watch(os.path.realpath(folder) + os.sep if folder else None)
    start = process_time()
    with measured() as usage:
        _watch = watch
        _limit_cpu_time(10 * SECONDS)
        try:
            yield
        finally:
            _limit_cpu_time(0)
            _watch = None
    assert not watch.harm, f"{name}: {watch.harm}"
    assert usage.megabytes < megabytes, f"{name} took {usage.megabytes:.0f} MB"
    assert process_time() - start < SECONDS, name


def _limit_cpu_time(seconds: float) -> None:
    """End this process after that, as in an endless loop; 0: never."""
    if hasattr(signal, "setitimer"):  # not on Windows
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _peak(reset: bool = False) -> float:
    """Return this process's peak of memory since the last reset, in megabytes."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text()
    except OSError:  # not on Linux, or not permitted
        return float("inf") if reset else 0.0
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
