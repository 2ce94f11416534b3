"""Run the examples in docstrings, in the folder of the sample pictures."""

import doctest
import importlib
from pathlib import Path

import pytest

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
