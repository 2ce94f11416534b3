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
    """Two progress bars on a terminal, of the epoch and of all, and a line per epoch on stderr.

    done, epochs: how many are finished, and how many there are. images: those of an epoch. shown:
    False prints nothing, for all processes but the main one.
    """

    REFRESH = 0.5  # seconds; not at every step, because reading the sums waits for the device
    _started: float  # the epoch
    _shown: float

    def __init__(self, done: int, epochs: int, images: int, shown: bool = True) -> None:
        self._done, self._epochs, self._images = done, epochs, images
        self._shows = shown
        self._bar = progress_bar("{task.fields[figures]}", shown=shown)
        self._epoch = self._bar.add_task("", total=images, figures="")
        self._all = self._bar.add_task("all epochs", total=epochs * images, figures="")
        self._begin_epoch()

    def __enter__(self) -> "ProgressBar":
        self._bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.__exit__(None, None, None)

    def step(self, done: int, seen_here: float, sums: Tensor) -> None:
        now, is_last = time.perf_counter(), done == self._images
        if self._bar.disable or (now - self._shown < self.REFRESH and not is_last):
            return
        self._shown = now
        loss, *accuracy = (sums / seen_here).tolist()
        means = f"loss {loss:.4f}" + "".join(f"  accuracy {share:.2%}" for share in accuracy)
        figures = f"{means}  {done / (now - self._started):,.0f} images/s"
        self._bar.update(self._epoch, completed=done, figures="validating" if is_last else figures)
        self._bar.update(self._all, completed=self._done * self._images + done)

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
        self._done = epoch.number
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        self._started = self._shown = time.perf_counter()
        description = f"epoch {min(self._done + 1, self._epochs)}/{self._epochs}"
        self._bar.reset(self._epoch, description=description, figures="")
        self._bar.update(self._all, completed=self._done * self._images)
