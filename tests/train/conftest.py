from pathlib import Path

import pytest

from digits.data.mnist import Split
from digits_train.camera.materials import Materials
from tests.train import short, small_materials


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write empty files as plots: drawing takes longer than a short training."""
    short.replace_figures(monkeypatch)


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change to an empty folder, in which runs/ is created."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def materials(train_slice: Split) -> Materials:
    return small_materials.make(train_slice, 200)
