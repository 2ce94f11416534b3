"""Progress bars: on a terminal, on stderr, and nowhere else."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


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
        disable=not sys.stderr.isatty(),
    )
