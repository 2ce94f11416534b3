import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from digits.errors import DigitsError, Interrupted, ModelError
from digits_train import checkpoint
from digits_train.config import Recipe, RuntimeOptions, to_dict
from tests.train.short import CONFIG, FILES, accuracies, interrupt_after, resume, train

ONE_EPOCH = replace(CONFIG, recipe=replace(CONFIG.recipe, epochs=1))
CONFIG_AS_DICT = to_dict(replace(CONFIG, precision="float32"))

pytestmark = pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")


def test_resume_after_ctrl_c_in_first_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = train(CONFIG, out=Path("whole"))
    with monkeypatch.context() as patch:
        interrupt_after(0, patch)
        with pytest.raises(DigitsError, match="in the first epoch; go on with .*--resume runs"):
            train(CONFIG)
    assert [path.name for path in Path("runs/lenet5").iterdir()] == ["state.pt"]
    resumed, _ = resume(Path("runs/lenet5"))
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()


def test_resume_gives_identical_checkpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, _ = train(CONFIG, out=Path("whole"))
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(DigitsError):
            train(CONFIG, out=Path("parts"))
    torch.manual_seed(12345)
    resumed, _ = resume(Path("parts"))
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert {path.name for path in resumed.folder.iterdir()} == FILES


@pytest.mark.parametrize("epoch", [1, 2])
def test_resume_after_kill_between_files(monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    whole, expected = train(CONFIG, out=Path("whole"))
    real, saved = checkpoint.save, []

    def die(path: Path, *rest: Any) -> None:
        saved.append(path)
        if len(saved) == epoch:
            raise SystemExit("killed after state.pt and before the checkpoint")
        real(path, *rest)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(checkpoint, "save", die)
        train(CONFIG, out=Path("killed"))
    resumed, summary = resume(Path("killed"))
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert summary["test_loss"] == expected["test_loss"]
    assert {path.name for path in resumed.folder.iterdir()} == FILES


def test_resume_after_ctrl_c_during_save(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", interrupt)
        with pytest.raises(Interrupted, match="interrupted: .*`digits train --resume runs"):
            train(CONFIG)
    resume(Path("runs/lenet5"))
    assert checkpoint.load(Path("runs/lenet5/checkpoint.safetensors")).provenance.epoch == 2


def test_resume_finished_run() -> None:
    run, _ = train(CONFIG)
    before = {name: (run.folder / name).read_bytes() for name in ("run.json", run.checkpoint.name)}
    resume(run.folder)
    assert before == {name: (run.folder / name).read_bytes() for name in before}


@pytest.mark.unix
def test_resume_locked_run() -> None:
    run, _ = train(CONFIG)
    with run.lock(), pytest.raises(DigitsError, match="another process trains in runs/lenet5: w"):
        resume(run.folder)


def test_resume_non_run(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing to resume from"):
        resume(tmp_path)


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
        {"plan": {**CONFIG_AS_DICT, "precision": "nonsense"}},
        {"plan": {**CONFIG_AS_DICT, "recipe": {**CONFIG_AS_DICT["recipe"], "epochs": "x"}}},
        {"plan": {**CONFIG_AS_DICT, "all_data": True}},
    ],
)
def test_resume_inconsistent_state(change: dict[str, Any]) -> None:
    run, _ = train(CONFIG)
    checkpoint.save_state(run.state, checkpoint.load_state(run.state) | change)
    with pytest.raises(ModelError, match="is damaged, or of another version"):
        resume(run.folder)


@pytest.mark.parametrize("network", ["model", "average"])
@pytest.mark.parametrize(
    ("bias", "complaint"),
    [
        (torch.full([10], float("nan")), "NaN or infinite"),
        (torch.zeros(10).double(), "float64"),
        (torch.zeros(9), r"\[9\]"),
    ],
)
def test_resume_unfitting_weights(network: str, bias: torch.Tensor, complaint: str) -> None:
    run, _ = train(ONE_EPOCH)
    before = {path: path.read_bytes() for path in run.folder.iterdir() if path != run.state}
    state = checkpoint.load_state(run.state)
    state["training"][network]["fc3.bias"] = bias
    checkpoint.save_state(run.state, state)
    with pytest.raises(ModelError, match=f"state.pt is damaged, .*: fc3.bias .*{complaint}"):
        resume(run.folder)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("damage", ["shape", "missing", "infinite"])
def test_resume_unfitting_optimizer(damage: str) -> None:
    """Fused kernels would write past the end of a state that is too small."""
    run, _ = train(CONFIG)
    state = checkpoint.load_state(run.state)
    moments = state["training"]["optimizer"][0]
    if damage == "shape":
        moments["exp_avg"] = moments["exp_avg"][:1]
    elif damage == "missing":
        del state["training"]["optimizer"][0]
    else:
        moments["exp_avg"][0] = float("inf")
    checkpoint.save_state(run.state, state)
    with pytest.raises(ModelError, match="is damaged"):
        resume(run.folder)


def test_resume_without_best_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        accuracies([0.9, 0.5], patch)
        run, _ = train(replace(CONFIG, patience=9))
    run.checkpoint.unlink()
    with pytest.raises(ModelError, match="no such checkpoint"):
        resume(run.folder)


def test_resume_with_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(CONFIG.recipe, Recipe)
    config = replace(CONFIG, recipe=replace(CONFIG.recipe, no_aug_fraction=0.5))
    teacher, _ = train(config, out=Path("teacher"))
    whole, summary = train(config, teacher_path=teacher.folder, out=Path("whole"))
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(DigitsError):
            train(config, teacher_path=teacher.checkpoint, out=Path("parts"))
    shutil.rmtree(teacher.folder)
    resumed, _ = resume(Path("parts"))
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert summary["teacher"] == checkpoint.load(resumed.teacher).sha256
    assert checkpoint.load(whole.checkpoint).provenance.teacher == summary["teacher"]

    shutil.copy(whole.checkpoint, resumed.teacher)
    with pytest.raises(ModelError, match="not the teacher that this run started with"):
        resume(resumed.folder)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_resume_on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(DigitsError, match="epoch 1 is kept"):
            train(CONFIG, RuntimeOptions("cuda"))
    _, summary = resume(Path("runs/lenet5"), RuntimeOptions("cuda"))
    assert summary["epochs"] == 2


def test_environments_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(DigitsError):
            train(CONFIG)
    _, summary = resume(Path("runs/lenet5"))
    assert [machine["first_epoch"] for machine in summary["machines"]] == [1, 2]
    assert summary["machines"][1] | {"first_epoch": 1} == summary["machines"][0]
    assert resume(Path("runs/lenet5"))[1]["machines"] == summary["machines"]  # it did nothing


def test_warning_of_outdated_export(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(DigitsError):
            train(CONFIG)
    Path("runs/lenet5/lenet5.onnx").touch()
    resume(Path("runs/lenet5"))
    assert "holds an export of epoch 1: export it again" in capsys.readouterr().err


def test_resume_removes_stale_temps(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(0, patch)
        with pytest.raises(DigitsError):
            train(CONFIG)
    Path("runs/lenet5/.checkpoint-0123abcd.safetensors").write_bytes(b"half")
    resumed, _ = resume(Path("runs/lenet5"))
    assert {path.name for path in resumed.folder.iterdir()} == FILES
