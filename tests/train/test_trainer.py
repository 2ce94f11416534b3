"""Runs, new and resumed, from the library's call to the files in the run folder."""

import csv
import json
import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from digits.data import datasets, mnist
from digits.data.mnist import Split
from digits.errors import DigitsError, Interrupted, ModelError
from digits_train import checkpoint, run, trainer
from digits_train.config import ReaderRecipe, Recipe
from digits_train.distributed import CPU, DistributedContext
from digits_train.metrics import loss_and_accuracy, predict
from digits_train.run import RunDir
from digits_train.start import load_start
from tests.train.short import CONFIG, FILES, interrupt_after, resume, train

pytestmark = pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")
NAN = float("nan")


def test_run_folder(trained_run: RunDir, train_slice: Split) -> None:
    assert {path.name for path in trained_run.folder.iterdir()} == FILES
    summary = json.loads(trained_run.summary.read_text())
    assert (summary["parameters"], summary["epochs"]) == (44_426, 2)
    assert {"recipe", "seed", "machines", "test_accuracy"} <= summary.keys()
    rows = list(csv.DictReader((trained_run.folder / "metrics.csv").open()))
    assert ",".join(rows[0]) == (
        "number,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds,"
        "images_per_second"
    )
    assert [row["number"] for row in rows] == ["1", "2"]
    first, last = ({name: float(value) for name, value in row.items()} for row in rows)
    assert last["train_loss"] < 0.5 * first["train_loss"]
    assert last["train_accuracy"] > 0.7
    model, about, _ = checkpoint.load(trained_run.checkpoint)
    assert (about.epoch, about.training_digits, about.init) == (2, 800, None)
    validation = train_slice[800:]
    measured = loss_and_accuracy(predict(model, validation), validation)
    assert (last["validation_loss"], last["validation_accuracy"]) == pytest.approx(measured)
    assert about.validation_accuracy == summary["validation_accuracy"] == measured[1] > 0.8


def test_lines_and_warnings_of_a_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = mnist.load_all()
    few = splits["train"][:60]
    seen = few.labels > 1
    splits["train"] = Split(few.images[seen], few.labels[seen])
    monkeypatch.setattr(mnist, "load_all", lambda data=None: splits)
    train(replace(CONFIG, recipe=replace(CONFIG.recipe, epochs=1)))
    warning, epoch = capsys.readouterr().err.splitlines()
    assert warning == "warning: no training examples of 0, 1: add pictures of them"
    assert re.fullmatch(
        r"epoch 1/1  loss \d\.\d{4}  accuracy \d+\.\d\d%  validation loss \d\.\d{4}"
        r"  accuracy \d+\.\d\d%  [\d,]+ images/s",
        epoch,
    )


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (torch.cuda.OutOfMemoryError("CUDA full.\nTried"), "smaller --batch-size .CUDA full..$"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "smaller --batch-size"),
        (DigitsError("No space left"), "^No space left$"),
    ],
)
def test_what_fails_at_once_leaves_nothing(
    error: Exception, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(trainer, "fit", fail)
    with pytest.raises(DigitsError, match=sentence):
        train(CONFIG)
    assert not Path("runs/lenet5").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_missing_device() -> None:
    with pytest.raises(DigitsError, match="finds no cuda device"):
        train(CONFIG, device="cuda")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("recipe", "names", "complaint"),
    [
        (Recipe("test", 2, batch_size=7), mnist.SHA256, "7 is too small: each process needs at le"),
        (Recipe("test", 2, batch_size=9), mnist.SHA256, None),
        (ReaderRecipe("test", 2), {"pictures": ""}, "written with MNIST's digits, not with pict"),
    ],
)
def test_what_can_be_taught(
    recipe: Recipe | ReaderRecipe, names: dict[str, str], complaint: str | None
) -> None:
    data, dist = datasets.Dataset(mnist.load_all(), names), DistributedContext(CPU.device, 0, 4)
    with pytest.raises(DigitsError, match=complaint) if complaint else nullcontext():
        trainer.make_task(replace(CONFIG, recipe=recipe), data, None, dist)


