"""The bars of a training on a terminal; what a pipe gets is tested with the runs."""

import re

import pytest
import torch

from digits import terminal
from digits_train.metrics import EpochMetrics
from digits_train.progress import ProgressBar


def test_bars_of_the_epoch_and_of_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm"), ("COLUMNS", "120")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(terminal, "_is_terminal", lambda stream: True)
    monkeypatch.setattr(ProgressBar, "_REFRESH", 0)

    def drawn() -> list[str]:
        lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err).splitlines()
        return [" ".join(re.sub("[━╸╺]", "", line).split()) for line in lines]

    with ProgressBar(1, 4, 100) as bar:
        for done, all_done, expected in (
            (40, 35, "loss 0.5000 accuracy 20.00%"),
            (100, 50, "validating"),
        ):
            bar.step(done, 50, torch.tensor([25.0, 10.0]))
            bar._bar.refresh()
            first, second = drawn()[-2:]
            assert first.startswith(f"epoch 2/4 {done}% ") and expected in first
            assert second.startswith(f"all epochs {all_done}% ")
        bar.finish(EpochMetrics(2, 0.5, 0.2, 0.25, 0.95, 7.5, 1000.0))
        assert "epoch 2/4 loss 0.5000 accuracy 20.00% validation loss 0.2500" in " ".join(drawn())
