"""What digits needs of the operating system, and what it does where a system lacks it.

What only some commands need is imported late.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from digits.errors import DigitsError


def environment_variable(name: str) -> str | None:
    """Return the value of an environment variable, if it is set.

    Raises DigitsError if it is empty, as a script makes it from an unset variable of its own: a pin
    or a token would silently be none.
    """
    value = os.environ.get(name)
    if value == "":
        raise DigitsError(f"${name} is empty; set a value, or unset the variable")
    return value


def cpu_count() -> int:
    """Count the cores that this process may use; all of them on macOS and Windows."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


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

    On macOS and Windows, the process ends once the picture is read.

    parent: the parent's process ID; if it has ended already, this process ends now.
    """
    with suppress(ImportError, AttributeError, OSError, TypeError):  # TypeError: on Windows
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def limit_memory(size: int) -> None:
    """Let this process allocate this many more bytes before it gets a MemoryError.

    There is no limit on macOS and Windows.
    """
    used = _process_status(b"VmData")
    if used is None:
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = used + size if hard == resource.RLIM_INFINITY else min(used + size, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def max_open_files() -> int:
    """Return how many files this process may have open, sockets included; on Windows, a guess."""
    return os.sysconf("SC_OPEN_MAX") if hasattr(os, "sysconf") else 1024


def peak_memory() -> int | None:
    """The most bytes that this process has occupied so far; None on macOS and Windows."""
    return _process_status(b"VmHWM")


def silence_libtiff() -> None:
    """Keep its errors, of which a small file causes thousands, off stderr: Pillow raises one."""
    with suppress(ImportError, OSError, AttributeError):  # where it is a part of Pillow's library
        import ctypes

        from PIL import _imaging

        ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


def try_lock(file: int) -> bool:
    """Lock an open file until it is closed. False if another process has locked it.

    True where locks don't exist: on Windows and some network disks.
    """
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        pass
    return True


def _process_status(name: bytes) -> int | None:
    """Read a size in bytes from Linux's /proc/self/status; None on other systems."""
    try:
        with open("/proc/self/status", "rb") as status:
            sizes = (int(line.split()[1]) << 10 for line in status if line.startswith(name))
            return next(sizes, None)
    except OSError:
        return None
