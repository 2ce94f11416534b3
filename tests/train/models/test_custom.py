"""Networks in users' own files."""

import sys
from pathlib import Path

import pytest

from digits.errors import DigitsError
from digits_train import models
from digits_train.models import lenet5

TINY = """
from collections import OrderedDict

from torch import nn

from digits_train.config import CLASSIC
from digits_train.models import Network, Normalize


class Tiny(Network):
    recipes = {"default": CLASSIC}

    def __init__(self):
        super().__init__(
            OrderedDict(normalize=Normalize(), flatten=nn.Flatten(), fc=nn.Linear(784, 10))
        )
"""


@pytest.fixture(autouse=True)
def ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unregister the networks that a test adds."""
    monkeypatch.setattr(models, "ARCHITECTURES", dict(models.ARCHITECTURES))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.py"
    path.write_text(TINY)
    return path


def test_register_class_in_file(tiny: Path) -> None:
    assert models.register(f"{tiny}:Tiny") == "tiny"
    assert [name for name, _ in models.build("tiny").named_children()][-1] == "fc"
    assert models.get_recipe("tiny", "default").epochs == 5
    network = models.get_network("tiny")
    assert issubclass(network, models.Network)
    assert (network.kernels, network.threads, network.mixed_precision) == ("float", None, False)
    assert models.register(f"{tiny}:Tiny") == "tiny"
    assert not list(tiny.parent.glob("__pycache__"))


def test_register_renamed_copy(tmp_path: Path) -> None:
    """As documented in docs/train.md."""
    text = Path(lenet5.__file__).read_text()
    (tmp_path / "copy.py").write_text(text.replace("class LeNet5", "class MyNet"))
    assert models.register(f"{tmp_path}/copy.py:MyNet") == "mynet"
    (tmp_path / "same.py").write_text(text)
    with pytest.raises(DigitsError, match="another network called lenet5; rename the class"):
        models.register(f"{tmp_path}/same.py:LeNet5")
    assert models.get_network("lenet5") is models.LeNet5


def test_names_are_not_imported() -> None:
    """A checkpoint's architecture is looked up, never imported."""
    before = set(sys.modules)
    for name in ("", "resnet", "os:system", "tiny.py:Tiny", "../tiny"):
        with pytest.raises(DigitsError, match=f"no network called '{name}'; there are: lenet5"):
            models.build(name)
    assert set(sys.modules) == before


def test_register_path_with_colons(tmp_path: Path) -> None:
    """Windows paths begin with a drive."""
    (tmp_path / "c:").mkdir()
    (tmp_path / "c:" / "tiny.py").write_text(TINY)
    assert models.register(f"{tmp_path}/c:/tiny.py:Tiny") == "tiny"
    with pytest.raises(DigitsError, match="tiny.py: name the class too"):
        models.register(f"{tmp_path}/c:/tiny.py")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("Tinny", "has no subclass of Network called Tinny; there is Tiny$"),
        ("Network", "no subclass of Network called Network; there is Tiny$"),
        ("nn", "no subclass of Network called nn"),
        ("", "name the class too"),
    ],
)
def test_register_missing_class(tiny: Path, name: str, complaint: str) -> None:
    with pytest.raises(DigitsError, match=complaint):
        models.register(f"{tiny}:{name}")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("\n1 / 0", "can't be run: line 2: ZeroDivisionError: division by zero"),
        (
            "import nothing_like_it",
            "line 1: ModuleNotFoundError: No module named 'nothing_like_it'",
        ),
        ("\n\nclass Tiny(", r"line 3: SyntaxError: .*\("),
        ("import sys\nsys.exit(3)", "line 2: SystemExit: 3"),
        ("\nraise BaseException('no')", "can't be run: line 2: BaseException: no"),
        (
            TINY.replace("super()", "raise GeneratorExit('no')\n        super()"),
            "can't be instantiated: line 14: GeneratorExit: no",
        ),
        ("\0", "can't be run: .*null byte"),
        ("\udcff", "can't be run: .*SyntaxError"),
        ("raise ValueError('one\\ntwo')", "line 1: ValueError: one$"),
        (
            TINY.replace("Normalize()", "Normalize(1)"),
            "can't be instantiated: line 15: TypeError: .*init",
        ),
        (TINY.replace("Flatten()", "Sigmoid()"), "can't be exported: flatten"),
        (TINY.replace("10)", "11)"), "can't be exported: .* float32 .10. logits"),
        (TINY.replace("recipes", "recipe"), r"has no recipes: give the class `recipes = {"),
        (TINY.replace("CLASSIC}", "5}"), "has no recipes"),
        (TINY.replace('{"default": CLASSIC}', "{}"), "has no recipes"),
        (
            TINY.replace("    recipes", "    kernels = 'int'\n    recipes"),
            "kernels must be .* 'int'",
        ),
        (TINY.replace("    recipes", "    threads = 0\n    recipes"), "threads must be .* got 0"),
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


@pytest.mark.parametrize("file", ["missing.py", ".", "a\0b.py"])
def test_register_missing_file(file: str) -> None:
    with pytest.raises(DigitsError, match="there is no such file"):
        models.register(f"{file}:Tiny")
