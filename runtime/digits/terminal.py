"""Results go to stdout, everything else to stderr; a progress bar only where that is a terminal."""

import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO, TypeVar

from digits.errors import DigitsError
from digits.system import too_many_files
from digits.text import escape_control

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")

_FEW = 200  # items that are done before anyone would look for a bar
# The exit codes that shells give for SIGINT and SIGPIPE.
INTERRUPTED, _BROKEN_PIPE = 128 + 2, 128 + 13


def emit(line: str) -> None:
    """Print a result on stdout at once. Raises DigitsError when it can't be written."""
    if sys.stdout is None:
        raise DigitsError("can't write the results: stdout is closed")
    try:
        print(line, flush=True)
    except BrokenPipeError:  # the reader has seen enough, as `head` has
        forget_stdout()
        sys.exit(_BROKEN_PIPE)
    except OSError as error:
        forget_stdout()
        raise DigitsError(f"can't write the results: {error.strerror}") from error


def complain(line: str) -> None:
    """Print a warning or an error on stderr, if there is one that can be written.

    It stays one line, whatever the names in it: control characters are escaped.
    """
    # print(file=None) would write among the results.
    if sys.stderr is not None:
        with suppress(OSError):
            print(escape_control(line), file=sys.stderr)


class Errors:
    """Tells of each error at once, and remembers that there was one."""

    def __init__(self) -> None:
        self._any = False

    def report(self, error: DigitsError) -> None:
        """Raises DigitsError where all that follows would fail like this one."""
        if reason := too_many_files(error):
            raise DigitsError(reason) from error
        self._any = True
        complain(f"error: {error}")

    def exit_if_any(self) -> None:
        """End the process with exit code 1 after an error."""
        if self._any:
            sys.exit(1)


def quiet() -> None:
    """Say nothing of what Pillow remarks on in files that it can read all the same."""
    warnings.filterwarnings("ignore", module="PIL")


def forget_stdout() -> None:
    """Let nothing more be written: what is still in the buffer would fail again at exit."""
    if sys.stdout is None:
        return
    with suppress(OSError):  # as when too many files are open
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def forget_full_stderr() -> None:
    """Let the exit code stand: what can't be written of stderr would make it 120 at exit."""
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def progress_bar(*fields: str) -> "Progress":
    """A rich progress bar: description, bar, share, time left, then `fields` (rich markup).

    Use it as a context manager. It draws nothing when stderr is not a terminal, and it is gone
    when it ends. rich is imported here because a plain `digits predict` never draws a bar.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        *(TextColumn(field) for field in fields),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # results belong on stdout even while a bar is drawn
        disable=not _is_terminal(sys.stderr),
    )


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def track(items: Iterable[T], total: int, description: str) -> Iterable[T]:
    """The items, with a bar where there are many and their results go elsewhere than here."""
    if total < _FEW or _is_terminal(sys.stdout) or not _is_terminal(sys.stderr):
        return items
    return _tracked(items, total, description)


def _tracked(items: Iterable[T], total: int, description: str) -> Iterator[T]:
    with progress_bar() as bar:
        yield from bar.track(items, total, description=description)
