import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from digits.data import mnist
from digits.data.mnist import Split
from digits.errors import DigitsError
from digits_train import checkpoint, fit, trainer
from digits_train.config import Recipe, RuntimeOptions, TrainConfig
from tests.train.short import CONFIG, CPU, FILES, accuracies, interrupt_after, resume, train

pytestmark = pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")


def test_run_folder(tmp_path: Path) -> None:
    run, summary = train(CONFIG)
    assert run.folder == Path("runs/lenet5")
    assert {path.name for path in run.folder.iterdir()} == FILES
    assert summary["parameters"] == 44_426
    assert json.loads(run.summary.read_text()) == json.loads(json.dumps(summary))
    assert {"recipe", "seed", "machines", "test_accuracy"} <= summary.keys()
    rows = list(csv.DictReader((run.folder / "metrics.csv").open()))
    assert [row["number"] for row in rows] == ["1", "2"]
    loaded = checkpoint.load(run.checkpoint)
    assert loaded.provenance.epoch == 2
    assert loaded.provenance.validation_accuracy == summary["validation_accuracy"]


def test_network_is_printed_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch, pytest.raises(DigitsError):
        interrupt_after(1, patch)
        train(CONFIG)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].split() == ["layer", "type", "output", "parameters"]
    assert lines[2].split() == ["conv1", "Conv2d", "6@5x5", "+", "ReLU", "6x24x24", "156"]
    assert [line.split()[:2] for line in lines[-2:]] == [["total", "44,426"], ["epoch", "1/2"]]
    resume(Path("runs/lenet5"))
    assert "total" not in capsys.readouterr().err


def test_ctrl_c_keeps_last_finished_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_after(1, monkeypatch)
    with pytest.raises(DigitsError, match=r"epoch 1 is kept; go on with .*--resume runs/lenet5"):
        train(CONFIG)
    assert checkpoint.load(Path("runs/lenet5/checkpoint.safetensors")).provenance.epoch == 1
    summary = json.loads(Path("runs/lenet5/run.json").read_text())
    assert summary["recipe"]["epochs"] == 2
    assert "test_accuracy" not in summary  # which only a finished run may look at


@pytest.mark.parametrize("architecture", ["lenet5", "vgg16"])
def test_batch_too_small_for_batch_norm(architecture: str) -> None:
    config = TrainConfig(architecture, Recipe("test", epochs=1, batch_size=1))
    if architecture == "vgg16":
        with pytest.raises(DigitsError, match="batch size 1 is too small"):
            train(config)
        assert not Path("runs").exists()
    else:
        assert train(config)[1]["epochs"] == 1


@pytest.mark.parametrize(
    ("batch_size", "remedy"), [(128, "7 steps are too few, try more --epochs"), (4, "--learning-r")]
)
def test_useless_network_is_a_failure(batch_size: int, remedy: str) -> None:
    recipe = Recipe("test", epochs=1, batch_size=batch_size, learning_rate=1e-9)
    result = trainer.train(TrainConfig("lenet5", recipe), CPU)
    assert result is not None and result.failure is not None
    assert "can't be told from guessing" in result.failure
    assert remedy in result.failure
    assert {path.name for path in result.run.folder.iterdir()} == FILES


def test_unfinished_training_is_no_failure() -> None:
    recipe = Recipe("test", epochs=9, learning_rate=1e-9)
    stopped = trainer.train(TrainConfig("lenet5", recipe), replace(CPU, max_minutes=0))
    assert stopped is not None and stopped.failure is None


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


def test_patience_keeps_best_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    accuracies([0.3, 0.5, 0.4, 0.2, 0.9], monkeypatch)
    config = replace(CONFIG, recipe=replace(CONFIG.recipe, epochs=5), patience=2)
    run, summary = train(config)
    assert summary["epochs"] == 4
    assert checkpoint.load(run.checkpoint).provenance.epoch == 2
    again, _ = resume(run.folder)
    assert len(list(csv.DictReader((again.folder / "metrics.csv").open()))) == 4


def test_max_minutes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    whole, _ = train(CONFIG, out=Path("whole"))
    at_once = replace(CPU, max_minutes=0)
    run, summary = train(CONFIG, at_once, out=Path("short"))
    assert summary["epochs"] == 1
    assert "stopped after epoch 1 of 2: another epoch doesn't fit" in capsys.readouterr().err
    assert resume(run.folder, at_once)[1]["epochs"] == 1
    resumed, _ = resume(run.folder)
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()


def test_all_data() -> None:
    run, summary = train(replace(CONFIG, all_data=True))
    assert summary["all_data"] is True
    assert "validation_accuracy" not in summary
    assert checkpoint.load(run.checkpoint).provenance.validation_accuracy is None
    assert {path.name for path in run.folder.iterdir()} == FILES
    [first, _] = csv.DictReader((run.folder / "metrics.csv").open())
    assert first["validation_loss"] == ""


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried"), "out of memory: .* memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), "smaller --batch-size"),
        (RuntimeError("No working C++ compiler"), "can't train with --compile"),
    ],
)
def test_torch_errors_are_translated(
    error: RuntimeError, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(trainer, "fit", fail)
    with pytest.raises(DigitsError, match=sentence):
        train(CONFIG, replace(CPU, compiled=True))


def test_tensorboard_gets_every_epoch_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(DigitsError):
            train(CONFIG, replace(CPU, tensorboard=True))
    run, summary = resume(Path("runs/lenet5"), replace(CPU, tensorboard=True))
    events = EventAccumulator(str(run.folder))
    events.Reload()
    assert [event.step for event in events.Scalars("validation/accuracy")] == [1, 2]
    assert events.Scalars("validation/accuracy")[-1].value == pytest.approx(
        summary["validation_accuracy"]
    )


def test_missing_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(DigitsError, match="pip install tensorboard"):
        train(CONFIG, replace(CPU, tensorboard=True))
    assert not Path("runs").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_missing_device() -> None:
    with pytest.raises(DigitsError, match="finds no cuda device"):
        train(CONFIG, RuntimeOptions("cuda"))
    assert not Path("runs").exists()
