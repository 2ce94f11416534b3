"""What digits asks of the operating system, and what it does where a system lacks it.

All that only Linux, or only Unix, can do is here. What few commands need is imported late.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from digits.errors import DigitsError

if TYPE_CHECKING:
    import socket

# For os.open. Without it, Windows would write "\n" as two bytes; other systems need no such flag.
O_BINARY: int = getattr(os, "O_BINARY", 0)
_PR_SET_PDEATHSIG, _SIGKILL = 1, 9  # prctl(2)
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # mallopt(3)


def require_64_bit() -> None:
    """Raise DigitsError on a 32-bit system, where pip leaves out onnxruntime.

    Call it before NumPy is imported.
    """
    if sys.maxsize > 2**32:
        return
    from importlib.util import find_spec

    if find_spec("onnxruntime") is None:
        raise DigitsError(
            "digits needs a 64-bit system: onnxruntime has no 32-bit Arm wheel"
            " (uname -m must say aarch64, and getconf LONG_BIT 64)"
        )


def variable(name: str) -> str | None:
    """The value of an environment variable, if it is set.

    Raises DigitsError if it is empty, as of an unset variable of a script or service file: a pin or
    a token would silently be none.
    """
    value = os.environ.get(name)
    if value == "":
        raise DigitsError(f"${name} is empty; set a value, or unset the variable")
    return value


def refuse_empty_variables() -> None:
    """Raise DigitsError if any of digits' own variables is empty."""
    for name in os.environ:
        if name.startswith("DIGITS_"):
            variable(name)


def cpu_count() -> int:
    """Count the cores that this process may use; all of them on macOS and Windows."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def too_many_files(error: BaseException | None) -> str:
    """Explain an error caused by too many open files; empty for any other.

    The next file would fail too, so it isn't the picture's fault.
    """
    while error:
        if isinstance(error, OSError) and error.errno == errno.EMFILE:
            return "too many files are open: raise `ulimit -n`"
        if isinstance(error, OSError) and error.errno == errno.ENFILE:
            return "too many files are open on this machine: close other programs"
        error = error.__cause__
    return ""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: in Python, or while a library was loaded."""
    if isinstance(error, ImportError):
        signs = ("failed to map segment", "bad_alloc", "annot allocate memory")
        return any(sign in str(error) for sign in signs)
    return isinstance(error, MemoryError)


def on_hangup(handler: Callable[[], None]) -> None:
    """Call a function on SIGHUP. Windows has no such signal, so it is never called there."""
    number = getattr(signal, "SIGHUP", None)
    if number is not None:
        signal.signal(number, lambda *_: handler())


@contextmanager
def sigint_blocked() -> Iterator[None]:
    """Keep Ctrl-C, which reaches all processes, from interrupting one that is starting.

    On Windows it may interrupt it.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # starting it later would unblock SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield  # a process inherits what its parent blocks
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def die_with_parent(parent: int | None = None) -> None:
    """End with the parent even while reading a picture, when nobody watches the pipe.

    On macOS and Windows only once the picture is read. parent: its process ID; if it has ended
    already, this process ends now.
    """
    _call_c(None, "prctl", _PR_SET_PDEATHSIG, _SIGKILL)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def limit_memory(more: int) -> None:
    """Let this process allocate so many more bytes before it gets a MemoryError.

    No limit on macOS and Windows.
    """
    used = _process_status(b"VmData")
    if used is None:
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = used + more if hard == resource.RLIM_INFINITY else min(used + more, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def return_large_blocks() -> None:
    """Make glibc return blocks of over 1 MB as soon as they are free; others may keep them."""
    _call_c(None, "mallopt", _M_MMAP_THRESHOLD, 1 << 20)
    _call_c(None, "mallopt", _M_TRIM_THRESHOLD, 16 << 20)  # or it would return small ones, too


def peak_memory() -> int | None:
    """The most bytes that this process has occupied so far; None on macOS and Windows."""
    return _process_status(b"VmHWM")


def raise_file_limit(wanted: int) -> int:
    """Let this process open so many files. Returns how many it may open, which may be fewer.

    On Windows, where sockets aren't files, as many as wanted.
    """
    try:
        import resource
    except ImportError:
        return wanted
    files, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    more = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    while files < more:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
            return more
        except ValueError:  # macOS allows fewer than `hard`
            more //= 2
    return files


def try_lock(file: int, wait: bool = False) -> bool:
    """Lock an open file until it is closed. False if another process has locked it.

    wait: until the other process closes it. True where locks don't exist: on Windows and some
    network disks.
    """
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        pass
    return True


def unix_socket() -> "socket.socket":
    """Make a Unix socket. Raises DigitsError on Windows, for which Python has none."""
    import socket

    if not hasattr(socket, "AF_UNIX"):
        raise DigitsError("--uds: this system has no Unix sockets")
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)


def silence_libtiff(library: str) -> None:
    """Keep libtiff's messages off stderr. library: Pillow's, unless it hides its libtiff."""
    _call_c(library, "TIFFSetErrorHandler", None)


def _call_c(library: str | None, name: str, *arguments: int | None) -> None:
    """Call a C function if it exists. library: where; None means that of the running program."""
    with suppress(ImportError, AttributeError, OSError, TypeError):  # TypeError: None on Windows
        import ctypes

        getattr(ctypes.CDLL(library), name)(*arguments)


def _process_status(name: bytes) -> int | None:
    """Bytes from Linux's /proc/self/status; None on other systems."""
    try:
        with open("/proc/self/status", "rb") as status:
            sizes = (int(line.split()[1]) << 10 for line in status if line.startswith(name))
            return next(sizes, None)
    except OSError:
        return None
