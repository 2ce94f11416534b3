"""Networks in users' own files, and which of them an exported file can answer as."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digits.errors import DigitsError, Interrupted
from digits.inference.interface import CROP_HEIGHT
from digits_export.export import ExportConfig, export_run
from digits_train import models
from digits_train.camera.crops import Crop
from digits_train.data import held_out
from digits_train.data.recognizer_batches import to_batch
from digits_train.experiment import default_experiment
from digits_train.models import Network, custom
from docs import small_reader
from docs.small_reader import SmallDetector
from tests.conftest import Patch
from tests.export.detector_pages import PAGES
from tests.onnx_files import weights
from tests.train import short

TINY = """
from torch import nn

class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 10)

    def forward(self, x):
        return self.fc((x / 255).view(x.shape[0], -1))
"""


@pytest.fixture(autouse=True)
def ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unregister the networks that a test adds."""
    monkeypatch.setattr(models, "ARCHITECTURES", dict(models.ARCHITECTURES))


def test_register_plain_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom, "check", lambda network: None)
    tiny = tmp_path / "c:tiny.py"  # a colon, as Windows' paths have
    tiny.write_text(TINY)
    for _ in range(2):  # again as for --resume
        assert models.register(f"{tiny}:Tiny") == "tiny"
    network = models.get_network("tiny")
    assert issubclass(network, Network)
    assert (network.kernels, network.threads, network.mixed_precision) == ("float", None, False)
    tiny.write_text(TINY.replace("Tiny", "LeNet5"))
    with pytest.raises(DigitsError, match="another network called lenet5; rename the class"):
        models.register(f"{tiny}:LeNet5")
    assert models.get_network("lenet5") is models.LeNet5


@pytest.mark.parametrize("name", ["resnet", "os:system", "tiny.py:Tiny"])
def test_a_checkpoints_architecture_is_looked_up_and_never_imported(name: str) -> None:
    with pytest.raises(DigitsError, match=f"no network called '{name}'; there are: lenet5"):
        models.get_network(name)()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("\n\nclass Tiny(", r"SyntaxError: .*line 3\)"),
        ("import sys\nsys.exit(3)", "can't be used: line 2: SystemExit: 3"),
        ("raise ValueError('one\\ntwo')", "line 1: ValueError: one$"),
        ("from torch import nn as Tiny", "has no subclass of nn.Module called Tiny$"),
        (
            TINY + "    recipes = {'default': 3}",
            "TypeError: its recipes aren't each a ClassifierRecipe",
        ),
        (TINY.replace("784, 10", "783, 10"), "line 10: RuntimeError: .* cannot be multiplied"),
        (TINY.replace("784, 10", "784, 11"), r"ValueError: .* returns \[2, 11\], not \[2, 10\]"),
        (
            TINY.replace("return", "x = x if x.float().mean() > 99 else 2 * x; return"),
            "py:Tiny can't be exported: PyTorch can't export it: line 10, .* depends on what",
        ),
    ],
)
def test_register_invalid_file(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "tiny.py"
    path.write_text(text)
    with pytest.raises(DigitsError, match=complaint) as raised:
        models.register(f"{path}:Tiny")
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("spec", ["a\0b.py:Tiny", "c:/tiny.py"])
def test_register_no_file_or_no_class(spec: str) -> None:
    with pytest.raises(DigitsError, match="there is no such file, or no class"):
        models.register(spec)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("methods", "complaint"),
    [
        ({"targets": staticmethod(lambda pages: [1.0])}, "AttributeError: 'list' .* 'to'"),
        ({"loss": staticmethod(lambda maps, targets: maps.boxes.squeeze(9))}, "IndexError: "),
        ({"forward": lambda self, pages: (*SmallDetector.forward(self, pages),)}, None),
    ],
)
def test_targets_and_loss_are_tried(
    methods: dict[str, Any], complaint: str | None, tmp_path: Path, monkeypatch: Patch
) -> None:
    """Before anything is drawn; a plain tuple will do for maps."""
    changed = type("Changed", (SmallDetector,), methods)
    monkeypatch.setattr(SmallDetector, "changed", changed, raising=False)
    path = tmp_path / "own.py"
    path.write_text("from docs.small_reader import SmallDetector\nOwn = SmallDetector.changed\n")
    with pytest.raises(DigitsError, match=complaint) if complaint else nullcontext():
        models.register(f"{path}:Own")


@pytest.mark.slow
@pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")
@pytest.mark.parametrize(
    ("name", "exact"), [("SmallDetector", "heads"), ("SmallRecognizer", "symbols")]
)
def test_a_second_detector_or_recognizer_is_trained_resumed_and_exported(
    name: str, exact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file has the weights of its own float layers, and the others in integers."""
    crops = [Crop(page.pixels[:CROP_HEIGHT], "777") for page in PAGES]
    pages = [page._replace(text="777") for page in PAGES]
    drawn = {"pages": PAGES, "number_pages": pages, "batches": [to_batch(crops)]}
    for kind, pictures in drawn.items():
        monkeypatch.setattr(held_out, f"draw_{kind}", lambda pictures=pictures: pictures)
    for patch in short.bar_patches():
        monkeypatch.setattr(*patch)
    network = models.register(f"{small_reader.__file__}:{name}")
    with monkeypatch.context() as context, pytest.raises(Interrupted, match="step 2 is kept"):
        short.interrupt_after(1, context)
        short.train(default_experiment(network), out=Path("run"))
    run, summary = short.resume(Path("run"))
    assert (summary["network"], len(summary["machines"])) == (network, 2)
    export_run(run, ExportConfig(quantize=True, force=True))
    file = run.folder / f"{network}.int8.onnx"
    stored = weights(file.read_bytes())
    assert stored[f"network.{exact}.weight"].dtype == np.float32
    assert stored["network.body.0.conv.weight_quantized"].dtype == np.int8
    assert f"{exact} float" in file.read_bytes().decode("latin-1")
