"""Runs, new and resumed, from the library's call to the files in the run folder."""

import csv
import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from digits_train.config import DetectorRecipe, Recipe
from digits_train.metrics import predict, scores

from digits.data import datasets, mnist
from digits.data.mnist import Split
from digits.errors import DigitsError, Interrupted, ModelError
from digits_train import checkpoint, run, trainer
from digits_train.distributed import CPU, DistributedContext
from digits_train.run import RunDir
from tests.conftest import Patch
from tests.train.short import CONFIG, FILES, interrupt_after, resume, train

pytestmark = pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")
NAN = float("nan")


@pytest.mark.slow
def test_run_folder(trained_run: RunDir, train_slice: Split) -> None:
    summary = json.loads(trained_run.summary.read_text())
    assert (summary["parameters"], summary["epochs"]) == (44_426, 2)
    assert {"recipe", "seed", "machines", "test_accuracy"} <= summary.keys()
    rows = list(csv.DictReader((trained_run.folder / "metrics.csv").open()))
    assert ",".join(rows[0]) == (
        "number,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds,"
        "images_per_second"
    )
    first, last = ({name: float(value) for name, value in row.items()} for row in rows)
    assert last["train_loss"] < 0.5 * first["train_loss"]
    model, about, _ = checkpoint.load(trained_run.checkpoint)
    assert (about.epoch, about.training_digits, about.init) == (2, 800, None)
    validation = train_slice[800:]
    measured = scores("validation", predict(model, validation), validation)
    assert {name: last[name] for name in measured} == pytest.approx(measured)
    accuracy = measured["validation_accuracy"]
    assert about.validation_accuracy == summary["validation_accuracy"] == accuracy > 0.8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (torch.cuda.OutOfMemoryError("CUDA full.\nTried"), "smaller --batch-size .CUDA full..$"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "smaller --batch-size"),
        (DigitsError("No space left"), "^No space left$"),
    ],
)
def test_early_failure_leaves_nothing(error: Exception, sentence: str, monkeypatch: Patch) -> None:
    monkeypatch.setattr(trainer, "fit", Mock(side_effect=error))
    with pytest.raises(DigitsError, match=sentence):
        train(CONFIG)
    assert not Path("runs/lenet5").exists()


def test_what_can_be_taught() -> None:
    data = datasets.Dataset(mnist.load_all(), {"pictures": ""})

    def make(recipe: Recipe | DetectorRecipe) -> None:
        dist = DistributedContext(CPU.device, 0, 4)
        trainer.make_task(replace(CONFIG, recipe=recipe), data, None, dist)

    make(Recipe("test", 2, batch_size=8))
    with pytest.raises(DigitsError, match="size 7 is too small: each process needs at least 2"):
        make(Recipe("test", 2, batch_size=7))
    with pytest.raises(DigitsError, match="learns from MNIST's digits, not from pictures"):
        make(DetectorRecipe("test", 2))


def create(folder: Path | None = None) -> Path:
    with run.create_run("lenet5", folder) as created:
        return created.folder


def test_runs_are_numbered() -> None:
    with ThreadPoolExecutor(8) as threads:
        folders = {str(folder) for folder in threads.map(lambda _: create(), range(40))}
    assert folders == {"runs/lenet5", *(f"runs/lenet5-{number}" for number in range(2, 41))}


def test_create_run_in_given_folder() -> None:
    mine = create(Path("deep/mine"))
    (mine / ".state.pt.tmp").write_bytes(b"half")  # of a run that was killed in its first file
    assert not list(create(mine).iterdir())
    for name in (".notes.txt.tmp", "checkpoint.safetensors"):
        (mine / name).write_text("")
        with pytest.raises(DigitsError, match="deep/mine is not empty"):
            create(mine)
        (mine / name).unlink()
    Path("file").write_text("")
    with pytest.raises(DigitsError, match="can't make"):
        create(Path("file/below"))


