"""What digits needs from the machine, and what it may use."""

import errno
import os
import sys

from digits.errors import DigitsError


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


def cpu_count() -> int:
    """Count the cores that this process may use."""
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
