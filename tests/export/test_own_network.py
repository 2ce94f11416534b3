"""The custom network of docs/train.md, from its source file to a prediction."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits import Classifier
from digits.data import mnist
from digits.errors import DigitsError
from digits.inference.model_file import inspect
from digits_export import cli as export_cli
from digits_train import checkpoint, models
from digits_train import cli as train_cli
from digits_train.metrics import loss_and_accuracy, predict

DOCS = Path(__file__).parents[2] / "docs" / "train.md"
Digits = Callable[..., None]

pytestmark = [pytest.mark.usefixtures("slice_as_mnist"), pytest.mark.slow]


@pytest.fixture
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Digits:
    """Run `digits` in a folder with tiny.py, with our networks only, like a new process."""
    [text] = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.S)
    (tmp_path / "tiny.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    ours = dict(models.ARCHITECTURES)

    def run(command: str, *arguments: str) -> None:
        monkeypatch.setattr(models, "ARCHITECTURES", dict(ours))
        app = {"train": train_cli.app, "export": export_cli.app}[command]
        with pytest.raises(SystemExit) as stopped:
            app(list(arguments))
        assert stopped.value.code == 0

    return run


def test_docs_example(digits: Digits) -> None:
    digits("train", "--network", "tiny.py:Tiny", "--recipe", "classic", "--epochs", "3")
    trained = Path("runs/tiny/checkpoint.safetensors").read_bytes()
    digits("train", "--network", "tiny.py:Tiny", "--resume", "runs/tiny")
    assert Path("runs/tiny/checkpoint.safetensors").read_bytes() == trained
    digits("export", "--network", "tiny.py:Tiny", "--quantize", "--force")

    network = checkpoint.load(Path("runs/tiny/checkpoint.safetensors")).model
    assert sum(parameter.numel() for parameter in network.parameters()) == 15_827
    assert "15,827 parameters" in DOCS.read_text()
    test = mnist.load("test")
    _, accuracy = loss_and_accuracy(predict(network, test), test)
    assert accuracy > 0.5
    for name in ("runs/tiny/tiny.onnx", "runs/tiny/tiny.int8.onnx"):
        assert inspect(name).metadata.architecture == "tiny"
        Image.fromarray(255 - test.images[0]).save("digit.png")
        answers = Classifier(name).model.probabilities(test.images)
        assert abs((answers.argmax(1) == test.labels).mean() - accuracy) <= 0.02
        assert np.isclose(sum(Classifier(name).predict("digit.png").probabilities), 1, atol=1e-5)


def test_custom_network_needs_its_option(digits: Digits) -> None:
    """Even if the file is still there: a run folder may be a stranger's."""
    short = ("--network", "tiny.py:Tiny", "--recipe", "classic", "--epochs", "1")
    digits("train", *short)
    for command in (
        ("export", "runs/tiny"),
        ("train", "--resume", "runs/tiny"),
        ("train", "--start", "runs/tiny", "--recipe", "classic"),
    ):
        with pytest.raises(DigitsError, match="called 'tiny'; .* needs --network FILE.py:CLASS"):
            digits(*command)
    digits("train", "--start", "runs/tiny", *short)
    assert Path("runs/tiny-2").exists()
