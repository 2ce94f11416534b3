"""Interrupted and damaged runs: they continue to the same bytes, or are refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from digits.errors import DigitsError, Interrupted, ModelError
from digits_train import checkpoint
from digits_train.config import to_dict
from digits_train.run import RunDir
from tests.train.short import CONFIG, FILES, interrupt_after, resume, train

PLAN = to_dict(replace(CONFIG, precision="float32"))
FOLDER = Path("runs/lenet5")

pytestmark = pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")


def interrupted(epochs: int, **rest: Any) -> RunDir:
    """A run in the current folder that Ctrl-C ended after so many epochs."""
    with pytest.MonkeyPatch.context() as patch:
        interrupt_after(epochs, patch)
        with pytest.raises(Interrupted, match="--resume runs"):
            train(rest.pop("config", CONFIG), **rest)
    return RunDir(FOLDER)


def assert_finished(run: RunDir, whole: RunDir) -> None:
    assert run.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert {path.name for path in run.folder.iterdir()} == FILES
    loss = "test_loss"
    assert json.loads(run.summary.read_text())[loss] == json.loads(whole.summary.read_text())[loss]


@pytest.mark.parametrize("epochs", [0, 1])
def test_resume_after_ctrl_c(whole: RunDir, epochs: int) -> None:
    run = interrupted(epochs)
    if epochs == 0:
        assert [path.name for path in run.folder.iterdir()] == ["state.pt"]
    (run.folder / ".checkpoint.safetensors.tmp").write_bytes(b"half")  # which a kill left
    torch.manual_seed(12345)
    resume(run.folder)
    assert_finished(run, whole)


@pytest.mark.parametrize("epoch", [1, 2])
@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt])
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


def test_resume_finished_run(run_copy: RunDir) -> None:
    before = {name: (run_copy.folder / name).read_bytes() for name in FILES - {"state.pt"}}
    resume(run_copy.folder)
    assert before == {name: (run_copy.folder / name).read_bytes() for name in before}


@pytest.mark.unix
def test_resume_locked_run(run_copy: RunDir) -> None:
    with (
        run_copy.lock(),
        pytest.raises(DigitsError, match="another process trains in runs/lenet5: w"),
    ):
        resume(run_copy.folder)


def test_resume_non_run(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing to resume from"):
        resume(tmp_path)


def recipe_of_reader(state: dict[str, Any]) -> None:
    state["plan"]["architecture"] = "reader"


def change_bias(network: str, bias: torch.Tensor) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        state["training"][network]["fc3.bias"] = bias

    return change


def change_moments(change: Callable[[dict[Any, Any]], Any]) -> Callable[[dict[str, Any]], None]:
    return lambda state: change(state["training"]["optimizer"])


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ({"plan": {}}, ""),
        ({"plan": {"architecture": ["lenet5"], "recipe": {}, "seed": 0}}, ""),
        ({"plan": {**PLAN, "precision": "nonsense"}}, ""),
        ({"plan": {**PLAN, "recipe": {**PLAN["recipe"], "epochs": "x"}}}, ""),
        ({"plan": {**PLAN, "recipe": {**PLAN["recipe"], "epochs": 1}}}, "number of epochs"),
        (recipe_of_reader, "the recipe is another network's"),
        ({"training": {}}, ""),
        ({"training": {"epoch": "a", "model": {}}}, ""),
        ({"training": {"epoch": 2, "model": [1]}}, ""),
        ({"training": {"epoch": -5, "model": {}}}, ""),
        ({"history": []}, "number of epochs"),
        ({"history": [{"number": 1}]}, ""),
        ({"machines": [{"device": "cpu"}]}, ""),
        *(
            (change_bias(network, bias), f"fc3.bias .*{complaint}")
            for network in ("model", "average")
            for bias, complaint in (
                (torch.full([10], float("nan")), "NaN or infinite"),
                (torch.zeros(10).double(), "float64"),
                (torch.zeros(9), r"\[9\]"),
            )
        ),
        # Fused kernels would write past the end of a state that is too small.
        (change_moments(lambda moments: moments[0].update(exp_avg=torch.zeros(1, 1, 5, 5))), "fit"),
        (change_moments(lambda moments: moments.pop(0)), "doesn't fit the weights"),
        (change_moments(lambda moments: moments[0]["exp_avg"].fill_(float("inf"))), "doesn't fit"),
    ],
)
def test_resume_damaged_state(
    run_copy: RunDir, damage: dict[str, Any] | Callable[[dict[str, Any]], None], complaint: str
) -> None:
    before = {path: path.read_bytes() for path in run_copy.folder.iterdir()}
    state = checkpoint.load_state(run_copy.state)
    if isinstance(damage, dict):
        state |= damage
    else:
        damage(state)
    checkpoint.save_state(run_copy.state, state)
    message = f"state.pt is damaged, or of another version of digits.*{complaint}"
    with pytest.raises(ModelError, match=message):
        resume(run_copy.folder)
    del before[run_copy.state]
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_resume_on_gpu() -> None:
    run = interrupted(1, device="cuda")
    assert resume(run.folder, "cuda")[1]["epochs"] == 2


def test_environments_are_recorded_and_outdated_exports_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = interrupted(1)
    (run.folder / "lenet5.onnx").touch()
    _, summary = resume(run.folder)
    assert "holds an export of epoch 1: export it again" in capsys.readouterr().err
    assert [machine["first_epoch"] for machine in summary["machines"]] == [1, 2]
    assert summary["machines"][1] | {"first_epoch": 1} == summary["machines"][0]
    assert resume(run.folder)[1]["machines"] == summary["machines"]  # it did nothing
