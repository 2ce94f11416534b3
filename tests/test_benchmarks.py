import importlib
import json
from pathlib import Path

import pytest
from benchmarks import tables

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(file.stem for file in ROOT.glob("benchmarks/*.py")))
def test_benchmark_can_be_started(name: str) -> None:
    try:
        importlib.import_module(f"benchmarks.{name}")
    except ModuleNotFoundError as error:  # those of the dependency group `bench`
        assert error.name and error.name.split(".")[0] not in ("benchmarks", "digits", "tests")


@pytest.mark.parametrize("path", tables.DOCUMENTS, ids=lambda path: path.name)
def test_figures_of_documents_are_those_of_the_benchmarks(path: Path) -> None:
    text = path.read_text()
    assert tables.filled(text, json.loads(tables.RESULTS.read_text())) == text
    assert tables.MARKED.search(text)
