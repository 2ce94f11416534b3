"""The bars of a training on a terminal; what a pipe gets is tested with the runs."""

import io
import re
import time

import pytest
import torch

from digits_train.metrics import EpochMetrics
from digits_train.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def wait_for(self, words: str) -> None:
        """Wait until a line has these words, without the bar."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[━╸╺]", "", self.getvalue())
            if words in " ".join(shown.split()):
                return
            time.sleep(0.05)
        pytest.fail(f"{words!r} isn't in {self.getvalue()!r}")


def test_bars_of_the_epoch_and_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(ProgressBar, "REFRESH", 0)
    for name, value in (("TERM", "xterm"), ("COLUMNS", "120")):
        monkeypatch.setenv(name, value)
    with ProgressBar(1, 4, 100) as bar:
        bar.step(40, 50, torch.tensor([25.0, 10.0]))
        terminal.wait_for("epoch 2/4 40% -:--:-- loss 0.5000 accuracy 20.00%")
        terminal.wait_for("all epochs 35% 0:0")
        bar.step(100, 50, torch.tensor([25.0, 10.0]))
        terminal.wait_for("epoch 2/4 100% 0:00:00 validating")
        bar.finish(EpochMetrics(2, 0.5, 0.2, 0.25, 0.95, 7.5, 1000.0))
        terminal.wait_for("epoch 2/4 loss 0.5000 accuracy 20.00% validation loss 0.2500")
        terminal.wait_for("epoch 3/4 0%")
