"""Watches what this process does while it looks at hostile bytes."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 10.0  # of the processor, for one input
MEGABYTES = 600  # more than before: a PNG of 100 megapixels takes up to 640 in all

_CHANGES = (
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
)
_EXECUTES = (
    "subprocess.Popen",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.system",
)
_FETCHES = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "urllib.Request")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class _Guard:
    """What is watched now. An audit hook can't be taken away again, so there is only this one."""

    def __init__(self) -> None:
        self.watching = False
        self.folder: str | None = None
        self.seen: list[str] = []
        self._hooked = False

    def hook(self) -> None:
        if not self._hooked:
            sys.addaudithook(self)
            self._hooked = True

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.watching:
            return
        if event == "open":
            path, _, flags = arguments
            forbidden = bool(flags & _WRITING) and not self._permitted(path)
        elif event in _CHANGES:
            forbidden = not self._permitted(_absolute(*arguments))
        elif event in ("socket.connect", "socket.getaddrinfo"):
            host = arguments[1][0] if event == "socket.connect" else arguments[0]
            forbidden = host not in ("127.0.0.1", b"127.0.0.1")
        elif event == "pickle.find_class":  # workers answer with ours
            forbidden = not str(arguments[0]).startswith("digits.")
        else:
            forbidden = event in _EXECUTES or event in _FETCHES
        if forbidden:
            self.seen.append(f"{event} {arguments!r}")
            raise AssertionError(self.seen[-1])

    def _permitted(self, path: object) -> bool:
        if isinstance(path, int):
            return True  # its opening was seen
        name = os.path.realpath(os.fsdecode(path))  # type: ignore[call-overload]
        return name == os.devnull or (
            self.folder is not None and f"{name}/".startswith(self.folder)
        )


def _absolute(path: Any, *others: Any) -> Any:
    """A path that may be relative to a folder which is open (dir_fd, the last of the arguments)."""
    if isinstance(path, str | bytes) and others and isinstance(others[-1], int) and others[-1] >= 0:
        return os.path.join(os.readlink(f"/proc/self/fd/{others[-1]}"), os.fsdecode(path))
    return path


_guard = _Guard()


@dataclass
class Usage:
    """seconds: of the processor. megabytes: the most memory at once, more than before."""

    seconds: float = 0.0
    megabytes: float = 0.0


@contextmanager
def measured() -> Iterator[Usage]:
    """What the block takes; known when it ends. Memory is measured on Linux."""
    usage = Usage()
    before, started = _fresh_peak(), time.process_time()
    try:
        yield usage
    finally:
        usage.seconds = time.process_time() - started
        usage.megabytes = _peak() - before


@contextmanager
def harmless(name: str, folder: Path | None = None) -> Iterator[None]:
    """Fail when the block writes, executes or fetches something, or takes too much.

    name: of the input, for the message. folder: in which it may write. Measured are SECONDS of
    the processor and, on Linux, MEGABYTES of memory.
    """
    _guard.hook()
    _guard.seen, _guard.folder = [], os.path.realpath(folder) + os.sep if folder else None
    with measured() as usage:
        _guard.watching = True
        try:
            yield
        finally:
            _guard.watching = False
    assert not _guard.seen, f"{name}: {_guard.seen}"
    assert usage.seconds < SECONDS, f"{name} took {usage.seconds:.1f} s"
    assert usage.megabytes < MEGABYTES, f"{name} took {usage.megabytes:.0f} MB"


def _fresh_peak() -> float:
    """Let the peak of memory begin anew; gives the megabytes in use."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # it isn't Linux, or not allowed here
        return float("inf")
    return _peak()


def _peak() -> float:
    """The most megabytes of memory that this process has had since `_fresh_peak`."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0.0
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
