"""Networks in users' own files."""

import sys
from pathlib import Path

import pytest

from digits.errors import DigitsError
from digits_train import models
from digits_train.models import custom

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
NETWORK = TINY.replace("(nn.Module):", "(Network):\n    recipes = {}").replace(
    "nn\n", "nn\nfrom digits_train.models import Network\n", 1
)


@pytest.fixture(autouse=True)
def ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unregister the networks that a test adds."""
    monkeypatch.setattr(models, "ARCHITECTURES", dict(models.ARCHITECTURES))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.py"
    path.write_text(TINY)
    return path


@pytest.mark.slow
def test_register_plain_module(tiny: Path) -> None:
    for _ in range(2):  # again as for --resume
        assert models.register(f"{tiny}:Tiny") == "tiny"
    assert list(models.build("tiny").state_dict()) == [
        *("conv.weight", "conv.bias", "fc.weight", "fc.bias")
    ]
    assert models.get_recipe("tiny", "default").epochs == 30
    network = models.get_network("tiny")
    assert issubclass(network, models.Network)
    assert (network.kernels, network.threads, network.mixed_precision) == ("float", None, False)
    assert not list(tiny.parent.glob("__pycache__"))


def test_register_again_or_under_a_name_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The colon: Windows' paths begin with a drive."""
    monkeypatch.setattr(custom, "check", lambda network: None)
    folder = tmp_path / "c:"
    folder.mkdir()
    (folder / "tiny.py").write_text(TINY)
    assert models.register(f"{folder}/tiny.py:Tiny") == "tiny"
    (folder / "same.py").write_text(TINY.replace("Tiny", "LeNet5"))
    with pytest.raises(DigitsError, match="another network called lenet5; rename the class"):
        models.register(f"{folder}/same.py:LeNet5")
    assert models.get_network("lenet5") is models.LeNet5


def test_names_are_not_imported() -> None:
    """A checkpoint's architecture is looked up, never imported."""
    before = set(sys.modules)
    for name in ("", "resnet", "os:system", "tiny.py:Tiny", "../tiny"):
        with pytest.raises(DigitsError, match=f"no network called '{name}'; there are: lenet5"):
            models.build(name)
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("\n1 / 0", "can't be run: line 2: ZeroDivisionError: division by zero"),
        ("\n\nclass Tiny(", r"line 3: SyntaxError: .*\("),
        ("import sys\nsys.exit(3)", "line 2: SystemExit: 3"),
        ("\udcff", "can't be run: .*SyntaxError"),
        ("raise ValueError('one\\ntwo')", "line 1: ValueError: one$"),
        (TINY.replace("Tiny", "Tinny"), "has no subclass of nn.Module called Tiny$"),
        ("from torch import nn as Tiny", "has no subclass of nn.Module called Tiny$"),
        (TINY.replace("1, 4, 5", "1, 4"), "can't be used: line 7: TypeError: .*kernel_size"),
        (
            TINY.replace("12 * 12", "12"),
            "can't be used: line 11: RuntimeError: mat1 and mat2 shapes",
        ),
        (
            TINY.replace("x.shape[0], -1", "2, 576"),
            r"line 11: RuntimeError: shape '\[2, 576\]' is inv",
        ),
        (TINY.replace("12, 10)", "12, 11)"), r"py:Tiny can't be exported: .* float32 \[2, 11\]"),
        (NETWORK, r"used: line 13: RuntimeError: view size .* Use .reshape\(...\) instead"),
        (
            NETWORK.replace("{}", "{'default': 5}"),
            "used: ValueError: recipes can't be {'default': 5}",
        ),
        (NETWORK.replace("recipes = {}", "kernels = 'int'"), "kernels can't be 'int'"),
        (NETWORK.replace("recipes = {}", "threads = 0"), "threads can't be 0"),
    ],
)
def test_register_invalid_file(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "tiny.py"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DigitsError, match=complaint) as raised:
        models.register(f"{path}:Tiny")
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)
    assert "tiny" not in models.ARCHITECTURES


def test_ctrl_c_in_a_file_stops(tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        models.register(f"{tmp_path}/tiny.py:Tiny")


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("missing.py:Tiny", "there is no such file"),
        (".:Tiny", "there is no such file"),
        ("a\0b.py:Tiny", "there is no such file"),
        ("c:/tiny.py", "name the class too"),
        ("tiny.py:", "name the class too"),
    ],
)
def test_register_invalid_name(spec: str, complaint: str) -> None:
    with pytest.raises(DigitsError, match=complaint):
        models.register(spec)
