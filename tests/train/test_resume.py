"""Interrupted and damaged runs: they continue to the same bytes, or are refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from digits.errors import DigitsError, Interrupted, ModelError
from digits_train import checkpoint
from digits_train.run import RunDir
from tests.train.short import CONFIG, FILES, interrupt_after, resume, train

NAN = float("nan")
FOLDER = Path("runs/lenet5")

pytestmark = pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")


def interrupted(epochs: int) -> RunDir:
    """A run in the current folder that Ctrl-C ended after so many epochs."""
    with pytest.MonkeyPatch.context() as patch:
        interrupt_after(epochs, patch)
        done = f"epoch {epochs} is kept" if epochs else "in the first epoch"
        with pytest.raises(Interrupted, match=f"{done}; go on with .*--resume runs/lenet5`"):
            train(CONFIG)
    return RunDir(FOLDER)


def assert_finished(run: RunDir, whole: RunDir) -> None:
    assert run.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert {path.name for path in run.folder.iterdir()} == FILES
    loss = "test_loss"
    assert json.loads(run.summary.read_text())[loss] == json.loads(whole.summary.read_text())[loss]


@pytest.mark.parametrize("epochs", [0, 1])
def test_resume_after_ctrl_c(
    whole: RunDir, epochs: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run = interrupted(epochs)
    lines = [line.split()[:2] for line in capsys.readouterr().err.splitlines()]
    assert lines == [["epoch", "1/2"]][:epochs]
    if epochs == 0:
        assert [path.name for path in run.folder.iterdir()] == ["state.pt"]
    else:  # only a finished run may look at the test digits
        assert "test_accuracy" not in run.summary.read_text()
    (run.folder / ".checkpoint.safetensors.tmp").write_bytes(b"half")  # which a kill left
    torch.manual_seed(12345)
    _, summary = resume(run.folder)
    assert json.loads(run.summary.read_text()) == json.loads(json.dumps(summary))
    assert_finished(run, whole)


@pytest.mark.parametrize(("epoch", "end"), [(1, SystemExit), (2, KeyboardInterrupt)])
def test_resume_after_kill_between_files(
    whole: RunDir, monkeypatch: pytest.MonkeyPatch, epoch: int, end: type[BaseException]
) -> None:
    """After state.pt and before the checkpoint."""
    real, saved = checkpoint.save, []

    def die(path: Path, *rest: Any) -> None:
        saved.append(path)
        if len(saved) == epoch:
            raise end
        real(path, *rest)

    with monkeypatch.context() as patch, pytest.raises((SystemExit, Interrupted)):
        patch.setattr(checkpoint, "save", die)
        train(CONFIG)
    resume(FOLDER)
    assert_finished(RunDir(FOLDER), whole)


@pytest.mark.unix
def test_resume_locked_run(run_copy: RunDir) -> None:
    with (
        run_copy.lock(),
        pytest.raises(DigitsError, match="another process trains in runs/lenet5: w"),
    ):
        resume(run_copy.folder)


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
        (lambda state: moments(state)[0].update(exp_avg=torch.zeros(1, 1, 5, 5)), "doesn't fit"),
        (lambda state: moments(state)[0]["exp_avg"].fill_(NAN), "doesn't fit"),
        (lambda state: moments(state).pop(0), "doesn't fit the weights"),
    ],
)
def test_resume_damaged_state(
    run_copy: RunDir, damage: Callable[[dict[str, Any]], object], complaint: str
) -> None:
    files = run_copy.checkpoint, run_copy.summary
    before = [path.read_bytes() for path in files]
    state = checkpoint.load_state(run_copy.state)
    damage(state)
    checkpoint.save_state(run_copy.state, state)
    message = f"state.pt is damaged, or of another version of digits.*{complaint}"
    with pytest.raises(ModelError, match=message):
        resume(run_copy.folder)
    assert [path.read_bytes() for path in files] == before


def moments(state: dict[str, Any]) -> dict[int, dict[str, torch.Tensor]]:
    """The optimizer's, by the parameters' numbers."""
    averages: dict[int, dict[str, torch.Tensor]] = state["optimizer"]
    return averages


def test_machines_are_recorded_once() -> None:
    run = interrupted(1)
    _, summary = resume(run.folder)
    assert [machine["first_epoch"] for machine in summary["machines"]] == [1, 2]
    assert summary["machines"][1] | {"first_epoch": 1} == summary["machines"][0]
    names = FILES - {"state.pt"}
    before = {name: (run.folder / name).read_bytes() for name in names}
    resume(run.folder)  # it has nothing to do
    assert before == {name: (run.folder / name).read_bytes() for name in names}
