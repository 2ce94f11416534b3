import shutil
from pathlib import Path

import pytest

from digits_train import plots, trainer
from digits_train.run import RunDir
from tests.train import subset_digits
from tests.train.short import CONFIG


def replace_figures(patch: pytest.MonkeyPatch) -> None:
    for name in ("curves", "confusion", "mistakes", "crops"):
        patch.setattr(plots, name, lambda path, *_, **__: path.touch())


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write empty files as plots: drawing takes longer than a short training."""
    replace_figures(monkeypatch)


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change to an empty folder, in which runs/ is created."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A finished run of CONFIG, which no test changes."""
    with pytest.MonkeyPatch.context() as patch:
        replace_figures(patch)
        patch.setattr("digits.data.mnist.load_all", subset_digits.load_all)
        result = trainer.train(CONFIG, "cpu", out=tmp_path_factory.mktemp("whole") / "run")
    assert result is not None
    return result.run


@pytest.fixture
def run_copy(whole: RunDir, empty_folder: None) -> RunDir:
    """A copy of that run in the current folder."""
    return RunDir(Path(shutil.copytree(whole.folder, "runs/lenet5")))
