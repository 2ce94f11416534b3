"""New runs, from the library's call to the files in the run folder."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from digits.data import mnist
from digits.data.mnist import Split
from digits.errors import DigitsError
from digits_train import checkpoint, fit, trainer
from digits_train.config import Recipe, TrainConfig
from digits_train.run import RunDir
from tests.train.short import CONFIG, FILES, interrupt_after, resume, train

pytestmark = pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")


def test_run_folder(whole: RunDir) -> None:
    assert {path.name for path in whole.folder.iterdir()} == FILES
    summary = json.loads(whole.summary.read_text())
    assert (summary["parameters"], summary["epochs"]) == (44_426, 2)
    assert {"recipe", "seed", "machines", "test_accuracy"} <= summary.keys()
    rows = list(csv.DictReader((whole.folder / "metrics.csv").open()))
    assert [row["number"] for row in rows] == ["1", "2"]
    provenance = checkpoint.load(whole.checkpoint).provenance
    assert (provenance.epoch, provenance.training_digits) == (2, 800)
    assert provenance.validation_accuracy == summary["validation_accuracy"]


def test_result_is_what_run_json_says() -> None:
    run, summary = train(CONFIG)
    assert run.folder == Path("runs/lenet5")
    assert json.loads(run.summary.read_text()) == json.loads(json.dumps(summary))


def test_ctrl_c_keeps_last_finished_epoch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(DigitsError, match=r"epoch 1 is kept; go on with .*--resume runs/l"):
            train(CONFIG)
    assert checkpoint.load(Path("runs/lenet5/checkpoint.safetensors")).provenance.epoch == 1
    summary = json.loads(Path("runs/lenet5/run.json").read_text())
    assert summary["recipe"]["epochs"] == 2
    assert "test_accuracy" not in summary  # which only a finished run may look at
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].split() == ["layer", "type", "output", "parameters"]
    assert [line.split()[:2] for line in lines[-2:]] == [["total", "44,426"], ["epoch", "1/2"]]
    resume(Path("runs/lenet5"))
    assert "total" not in capsys.readouterr().err  # the table is printed once


def test_batch_too_small_for_batch_norm() -> None:
    with pytest.raises(DigitsError, match="batch size 1 is too small"):
        train(TrainConfig("vgg16", Recipe("test", epochs=1, batch_size=1)))
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("batch_size", "remedy"), [(128, "7 steps are too few, try more --epochs"), (4, "--learning-r")]
)
def test_useless_network_is_a_failure(batch_size: int, remedy: str) -> None:
    recipe = Recipe("test", epochs=1, batch_size=batch_size, learning_rate=1e-9)
    result = trainer.train(TrainConfig("lenet5", recipe), "cpu")
    assert result is not None and result.failure is not None
    assert "can't be told from guessing" in result.failure
    assert remedy in result.failure
    assert {path.name for path in result.run.folder.iterdir()} == FILES


def test_warning_of_lagging_ema(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fit, "update_ema", lambda *_: None)
    train(replace(CONFIG, recipe=replace(CONFIG.recipe, epochs=4, batch_size=20)))
    assert "warning: the moving average lags behind" in capsys.readouterr().err


def test_warning_of_unseen_digit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = mnist.load_all()
    few = splits["train"].labels > 1
    seen = Split(splits["train"].images[few], splits["train"].labels[few])
    monkeypatch.setattr(mnist, "load_all", lambda data=None: {**splits, "train": seen})
    train(TrainConfig("lenet5", Recipe("test", epochs=1)))
    err = capsys.readouterr().err
    assert "warning: no training examples of 0, 1: the network can't learn to read them" in err
    assert err.count("warning: ") == 1


def test_full_disk_keeps_last_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    real = checkpoint.save

    def save(path: Path, *rest: Any) -> None:
        if path.exists():
            raise DigitsError("can't write: No space left on device")
        real(path, *rest)

    monkeypatch.setattr(checkpoint, "save", save)
    with pytest.raises(DigitsError, match="No space left"):
        train(CONFIG)
    assert checkpoint.load(Path("runs/lenet5/checkpoint.safetensors")).provenance.epoch == 1


@pytest.mark.parametrize(
    ("error", "raised", "sentence"),
    [
        (
            torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried"),
            *(DigitsError, "^out of memory: try a smaller --batch-size .CUDA out of memory..$"),
        ),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you"),
            *(DigitsError, "smaller --batch-size"),
        ),
        (RuntimeError("a bug"), RuntimeError, "^a bug$"),
    ],
)
def test_lack_of_memory_is_reported(
    error: RuntimeError, raised: type[Exception], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(trainer, "fit", fail)
    with pytest.raises(raised, match=sentence):
        train(CONFIG)
    assert Path("runs/lenet5").exists() == (raised is RuntimeError)  # nothing was trained


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_missing_device() -> None:
    with pytest.raises(DigitsError, match="finds no cuda device"):
        train(CONFIG, device="cuda")
    assert not Path("runs").exists()
