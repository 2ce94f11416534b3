"""Start the `digits` command."""

import atexit
import gc
import io
import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from digits.errors import DigitsError, Interrupted, WrongTask
from digits.system import environment_variable
from digits.terminal import EXIT_INTERRUPTED, print_stderr, shorten_warnings


def start() -> None:
    """Run `main`, and end its process before Python frees all objects of the libraries: 25 ms."""
    code: object = None
    atexit.register(lambda: _leave(code) if isinstance(code, int) else None)  # first in, last out
    gc.disable()  # until a command runs: what is imported isn't garbage
    try:
        main()
    except SystemExit as stop:
        code = stop.code
        raise


def main() -> None:
    """Run the command line. A DigitsError becomes one line on stderr and exit code 1."""
    _set_up()
    stopped = error = ""
    try:
        for name in os.environ:
            if name.startswith("DIGITS_"):
                environment_variable(name)  # Typer would take an empty token for none
        from digits import cli

        cli.run()
    except (Interrupted, KeyboardInterrupt) as interrupt:
        stopped = str(interrupt) or "stopped"
    except DigitsError as raised:
        command = f"`digits {sys.argv[1]}` " if isinstance(raised, WrongTask) else ""
        error = f"{command}{raised}"
    except OSError as raised:  # Typer prints the help itself
        file = f"{raised.filename}: " if raised.filename else ""
        error = f"{file}{raised.strerror or raised}"
    except MemoryError:
        error = "out of memory"
    if stopped:  # outside `except`: what the interrupted functions held is closed
        print_stderr(stopped)
        _leave(EXIT_INTERRUPTED)
    if error:
        print_stderr(f"error: {error}")
        sys.exit(1)


def _set_up() -> None:
    # No Python that this one or a library starts may import from the current folder, which may be
    # anyone's: `python -c` and `python -m` would.
    os.environ["PYTHONSAFEPATH"] = "1"
    # NumPy's OpenBLAS: for 25 ms after each product its threads spin, which takes as much CPU time
    # as a picture does, and a core from whoever reads another one.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    shorten_warnings()
    if sys.stderr is None:  # or Typer would print errors on stdout
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored
        signal.signal(signal.SIGINT, _interrupt)
    if isinstance(sys.stdout, io.TextIOWrapper):  # escape what the terminal can't show
        sys.stdout.reconfigure(errors="backslashreplace")


def _leave(code: int) -> NoReturn:
    """End the process without waiting for threads: PyTorch's would make Python abort."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError, ValueError):  # what can't be written was an error before
            stream.flush()
    os._exit(code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt on Ctrl-C, but exit at once during an import.

    NumPy and onnxruntime would turn it into an ImportError. No file is damaged: all are written
    atomically.
    """
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            print_stderr("stopped")
            _leave(EXIT_INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt


if __name__ == "__main__":
    start()
