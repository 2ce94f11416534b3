import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(file.stem for file in ROOT.glob("benchmarks/*.py")))
def test_benchmark_can_be_started(name: str) -> None:
    try:
        importlib.import_module(f"benchmarks.{name}")
    except ModuleNotFoundError as error:  # those of the dependency group `bench`
        assert error.name and error.name.split(".")[0] not in ("benchmarks", "digits", "tests")
