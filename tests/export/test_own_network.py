"""A network of one's own from its source file to probabilities: that of docs/resnet8.py."""

from pathlib import Path

import pytest

from digits.data import mnist
from digits.inference.model import Model
from digits_train import models
from tests.conftest import Run

NETWORK = ("--network", f"{Path(__file__).parents[2] / 'docs' / 'resnet8.py'}:ResNet8")


@pytest.mark.usefixtures("slice_as_mnist")
def test_own_network(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ours = dict(models.ARCHITECTURES)

    def digits(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(models, "ARCHITECTURES", dict(ours))  # as in a new process
        return run(*arguments)

    assert digits("train", *NETWORK, "--epochs", 2, "--batch-size", 50)[0] == 0
    assert digits("export", *NETWORK, "--quantize", "--force")[0] == 0
    test = mnist.load("test")
    for name in ("resnet8.onnx", "resnet8.int8.onnx"):
        answers = Model(Path("runs/resnet8", name)).probabilities(test.images)
        assert (answers.argmax(1) == test.labels).mean() > 0.5
    # Its file is still there, but a run folder may be a stranger's: it is named each time.
    for command in ("export", "train --resume", "train --recipe default --start"):
        code, _, err = digits(*command.split(), "runs/resnet8")
        assert code == 1
        assert "called 'resnet8'; " in err and "needs --network FILE.py:CLASS" in err
