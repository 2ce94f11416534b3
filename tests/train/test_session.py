import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from digits.errors import DigitsError, ModelError
from digits_train import checkpoint, session
from digits_train.recipe import Augmentation, Recipe
from digits_train.run import Run
from digits_train.session import Plan

PLAN = Plan("lenet5", Recipe("test", epochs=2, batch_size=100, augmentation=Augmentation()), 0)
FILES = {
    "checkpoint.safetensors",
    "state.pt",
    "run.json",
    "metrics.csv",
    "curves.png",
    "confusion.png",
    "mistakes.png",
}

pytestmark = pytest.mark.usefixtures("slice_as_mnist")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def interrupt_after(epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C once that many epochs are finished."""
    real = session.fit

    def fit(*arguments: Any) -> Iterator[Any]:
        left = epochs
        for epoch in real(*arguments):
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            yield epoch

    monkeypatch.setattr(session, "fit", fit)


def test_the_run_folder(tmp_path: Path) -> None:
    run, summary = session.train(PLAN, "cpu", None, None)
    assert run.folder == Path("runs/lenet5")
    assert {path.name for path in run.folder.iterdir()} == FILES
    assert summary["parameters"] == 44_426
    assert json.loads(run.summary.read_text()) == json.loads(json.dumps(summary))
    assert {"recipe", "seed", "device", "versions", "test_accuracy"} <= summary.keys()
    rows = list(csv.DictReader((run.folder / "metrics.csv").open()))
    assert [row["number"] for row in rows] == ["1", "2"]
    loaded = checkpoint.load(run.checkpoint)
    assert loaded.provenance.epoch == 2
    assert loaded.provenance.validation_accuracy == summary["validation_accuracy"]
    for name in ("curves.png", "confusion.png", "mistakes.png"):
        assert np.asarray(Image.open(run.folder / name)).std() > 10


def test_ctrl_c_keeps_the_last_finished_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_after(1, monkeypatch)
    with pytest.raises(DigitsError, match=r"holds epoch 1; go on with .*--resume runs/lenet5"):
        session.train(PLAN, "cpu", None, None)
    assert checkpoint.load(Path("runs/lenet5/checkpoint.safetensors")).provenance.epoch == 1
    summary = json.loads(Path("runs/lenet5/run.json").read_text())
    assert summary["recipe"]["epochs"] == 2
    assert "test_accuracy" not in summary  # which only a finished run may look at


def test_ctrl_c_before_the_first_epoch_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_after(0, monkeypatch)
    with pytest.raises(DigitsError, match="nothing is kept"):
        session.train(PLAN, "cpu", None, None)
    assert not list(Path("runs").iterdir())


def test_a_resumed_run_ends_like_one_that_was_never_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, _ = session.train(PLAN, "cpu", None, Path("whole"))
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(DigitsError):
            session.train(PLAN, "cpu", None, Path("parts"))
    torch.manual_seed(12345)
    resumed, _ = session.resume(Run(Path("parts")), "cpu", None)
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert {path.name for path in resumed.folder.iterdir()} == FILES


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_kill_between_two_files_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    whole, expected = session.train(PLAN, "cpu", None, Path("whole"))
    real, saved = checkpoint.save, []

    def die(path: Path, *rest: Any) -> None:
        saved.append(path)
        if len(saved) == epoch:
            raise SystemExit("killed after state.pt and before the checkpoint")
        real(path, *rest)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(checkpoint, "save", die)
        session.train(PLAN, "cpu", None, Path("killed"))
    resumed, summary = session.resume(Run(Path("killed")), "cpu", None)
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert summary["test_loss"] == expected["test_loss"]
    assert {path.name for path in resumed.folder.iterdir()} == FILES


def test_ctrl_c_while_the_first_epoch_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", interrupt)
        with pytest.raises(
            DigitsError, match="interrupted: go on with `digits train --resume runs"
        ):
            session.train(PLAN, "cpu", None, None)
    session.resume(Run(Path("runs/lenet5")), "cpu", None)
    assert checkpoint.load(Path("runs/lenet5/checkpoint.safetensors")).provenance.epoch == 2


def test_a_finished_run_can_be_resumed_and_stays_as_it_is() -> None:
    run, _ = session.train(PLAN, "cpu", None, None)
    before = {name: (run.folder / name).read_bytes() for name in ("run.json", run.checkpoint.name)}
    session.resume(run, "cpu", None)
    assert before == {name: (run.folder / name).read_bytes() for name in before}


def test_resuming_what_isn_t_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing to resume from"):
        session.resume(Run(tmp_path), "cpu", None)


@pytest.mark.parametrize(
    "change",
    [
        {"plan": {}},
        {"plan": {"architecture": ["lenet5"], "recipe": {}, "seed": 0}},
        {"training": {}},
        {"training": {"epoch": "a", "model": {}}},
        {"training": {"epoch": 2, "model": [1]}},
        {"training": {"epoch": -5, "model": {}}},
        {"history": []},
        {"history": [{"number": 1}]},
    ],
)
def test_a_state_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    run, _ = session.train(PLAN, "cpu", None, None)
    checkpoint.save_state(run.state, checkpoint.load_state(run.state) | change)
    with pytest.raises(ModelError, match="is damaged, or of another version"):
        session.resume(run, "cpu", None)


def test_weights_that_are_no_numbers_are_not_resumed() -> None:
    run, _ = session.train(PLAN, "cpu", None, None)
    before = {path: path.read_bytes() for path in run.folder.iterdir() if path != run.state}
    state = checkpoint.load_state(run.state)
    state["training"]["model"]["fc3.bias"][3] = float("nan")
    checkpoint.save_state(run.state, state)
    with pytest.raises(ModelError, match="is damaged"):
        session.resume(run, "cpu", None)
    assert {path: path.read_bytes() for path in before} == before


def test_a_full_disk_keeps_the_last_good_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    real = checkpoint.save

    def save(path: Path, *rest: Any) -> None:
        if path.exists():
            raise DigitsError("can't write: No space left on device")
        real(path, *rest)

    monkeypatch.setattr(checkpoint, "save", save)
    with pytest.raises(DigitsError, match="No space left"):
        session.train(PLAN, "cpu", None, None)
    assert checkpoint.load(Path("runs/lenet5/checkpoint.safetensors")).provenance.epoch == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_run_on_the_gpu_can_be_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_after(1, monkeypatch)
    with pytest.raises(DigitsError, match="holds epoch 1"):
        session.train(PLAN, "cuda", None, None)
    monkeypatch.undo()
    _, summary = session.resume(Run(Path("runs/lenet5")), "cuda", None)
    assert summary["epochs"] == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_isn_t_there_is_an_error() -> None:
    assert session.choose_device("auto").type in ("cpu", "mps")
    with pytest.raises(DigitsError, match="finds no cuda device"):
        session.train(PLAN, "cuda", None, None)
    assert not Path("runs").exists()
