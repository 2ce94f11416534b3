"""A network from its source file to a prediction: that of docs/resnet8.py, and one of ours."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import Tensor, nn

from digits import Classifier
from digits.data import mnist
from digits.errors import DigitsError
from digits.inference.metadata import Metadata
from digits.inference.model_file import load
from digits_export import cli as export_cli
from digits_train import checkpoint, models
from digits_train import cli as train_cli
from digits_train.metrics import loss_and_accuracy, predict
from digits_train.models import BaseNetwork, Network, Normalize

NETWORK = ("--network", f"{Path(__file__).parents[2] / 'docs' / 'resnet8.py'}:ResNet8")

pytestmark = [pytest.mark.usefixtures("slice_as_mnist", "in_a_folder"), pytest.mark.slow]


class Perceptron(Network):
    """The recipe of CONTRIBUTING: such a file in models/, and its line in ARCHITECTURES."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(Normalize(), nn.Flatten(), nn.Linear(784, 10))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits


OURS: dict[str, type[BaseNetwork]] = models.ARCHITECTURES | {"perceptron": Perceptron}


@pytest.fixture
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "ARCHITECTURES", {})  # which `digits` sets


def digits(command: str, *arguments: str) -> None:
    """Run `digits` like a new process: with our networks only."""
    models.ARCHITECTURES = dict(OURS)
    app = {"train": train_cli.app, "export": export_cli.app}[command]
    with pytest.raises(SystemExit) as stopped:
        app(list(arguments))
    assert stopped.value.code == 0


def test_example(monkeypatch: pytest.MonkeyPatch) -> None:
    digits("train", *NETWORK, "--epochs", "3", "--batch-size", "50")
    trained = Path("runs/resnet8/checkpoint.safetensors").read_bytes()
    digits("train", *NETWORK, "--resume", "runs/resnet8")
    assert Path("runs/resnet8/checkpoint.safetensors").read_bytes() == trained
    digits("export", *NETWORK, "--quantize", "--force")

    network = checkpoint.load(Path("runs/resnet8/checkpoint.safetensors")).model
    test = mnist.load("test")
    _, accuracy = loss_and_accuracy(predict(network, test), test)
    assert accuracy > 0.5
    Image.fromarray(255 - test.images[0]).save("digit.png")
    for name in ("runs/resnet8/resnet8.onnx", "runs/resnet8/resnet8.int8.onnx"):
        assert load(name, Metadata).metadata.architecture == "resnet8"
        classifier = Classifier(name)
        answers = classifier.model.probabilities(test.images)
        assert abs((answers.argmax(1) == test.labels).mean() - accuracy) <= 0.02
        assert np.isclose(sum(classifier.predict("digit.png").probabilities), 1, atol=1e-5)

    # Its file is still there, but a run folder may be a stranger's: it is named each time.
    short = ("--epochs", "1", "--recipe", "default")
    for command in (
        ("export", "runs/resnet8"),
        ("train", "--resume", "runs/resnet8"),
        ("train", "--start", "runs/resnet8", *short),
    ):
        with pytest.raises(DigitsError, match="called 'resnet8'; .* needs --network FILE.py:CLASS"):
            digits(*command)
    few = {name: split[:100] for name, split in mnist.load_all().items()}
    monkeypatch.setattr(mnist, "load_all", lambda data=None: few)
    digits("train", "--start", "runs/resnet8", *NETWORK, *short)
    assert Path("runs/resnet8-2").exists()


def test_a_network_is_a_file_and_a_line(pictures: list[Path]) -> None:
    digits("train", "--network", "perceptron", "--recipe", "classic", "--batch-size", "50")
    digits("export", "--quantize", "--force", "runs/perceptron")
    for name in ("perceptron.onnx", "perceptron.int8.onnx"):
        classifier = Classifier(Path("runs/perceptron") / name)
        assert classifier.predict(pictures[7]).probabilities[7] > 0.5
