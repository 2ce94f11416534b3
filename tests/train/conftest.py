from pathlib import Path

import pytest

from digits_train import plots


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change to an empty folder, in which runs/ is created."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write empty files as plots: drawing takes longer than a short training."""
    for name in ("curves", "confusion", "mistakes", "symbol_confusion", "crops"):
        monkeypatch.setattr(plots, name, lambda path, *_, **__: path.touch())