@pytest.mark.unix
def test_folder_of_another_training() -> None:
    mine = Path("mine")
    with run.create_run("lenet5", mine):
        for begin in (create, resume):
            with pytest.raises(DigitsError, match="another process trains in mine: wait"):
                begin(mine)
        assert not list(mine.iterdir())
    create(mine)


def test_latest_run() -> None:
    with pytest.raises(ModelError, match="run `digits train` first"):
        run.latest_run()
    for time, name in ((2, "lenet5-2"), (1, "lenet5")):
        file = create(Path("runs", name)) / "checkpoint.safetensors"
        file.touch()
        os.utime(file, (time, time))
    create(Path("runs/unfinished"))
    assert run.latest_run().folder == Path("runs/lenet5-2")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("epochs", "kept", "machines"),
    [(0, "in the first epoch", [1]), (1, "epoch 1 is kept", [1, 2]), (2, "epoch 2 is kept", [1])],
)
def test_resumed_run_has_the_same_bytes(
    epochs: int, kept: str, machines: list[int], trained_run: RunDir, monkeypatch: Patch
) -> None:
    message = f"{kept}; go on with .*--resume runs/lenet5`"
    with monkeypatch.context() as patch, pytest.raises(Interrupted, match=message):
        interrupt_after(epochs, patch)
        train(CONFIG)
    run = RunDir(Path("runs/lenet5"))
    if epochs:  # only a finished run may look at the test digits
        assert "test_accuracy" not in run.summary.read_text()
    else:
        assert [path.name for path in run.folder.iterdir()] == ["state.pt"]
    (run.folder / ".checkpoint.safetensors.tmp").write_bytes(b"half")  # which a kill left
    with monkeypatch.context() as patch, pytest.raises(DigitsError, match="No space left"):
        patch.setattr(RunDir, "save", Mock(side_effect=DigitsError("No space left")))
        resume(run.folder)  # which loses nothing
    _, summary = resume(run.folder)
    assert json.loads(run.summary.read_text()) == json.loads(json.dumps(summary))
    assert summary["test_loss"] == json.loads(trained_run.summary.read_text())["test_loss"]
    assert [machine["first_epoch"] for machine in summary["machines"]] == machines
    assert run.checkpoint.read_bytes() == trained_run.checkpoint.read_bytes()
    assert {path.name for path in run.folder.iterdir()} == FILES
    resume(run.folder)  # it has nothing to do
    assert run.checkpoint.read_bytes() == trained_run.checkpoint.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda state: state["config"].update(precision="magic"), "precision can't be 'magic'"),
        (lambda state: state["config"]["recipe"].update(epochs=1), "number of epochs"),
        (lambda state: state["history"][1].pop("seconds"), "an epoch lacks metrics"),
        (lambda state: state["history"][0].update(train_loss=NAN), "an epoch lacks metrics"),
        (lambda state: state["model"]["fc3.bias"].fill_(NAN), "fc3.bias has NaN"),
        (lambda state: state["average"].pop("fc3.bias"), "fc3.bias is missing"),
        # Fused kernels would write past the end of a state that is too small.
        (lambda state: state["optimizer"][0].update(exp_avg=torch.zeros(5)), "doesn't fit"),
        (lambda state: state["optimizer"][0]["exp_avg"].fill_(NAN), "doesn't fit"),
        (lambda state: state["optimizer"].pop(0), "doesn't fit the weights"),
    ],
)
def test_resume_damaged_state(
    trained_run: RunDir, damage: Callable[[dict[str, Any]], object], complaint: str
) -> None:
    run = RunDir(Path(shutil.copytree(trained_run.folder, "run")))
    state = checkpoint.load_state(run.state)
    damage(state)
    checkpoint.save_state(run.state, state)
    message = f"state.pt is damaged, or of another version of digits.*{complaint}"
    with pytest.raises(ModelError, match=message):
        resume(run.folder)
    assert run.checkpoint.read_bytes() == trained_run.checkpoint.read_bytes()