def test_start_from_weights(trained_run: RunDir) -> None:
    parent = load_start(trained_run.folder, "lenet5")
    recipe = replace(CONFIG.recipe, epochs=1, learning_rate=1e-9)
    slow, summary = train(replace(CONFIG, seed=7, recipe=recipe), parent=parent)
    after = checkpoint.load(slow.checkpoint)
    assert after.provenance.init == summary["init"] == parent.sha256
    for old, new in zip(parent.model.parameters(), after.model.parameters(), strict=True):
        torch.testing.assert_close(old, new, rtol=0, atol=1e-6)


def create(folder: Path | None = None) -> Path:
    with run.create_run("lenet5", folder) as created:
        return created.folder


def test_runs_are_numbered() -> None:
    assert [str(create()) for _ in range(2)] == ["runs/lenet5", "runs/lenet5-2"]
    with ThreadPoolExecutor(8) as threads:
        folders = threads.map(lambda _: create(), range(40))
    assert {*folders} == {Path(f"runs/lenet5-{number}") for number in range(3, 43)}


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
    for age, name in ((100, "lenet5-2"), (200, "lenet5"), (0, "unfinished")):
        folder = Path("runs") / name
        folder.mkdir(parents=True)
        if age:
            (folder / "checkpoint.safetensors").write_text("")
            os.utime(folder / "checkpoint.safetensors", (10_000 - age, 10_000 - age))
    assert run.latest_run().folder == Path("runs/lenet5-2")


def interrupt_before_last_checkpoint(patch: pytest.MonkeyPatch) -> None:
    """Between two files: the state is that of the second epoch."""
    real, saved = checkpoint.save, []

    def save(path: Path, *rest: Any) -> None:
        saved.append(path)
        if len(saved) == CONFIG.recipe.epochs:
            raise KeyboardInterrupt
        real(path, *rest)

    patch.setattr(checkpoint, "save", save)


@pytest.mark.parametrize(
    ("interrupt", "kept", "machines"),
    [
        (lambda patch: interrupt_after(0, patch), "in the first epoch", [1]),
        (lambda patch: interrupt_after(1, patch), "epoch 1 is kept", [1, 2]),
        (interrupt_before_last_checkpoint, "epoch 2 is kept", [1]),
    ],
)
def test_resumed_run_has_the_same_bytes(
    interrupt: Callable[[pytest.MonkeyPatch], None],
    kept: str,
    machines: list[int],
    trained_run: RunDir,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = f"{kept}; go on with .*--resume runs/lenet5`"
    with monkeypatch.context() as patch, pytest.raises(Interrupted, match=message):
        interrupt(patch)
        train(CONFIG)
    run = RunDir(Path("runs/lenet5"))
    if kept == "in the first epoch":
        assert [path.name for path in run.folder.iterdir()] == ["state.pt"]
    else:  # only a finished run may look at the test digits
        assert "test_accuracy" not in run.summary.read_text()
    (run.folder / ".checkpoint.safetensors.tmp").write_bytes(b"half")  # which a kill left
    torch.manual_seed(12345)
    _, summary = resume(run.folder)
    assert json.loads(run.summary.read_text()) == json.loads(json.dumps(summary))
    assert summary["test_loss"] == json.loads(trained_run.summary.read_text())["test_loss"]
    assert [machine["first_epoch"] for machine in summary["machines"]] == machines
    assert run.checkpoint.read_bytes() == trained_run.checkpoint.read_bytes()
    assert {path.name for path in run.folder.iterdir()} == FILES
    before = {name: (run.folder / name).read_bytes() for name in FILES - {"state.pt"}}
    resume(run.folder)  # it has nothing to do
    assert before == {name: (run.folder / name).read_bytes() for name in before}


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda state: state.update(config={}), ""),
        (lambda state: state["config"].update(precision="magic"), "precision can't be 'magic'"),
        (lambda state: state["config"].update(architecture="reader"), ""),
        (lambda state: state["config"]["recipe"].update(epochs=0), "epochs must be above 0"),
        (lambda state: state["config"]["recipe"].update(epochs=1), "number of epochs"),
        (lambda state: state.update(model={}), "is missing"),
        (lambda state: state["history"][1].pop("seconds"), "an epoch lacks metrics"),
        (lambda state: state["history"][0].update(train_loss=NAN), "an epoch lacks metrics"),
        (lambda state: state["history"][0].update(number="1"), "must be real number"),
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
    for name in FILES - {"state.pt"}:
        assert (run.folder / name).read_bytes() == (trained_run.folder / name).read_bytes()
