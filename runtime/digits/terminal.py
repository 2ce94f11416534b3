"""Print results on stdout and everything else on stderr, with progress bars on terminals."""

import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO, TypeVar

from digits.errors import DigitsError
from digits.text import escape_control

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")

_MIN_ITEMS_FOR_BAR = 20  # pages, which take a tenth of a second each
# The exit codes of shells after SIGINT and SIGPIPE.
EXIT_INTERRUPTED, _EXIT_BROKEN_PIPE = 128 + 2, 128 + 13


def print_result(line: str) -> None:
    """Print a line on stdout and flush it. Raises DigitsError if that fails."""
    if sys.stdout is None:
        raise DigitsError("can't write the results: stdout is closed")
    try:
        print(line, flush=True)
    except BrokenPipeError:  # the reader has stopped, as `head` does
        sys.exit(_EXIT_BROKEN_PIPE)
    except OSError as error:
        raise DigitsError(f"can't write the results: {error.strerror}") from error


def print_stderr(line: str) -> None:
    """Print a message on one line of stderr, if possible. Control characters are escaped."""
    if sys.stderr is not None:  # print(file=None) would print on stdout
        with suppress(OSError):
            print(escape_control(line), file=sys.stderr)


class ErrorReporter:
    """Prints errors as they occur, and exits with 1 at the end if there were any."""

    _any = False

    def report(self, error: DigitsError) -> None:
        """Print an error."""
        self._any = True
        print_stderr(f"error: {error}")

    def exit_if_any(self) -> None:
        """Exit with 1 if an error was reported."""
        if self._any:
            sys.exit(1)


def shorten_warnings() -> None:
    """Have each warning printed on one line, but none of Pillow's about files that it can read."""
    warnings.filterwarnings("ignore", module="PIL")
    warnings.showwarning = lambda message, *_: print_stderr(f"warning: {message}")


def progress_bar(visible: bool = True) -> "Progress":
    """Create a rich progress bar: description, bar, percentage, time left.

    Use it as a context manager. A visible bar is drawn if stderr is a terminal, and vanishes at the
    end.
    """
    from rich import console, progress  # a plain `digits predict` never draws a bar

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
        console=console.Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # results stay on stdout
        disable=not (visible and _is_terminal(sys.stderr)),
        speed_estimate_period=600,  # seconds: a step of VGG-16 takes one, a validation thirty
    )


def track(
    items: Iterable[T], total: int, description: str, has_output: bool = False
) -> Iterator[T]:
    """Iterate over the items, with a progress bar if there are many.

    has_output: whether each gets a line on stdout; then there is no bar if that is a terminal.
    """
    is_hidden = has_output and _is_terminal(sys.stdout) or not _is_terminal(sys.stderr)
    if total < _MIN_ITEMS_FOR_BAR or is_hidden:
        yield from items
        return
    with progress_bar() as bar:
        yield from bar.track(items, total, description=description)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()
