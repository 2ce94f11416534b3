"""Networks in users' own files, and which of them an exported file can answer as."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn
from torch.nn.functional import dropout

from digits.errors import DigitsError, ModelError
from digits_train import models
from digits_train.models import Network, custom

TINY = """
from torch import nn

class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 5, stride=2)
        self.fc = nn.Linear(4 * 12 * 12, 10)

    def forward(self, x):
        return self.fc(self.conv(x / 255).view(x.shape[0], -1))
"""
Forward = Callable[[Any, Tensor], Any]
PIXELS: Forward = lambda self, x: self.fc((x / 255).flatten(1))  # noqa: E731


class Small(Network):
    """One dense layer, or other layers, and any way through them."""

    def __init__(self, forward: Forward, **layers: nn.Module) -> None:
        super().__init__()
        self.compute = forward
        for name, layer in ({"fc": nn.Linear(784, 10)} | layers).items():
            self.add_module(name, layer)

    def forward(self, images: Tensor) -> Any:
        return self.compute(self, images)


def branching(self: Any, x: Tensor) -> Any:
    pixels = x.flatten(1) / 255
    return self.fc(pixels if pixels.mean() > 0.1 else pixels.sqrt())


def exported(forward: Forward, complaint: str) -> Any:
    """Parameters of a network that only its export shows to be unfit."""
    return pytest.param(forward, {}, complaint, marks=pytest.mark.slow)


@pytest.fixture(autouse=True)
def ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unregister the networks that a test adds."""
    monkeypatch.setattr(models, "ARCHITECTURES", dict(models.ARCHITECTURES))


def test_register_plain_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom, "check", lambda network: None)
    tiny = tmp_path / "tiny.py"
    tiny.write_text(TINY)
    for _ in range(2):  # again as for --resume
        assert models.register(f"{tiny}:Tiny") == "tiny"
    assert models.get_recipe("tiny", "default").epochs == 30
    network = models.get_network("tiny")
    assert issubclass(network, Network)
    assert (network.kernels, network.threads, network.mixed_precision) == ("float", None, False)


def test_register_under_a_name_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The colon: Windows' paths begin with a drive."""
    monkeypatch.setattr(custom, "check", lambda network: None)
    folder = tmp_path / "c:"
    folder.mkdir()
    (folder / "same.py").write_text(TINY.replace("Tiny", "LeNet5"))
    with pytest.raises(DigitsError, match="another network called lenet5; rename the class"):
        models.register(f"{folder}/same.py:LeNet5")
    assert models.get_network("lenet5") is models.LeNet5


def test_names_are_not_imported() -> None:
    """A checkpoint's architecture is looked up, never imported."""
    before = set(sys.modules)
    for name in ("resnet", "os:system", "tiny.py:Tiny"):
        with pytest.raises(DigitsError, match=f"no network called '{name}'; there are: lenet5"):
            models.build(name)
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("\n1 / 0", "can't be used: line 2: ZeroDivisionError: division by zero"),
        ("\n\nclass Tiny(", r"SyntaxError: .*line 3\)"),
        ("import sys\nsys.exit(3)", "line 2: SystemExit: 3"),
        ("raise ValueError('one\\ntwo')", "line 1: ValueError: one$"),
        ("from torch import nn as Tiny", "has no subclass of nn.Module called Tiny$"),
        (TINY.replace("12 * 12", "12"), "line 11: RuntimeError: mat1 and mat2 shapes"),
        (TINY + "    kernels = 'int'", "ValueError: kernels can't be 'int'"),
        (TINY.replace("12, 10)", "12, 11)"), r"py:Tiny can't be exported: .* float32 \[2, 11\]"),
    ],
)
def test_register_invalid_file(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "tiny.py"
    path.write_text(text)
    with pytest.raises(DigitsError, match=complaint) as raised:
        models.register(f"{path}:Tiny")
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_register_other_specs(tmp_path: Path) -> None:
    for spec in ("a\0b.py:Tiny", "c:/tiny.py", "tiny.py:"):
        with pytest.raises(DigitsError, match="there is no such file, or no class"):
            models.register(spec)
    (tmp_path / "tiny.py").write_text("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        models.register(f"{tmp_path}/tiny.py:Tiny")


@pytest.mark.parametrize(
    ("forward", "layers", "complaint"),
    [
        (lambda self, x: (PIXELS(self, x), x), {}, r"it returns tuple, not float32 \[2, 10\]"),
        (lambda self, x: PIXELS(self, x).log(), {}, "it returns NaN or infinite logits"),
        (PIXELS, {"spare": nn.Linear(2, 2)}, "spare.weight has no part in its logits"),
        (PIXELS, {"fc": nn.LazyLinear(10)}, "its lazy layers need their numbers of inputs"),
        exported(branching, "PyTorch can't export it: line .*, `.*pixels.mean.*`, depends on what"),
        exported(lambda self, x: self.fc((x / 255).flatten(1).cumsum(1)), "the operator 'CumSum'"),
        exported(lambda self, x: self.fc((x / 255).view(len(x), 784)), "only 2 pictures at a time"),
        exported(
            lambda self, x: self.fc(dropout(x.flatten(1) / 255)),
            "dropout|Dropout|Random|Bernoulli",
        ),
    ],
)
def test_refused(forward: Forward, layers: dict[str, nn.Module], complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        custom.check(Small(forward, **layers))


def test_without_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "digits_train.onnx_graph", None)
    with pytest.raises(DigitsError, match=r'pip install "digits\[train,export\]"$'):
        custom.check(models.LeNet5())
