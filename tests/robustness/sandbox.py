"""Detect harmful actions of this process while it handles hostile bytes."""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECONDS = 10.0  # of processor time for one input
MEGABYTES = 600  # in addition to those before: a PNG of 100 megapixels takes up to 640 in total

_FORBIDDEN = {
    *("subprocess.Popen", "os.exec", "os.fork", "os.posix_spawn", "os.system"),
    *("socket.sendto", "urllib.Request"),
}
_CHANGES = {
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"),
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass
class _Watch:
    """A block that is watched. folder: in which it may write. harm: what it has done."""

    folder: str | None
    harm: list[str] = field(default_factory=list)

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        first = arguments[0] if arguments else None
        match event:
            case "open":
                harmful = bool(arguments[2] & _WRITING) and not self._may_write(first)
            case "socket.connect":
                to = arguments[1]
                is_unix = not isinstance(to, tuple)
                harmful = not (self._may_write(to) if is_unix else to[0] == "127.0.0.1")
            case "socket.getaddrinfo":
                harmful = first not in ("127.0.0.1", b"127.0.0.1")
            case "pickle.find_class":  # workers send these
                harmful = not str(first).startswith("digits.")
            case _ if event in _CHANGES:
                harmful = not self._may_write(first, arguments[-1])
            case _:
                harmful = event in _FORBIDDEN
        if harmful:
            self.report(f"{event} {arguments!r}")

    def report(self, harm: str) -> None:
        """Raise AssertionError; `harmless` raises again, in case the block catches it."""
        self.harm.append(harm)
        raise AssertionError(harm)

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


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _watch is not None:
        _watch.check(event, arguments)


sys.addaudithook(_audit)  # once, because hooks can't be removed


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

    name: of the input, for the message. folder: in which it may write. megabytes: limit of memory,
    on Linux. Processor time is limited to SECONDS, where the system has timers for that.
    """
    global _watch
    watch = _Watch(os.path.realpath(folder) + os.sep if folder else None)
    with measured() as usage, _limited_cpu_time(watch):
        _watch = watch
        try:
            yield
        finally:
            _watch = None
    assert not watch.harm, f"{name}: {watch.harm}"
    assert usage.megabytes < megabytes, f"{name} took {usage.megabytes:.0f} MB"


@contextmanager
def _limited_cpu_time(watch: _Watch) -> Iterator[None]:
    """Interrupt the block after SECONDS of processor time, as soon as it runs Python code."""
    if not hasattr(signal, "setitimer"):  # Windows
        yield
        return

    def stop(number: int, frame: object) -> None:
        watch.report(f"took more than {SECONDS} s of processor time")

    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


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
