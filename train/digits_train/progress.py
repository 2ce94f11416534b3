"""The progress of a training on stderr."""

import time

from torch import Tensor

from digits.terminal import print_stderr, progress_bar
from digits_train.metrics import Metrics
from digits_train.models import BaseNetwork, summary


def print_network(model: BaseNetwork) -> None:
    """Print the table of the network's layers on stderr."""
    for line in summary.table(model):
        print_stderr(line)


class ProgressBar:
    """A progress bar on a terminal, and a line per epoch on stderr.

    done, epochs: how many are finished, and how many there are. images: those of an epoch. shown:
    False prints nothing, for all processes but the main one.
    """

    _REFRESH = 0.5  # seconds; not at every step, because reading the sums waits for the device

    def __init__(self, done: int, epochs: int, images: int, shown: bool = True) -> None:
        self._epochs = epochs
        self._shows = shown
        self._bar = progress_bar("{task.fields[figures]}")
        self._bar.disable |= not shown
        self._task = self._bar.add_task(self._next(done), total=images, figures="")
        self._started = self._shown = time.perf_counter()

    def __enter__(self) -> "ProgressBar":
        self._bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.__exit__(None, None, None)

    def step(self, done: int, seen_here: int, sums: Tensor) -> None:
        now = time.perf_counter()
        if self._bar.disable or now - self._shown < self._REFRESH:
            return
        self._shown = now
        loss, *accuracy = (sums / seen_here).tolist()
        means = f"loss {loss:.4f}" + "".join(f"  accuracy {share:.2%}" for share in accuracy)
        figures = f"{means}  {done / (now - self._started):,.0f} images/s"
        self._bar.update(self._task, completed=done, figures=figures)

    def finish(self, epoch: Metrics) -> None:
        if not self._shows:
            return
        width = len(str(self._epochs))
        self._bar.console.print(
            f"epoch {epoch.number:{width}}/{self._epochs}"
            f"  {epoch}  {epoch.images_per_second:,.0f} images/s",
            highlight=False,
            soft_wrap=True,
        )
        self._started = self._shown = time.perf_counter()
        self._bar.reset(self._task, description=self._next(epoch.number))

    def _next(self, done: int) -> str:
        return f"epoch {done + 1}/{self._epochs}" if done < self._epochs else "evaluating"
