"""What `import digits` offers, and the examples in docstrings."""

import doctest
import importlib
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import digits
from digits import errors, prediction
from digits.classifier import Classifier
from digits.constraints.constraints import Constraints


def test_public_names() -> None:
    expected: dict[str, object] = {"Classifier": Classifier, "Constraints": Constraints}
    expected["__version__"] = version("digits")  # of the distribution
    for name in ("Number", "Prediction", "Reading", "Symbol"):
        expected[name] = getattr(prediction, name)
    for name in ("DataError", "DigitsError", "ModelError", "PictureError"):
        expected[name] = getattr(errors, name)
    assert {name: getattr(digits, name) for name in dir(digits)} == expected
    public = [name for name in dir(Classifier()) if not name.startswith("_")]
    methods = ["predict", "predict_batch", "read", "read_fields"]
    assert public == sorted(["model", "networks", "threshold", *methods])
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


@pytest.mark.parametrize("machine", ["armv6l", "armv7l", "armv8l", "aarch64", "x86_64", "AMD64"])
def test_dependencies_by_processor(machine: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [
        requirement
        for requirement in map(Requirement, project["dependencies"])
        if not requirement.marker or requirement.marker.evaluate({"platform_machine": machine})
    ]
    names = ["numpy", "onnxruntime", "pillow", "typer"]
    takes = {requirement.name: requirement.specifier.contains for requirement in needed}
    is_32_bit_arm = machine.startswith("armv")
    assert sorted(requirement.name for requirement in needed) == [
        name for name in names if name != "onnxruntime" or not is_32_bit_arm
    ]
    assert takes["numpy"]("2.2.4")  # Debian 13's
    assert takes["pillow"]("11.1.0") == is_32_bit_arm
    assert takes["pillow"]("13.0.0")
