"""What `import digits` offers, and the examples in docstrings."""

import doctest
import importlib
from importlib.metadata import version
from pathlib import Path

import pytest

import digits
from digits import errors, prediction
from digits.constraints.constraints import Constraints
from digits.recognize import Reader


def test_public_names() -> None:
    expected: dict[str, object] = {"Reader": Reader, "Constraints": Constraints}
    expected["__version__"] = version("digits")  # of the distribution
    for name in ("Number", "Prediction", "Reading", "Symbol"):
        expected[name] = getattr(prediction, name)
    for name in ("DataError", "DigitsError", "ModelError", "PictureError"):
        expected[name] = getattr(errors, name)
    assert {name: getattr(digits, name) for name in dir(digits)} == expected
    public = [name for name in dir(Reader()) if not name.startswith("_")]
    methods = ["predict", "predict_batch", "read", "read_fields"]
    assert public == sorted(["model", "models", "threshold", *methods])
    with pytest.raises(AttributeError, match="module 'digits' has no attribute 'Clasifier'"):
        digits.Clasifier  # noqa: B018


ROOT = Path(__file__).parents[2]
MODULES = [
    ".".join(file.relative_to(ROOT / "runtime").with_suffix("").parts)
    for file in sorted((ROOT / "runtime" / "digits").rglob("*.py"))
    if ">>> " in file.read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "tests" / "pictures")
    results = doctest.testmod(importlib.import_module(name))
    assert results.attempted
    assert not results.failed
