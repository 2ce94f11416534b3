"""Runs, new and resumed, from the library's call to the files in the run folder."""

import csv
import json
import re
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from msgspec import convert
from msgspec.structs import replace

from digits.data.split import Split
from digits.errors import DigitsError, Interrupted
from digits_train import checkpoint, models, trainer
from digits_train.classifier import evaluate
from digits_train.data import datasets, mnist
from digits_train.data.datasets import Dataset
from digits_train.distributed import CPU, DistributedContext
from digits_train.experiment import Experiment, change, default_experiment
from digits_train.run import RunDir
from digits_train.structs import to_dict
from digits_train.tasks import Classification, Recognition, stream
from docs.small_reader import SmallDetector, SmallRecognizer
from tests.conftest import Capsys, Patch
from tests.train.short import (
    EXPERIMENT,
    FILES,
    RECIPE,
    bar_patches,
    dataset,
    interrupt_after,
    resume,
    train,
)

pytestmark = pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")


@pytest.mark.slow
def test_a_long_training_says_how_long(monkeypatch: Patch, capsys: Capsys) -> None:
    """Before its first epoch ends."""
    interrupt_after(1, monkeypatch)
    with pytest.raises(Interrupted):
        train(replace(EXPERIMENT, recipe=replace(RECIPE, epochs=100_000)))
    assert re.search(r"this takes about \d+ minutes\nepoch +1/", capsys.readouterr().err)


@pytest.mark.slow
def test_run_folder(trained_run: RunDir, train_slice: Split) -> None:
    summary = json.loads(trained_run.summary.read_text())
    assert (summary["parameters"], summary["recipe"]["epochs"]) == (44_426, 2)
    assert {"camera", "seed", "precision", "machines", "test_accuracy"} <= summary.keys()
    rows = list(csv.DictReader((trained_run.folder / "metrics.csv").open()))
    assert ",".join(rows[0]) == (
        "number,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds,"
        "images_per_second"
    )
    first, last = ({name: float(value) for name, value in row.items()} for row in rows)
    assert last["train_loss"] < 0.5 * first["train_loss"]
    model, about, _ = checkpoint.load(trained_run.checkpoint)
    assert (about.progress, about.training_digits, about.experiment.init) == (2, 800, None)
    assert about.experiment == convert(
        {name: summary[name] for name in to_dict(about.experiment)}, Experiment
    )
    validation = train_slice[800:]
    measured = evaluate(model, validation)
    assert {name: last[f"validation_{name}"] for name in measured} == pytest.approx(measured)
    accuracy = measured["accuracy"]
    assert about.validation_accuracy == summary["validation_accuracy"] == accuracy > 0.8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            torch.cuda.OutOfMemoryError("CUDA full.\nTried"),
            "recipe.batch_size .CUDA full..$",
        ),
        (DigitsError("No space left"), "^No space left$"),
    ],
)
def test_early_failure_leaves_nothing(error: Exception, sentence: str, monkeypatch: Patch) -> None:
    monkeypatch.setattr(Classification, "train", Mock(side_effect=error))
    with pytest.raises(DigitsError, match=sentence):
        train(EXPERIMENT)
    assert not Path("runs/lenet5").exists()


def test_a_batch_too_small_for_its_processes(monkeypatch: Patch) -> None:
    monkeypatch.setattr(torch.distributed, "broadcast_object_list", lambda _: None)
    dist = DistributedContext(CPU.device, 0, 4)
    trainer.make_task(replace(EXPERIMENT, recipe=replace(RECIPE, batch_size=8)), None, dist)
    small = replace(EXPERIMENT, recipe=replace(RECIPE, batch_size=7))
    with pytest.raises(DigitsError, match="batch_size=7 is too small: each process needs at least"):
        trainer.make_task(small, None, dist)


@pytest.mark.parametrize("network", ["detector", "recognizer"])
def test_streams_are_composed_of_mnist_alone(network: str, monkeypatch: Patch) -> None:
    pictures = Dataset(mnist.load_all(), {"pictures": ""})
    monkeypatch.setattr(datasets, "load", lambda *_: pictures)
    message = f"a {network} learns from MNIST's digits, not from pictures"
    with pytest.raises(DigitsError, match=message):
        train(default_experiment(network))
    assert not Path("runs").exists()


def test_streams_are_drawn_with_the_experiments_camera(
    train_slice: Split, monkeypatch: Patch
) -> None:
    drawn = Mock()
    monkeypatch.setattr(stream, "make_materials", drawn)
    experiment = change(default_experiment("recognizer"), ["camera.hand.pen=[0.2,0.22]"])
    Recognition(experiment, dataset(train_slice)).setup()
    assert drawn.call_args.args[2].hand.pen == (0.2, 0.22)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("epochs", "kept", "machines"),
    [
        (0, "before the first epoch", [1]),
        (1, "epoch 1 is kept", [1, 41]),
        (2, "epoch 2 is kept", [1]),
    ],
)
def test_resumed_run_has_the_same_bytes(
    epochs: int, kept: str, machines: list[int], trained_run: RunDir, monkeypatch: Patch
) -> None:
    message = f"{kept}; go on with .*--resume runs/lenet5`"
    with monkeypatch.context() as patch, pytest.raises(Interrupted, match=message):
        interrupt_after(epochs, patch)
        train(EXPERIMENT)
    run = RunDir(Path("runs/lenet5"))
    if epochs:  # only a finished run may look at the test digits
        assert "test_accuracy" not in run.summary.read_text()
    else:
        assert [path.name for path in run.folder.iterdir()] == ["state.safetensors"]
    (run.folder / ".checkpoint.safetensors.tmp").write_bytes(b"half")  # which a kill left
    with monkeypatch.context() as patch, pytest.raises(DigitsError, match="No space left"):
        patch.setattr(RunDir, "save", Mock(side_effect=DigitsError("No space left")))
        resume(run.folder)  # which loses nothing
    _, summary = resume(run.folder)
    assert json.loads(run.summary.read_text()) == json.loads(json.dumps(summary))
    assert summary["test_loss"] == json.loads(trained_run.summary.read_text())["test_loss"]
    assert [machine["first_step"] for machine in summary["machines"]] == machines
    assert run.checkpoint.read_bytes() == trained_run.checkpoint.read_bytes()
    assert {path.name for path in run.folder.iterdir()} == FILES
    resume(run.folder)  # it has nothing to do
    assert run.checkpoint.read_bytes() == trained_run.checkpoint.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("network", ["detector", "recognizer"])
def test_resumed_stream_has_the_same_bytes(network: str, monkeypatch: Patch) -> None:
    small = {"detector": SmallDetector, "recognizer": SmallRecognizer}
    monkeypatch.setattr(models, "ARCHITECTURES", small)
    for name in bar_patches():
        monkeypatch.setattr(*name)
    changes = ("recipe.steps=6", "recipe.interval=2")
    experiment = change(default_experiment(network), changes)
    whole, _ = train(experiment, out=Path("whole"))
    with monkeypatch.context() as patch, pytest.raises(Interrupted, match="step 2 is kept"):
        interrupt_after(1, patch)
        train(experiment, out=Path("parts"))
    resumed, _ = resume(Path("parts"))
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
