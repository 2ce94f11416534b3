"""Where the `digits` command starts."""

import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from digits.errors import DigitsError, Interrupted
from digits.system import require_64_bit, too_many_files
from digits.terminal import INTERRUPTED, complain, forget_full_stderr, forget_stdout, quiet


def main() -> None:
    """Run the command line; a DigitsError becomes one line on stderr and exit code 1."""
    quiet()
    if sys.stderr is None:  # or Typer's complaints are among the results
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored
        signal.signal(signal.SIGINT, _interrupt)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that the terminal can't show is escaped
        sys.stdout.reconfigure(errors="backslashreplace")
    stopped = ""
    try:
        require_64_bit()
        _run(sys.argv[1:])
    except Interrupted as error:
        stopped = str(error)
    except DigitsError as error:
        complain(f"error: {too_many_files(error) or error}")
        sys.exit(1)
    except OSError as error:  # Typer writes the help itself
        forget_stdout()
        complain(f"error: {too_many_files(error) or error.strerror or error}")
        sys.exit(1)
    except KeyboardInterrupt:
        stopped = "stopped"
    finally:
        forget_full_stderr()
    if stopped:  # no longer in `except`: all that the interrupted functions held is closed
        _exit_interrupted(stopped)


def _exit_interrupted(message: str) -> NoReturn:
    """End the process after Ctrl-C, without a wait for threads that still compute.

    Where Ctrl-C came while one was started, nobody would wait for it anyway: PyTorch aborts the
    process when the interpreter ends before its thread does.
    """
    complain(message)
    with suppress(OSError):
        if sys.stdout is not None:
            sys.stdout.flush()
    os._exit(INTERRUPTED)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Ctrl-C: a KeyboardInterrupt, except in the middle of an import.

    There NumPy and onnxruntime would turn it into an ImportError, as if they were damaged. The
    process then ends at once: no file suffers, for each appears by rename.
    """
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            _exit_interrupted("stopped")
        frame = frame.f_back
    raise KeyboardInterrupt


def _run(arguments: Sequence[str]) -> None:
    # Typer takes as long to start as Python, NumPy and onnxruntime together. Where there is
    # nothing to parse, nobody has to wait for it.
    options = [word for word in arguments if word.startswith("-") and word != "-"]
    if len(arguments) > 1 and arguments[0] == "predict" and not options:
        _predict(arguments[1:])
    else:
        from digits.cli import app

        app(prog_name="digits")


def _predict(pictures: Sequence[str]) -> None:
    """`digits predict` with every option as it is by default."""
    from digits.commands import answers, sources

    files, named, errors = sources.chosen(pictures, recursive=False)
    answers.write(answers.Predict("text", named), files, errors)


if __name__ == "__main__":
    main()
