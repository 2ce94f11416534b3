"""New runs, from the library's call to the files in the run folder, and where that is."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from digits.data import datasets, mnist
from digits.data.mnist import Split
from digits.errors import DigitsError, ModelError
from digits_train import checkpoint, run, trainer
from digits_train.config import ReaderRecipe, Recipe
from digits_train.distributed import CPU, DistributedContext
from digits_train.run import RunDir
from digits_train.start import load_start
from tests.train.short import CONFIG, FILES, train

pytestmark = pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")


def test_run_folder(whole: RunDir) -> None:
    assert {path.name for path in whole.folder.iterdir()} == FILES
    summary = json.loads(whole.summary.read_text())
    assert (summary["parameters"], summary["epochs"]) == (44_426, 2)
    assert {"recipe", "seed", "machines", "test_accuracy"} <= summary.keys()
    names, *rows = (whole.folder / "metrics.csv").read_text().splitlines()
    assert names == (
        "number,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds,"
        "images_per_second"
    )
    assert [row[:2] for row in rows] == ["1,", "2,"]
    provenance = checkpoint.load(whole.checkpoint).provenance
    assert (provenance.epoch, provenance.training_digits) == (2, 800)
    assert provenance.validation_accuracy == summary["validation_accuracy"]


def test_warning_of_unseen_digits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = mnist.load_all()
    kept = splits["train"].labels > 1
    seen = Split(splits["train"].images[kept], splits["train"].labels[kept])
    monkeypatch.setattr(mnist, "load_all", lambda data=None: {**splits, "train": seen})
    train(replace(CONFIG, recipe=replace(CONFIG.recipe, epochs=1)))
    err = capsys.readouterr().err
    assert "warning: no training examples of 0, 1: add pictures of them" in err
    assert err.count("warning: ") == 1


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


def test_start_from_weights() -> None:
    first, _ = train(CONFIG, out=Path("first"))
    slow = replace(CONFIG, seed=7, recipe=replace(CONFIG.recipe, learning_rate=1e-9))
    second, summary = train(slow, parent=load_start(first.folder, "lenet5"), out=Path("second"))
    before, after = checkpoint.load(first.checkpoint), checkpoint.load(second.checkpoint)
    assert after.provenance.init == summary["init"] == before.sha256
    assert before.provenance.init is None
    for old, new in zip(before.model.parameters(), after.model.parameters(), strict=True):
        torch.testing.assert_close(old, new, rtol=0, atol=1e-6)


def create(folder: Path | None = None) -> Path:
    with run.create_run("lenet5", folder) as created:
        return created.folder


def test_runs_are_numbered() -> None:
    names = [str(create()) for _ in range(3)]
    assert names == ["runs/lenet5", "runs/lenet5-2", "runs/lenet5-3"]
    with ThreadPoolExecutor(8) as threads:
        folders = list(threads.map(lambda _: create(), range(40)))
    assert len(set(folders)) == 40


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
def test_create_run_in_locked_folder() -> None:
    with run.create_run("lenet5", Path("mine")) as mine:
        with pytest.raises(DigitsError, match="another process trains in mine: wait"):
            create(Path("mine"))
        assert not list(mine.folder.iterdir())
    create(Path("mine"))


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
