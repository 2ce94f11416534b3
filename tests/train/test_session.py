import csv
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from digits.errors import DigitsError, ModelError
from digits_train import checkpoint, session
from digits_train.fit import Epoch
from digits_train.plan import Options, Plan
from digits_train.recipe import Augmentation, Recipe
from digits_train.run import Run

PLAN = Plan(
    "lenet5", Recipe("test", epochs=2, batch_size=100, average=0.9, augmentation=Augmentation())
)
PLAN_AS_DICT = asdict(replace(PLAN, precision="float32"))
CPU = Options("cpu")
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


def train(plan: Plan, options: Options = CPU, **rest: Any) -> tuple[Run, dict[str, Any]]:
    outcome = session.train(plan, options, **rest)
    assert outcome is not None
    return outcome


def resume(folder: Path, options: Options = CPU) -> tuple[Run, dict[str, Any]]:
    outcome = session.resume(Run(folder), options)
    assert outcome is not None
    return outcome


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
    run, summary = train(PLAN)
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
    with pytest.raises(DigitsError, match=r"epoch 1 is kept; go on with .*--resume runs/lenet5"):
        train(PLAN)
    assert checkpoint.load(Path("runs/lenet5/checkpoint.safetensors")).provenance.epoch == 1
    summary = json.loads(Path("runs/lenet5/run.json").read_text())
    assert summary["recipe"]["epochs"] == 2
    assert "test_accuracy" not in summary  # which only a finished run may look at


def test_ctrl_c_in_the_first_epoch_can_be_resumed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = train(PLAN, out=Path("whole"))
    with monkeypatch.context() as patch:
        interrupt_after(0, patch)
        with pytest.raises(DigitsError, match="in the first epoch; go on with .*--resume runs"):
            train(PLAN)
    assert [path.name for path in Path("runs/lenet5").iterdir()] == ["state.pt"]
    resumed, _ = resume(Path("runs/lenet5"))
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()


def test_a_resumed_run_ends_like_one_that_was_never_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, _ = train(PLAN, out=Path("whole"))
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(DigitsError):
            train(PLAN, out=Path("parts"))
    torch.manual_seed(12345)
    resumed, _ = resume(Path("parts"))
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert {path.name for path in resumed.folder.iterdir()} == FILES


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_kill_between_two_files_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    whole, expected = train(PLAN, out=Path("whole"))
    real, saved = checkpoint.save, []

    def die(path: Path, *rest: Any) -> None:
        saved.append(path)
        if len(saved) == epoch:
            raise SystemExit("killed after state.pt and before the checkpoint")
        real(path, *rest)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(checkpoint, "save", die)
        train(PLAN, out=Path("killed"))
    resumed, summary = resume(Path("killed"))
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert summary["test_loss"] == expected["test_loss"]
    assert {path.name for path in resumed.folder.iterdir()} == FILES


def test_ctrl_c_while_the_first_epoch_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", interrupt)
        with pytest.raises(DigitsError, match="interrupted: .*`digits train --resume runs"):
            train(PLAN)
    resume(Path("runs/lenet5"))
    assert checkpoint.load(Path("runs/lenet5/checkpoint.safetensors")).provenance.epoch == 2


def test_a_finished_run_can_be_resumed_and_stays_as_it_is() -> None:
    run, _ = train(PLAN)
    before = {name: (run.folder / name).read_bytes() for name in ("run.json", run.checkpoint.name)}
    resume(run.folder)
    assert before == {name: (run.folder / name).read_bytes() for name in before}


def test_resuming_what_isn_t_a_run_is_an_error(tmp_path: Path) -> None:
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
        {"plan": {**PLAN_AS_DICT, "precision": "nonsense"}},
        {"plan": {**PLAN_AS_DICT, "recipe": {**PLAN_AS_DICT["recipe"], "epochs": "x"}}},
        {"plan": {**PLAN_AS_DICT, "all_data": True}},
    ],
)
def test_a_state_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    run, _ = train(PLAN)
    checkpoint.save_state(run.state, checkpoint.load_state(run.state) | change)
    with pytest.raises(ModelError, match="is damaged, or of another version"):
        resume(run.folder)


def test_weights_that_are_no_numbers_are_not_resumed() -> None:
    run, _ = train(PLAN)
    before = {path: path.read_bytes() for path in run.folder.iterdir() if path != run.state}
    state = checkpoint.load_state(run.state)
    state["training"]["model"]["fc3.bias"][3] = float("nan")
    checkpoint.save_state(run.state, state)
    with pytest.raises(ModelError, match="is damaged"):
        resume(run.folder)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("damage", ["shape", "missing", "infinite"])
def test_an_optimizer_that_doesn_t_fit_is_not_resumed(damage: str) -> None:
    """Fused kernels would write past the end of what is too small."""
    run, _ = train(PLAN)
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


def test_the_best_epoch_must_still_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        accuracies([0.9, 0.5], patch)
        run, _ = train(replace(PLAN, patience=9))
    run.checkpoint.unlink()
    with pytest.raises(ModelError, match="no such checkpoint"):
        resume(run.folder)


def test_patience_waits_for_whole_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    accuracies([0.3, 0.2, 0.1, 0.5, 0.4], monkeypatch)
    recipe = replace(PLAN.recipe, epochs=5, sizes=(27, 28))
    monkeypatch.setattr("digits_train.models.LeNet5.smallest", 27)
    monkeypatch.setattr("digits_train.fit.resize", lambda x, size: x.float())
    _, summary = train(replace(PLAN, recipe=recipe, patience=1))
    assert recipe.growing == 2
    assert summary["epochs"] == 3  # the first of whole digits is no better than those before


def test_small_digits_alone_are_a_warning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digits_train.models.LeNet5.smallest", 27)
    monkeypatch.setattr("digits_train.fit.resize", lambda x, size: x.float())
    recipe = replace(PLAN.recipe, sizes=(27, 28))
    train(replace(PLAN, recipe=recipe), replace(CPU, max_minutes=0))
    assert "has seen small digits alone" in capsys.readouterr().err


@pytest.mark.parametrize("architecture", ["lenet5", "vgg16"])
def test_batches_too_small_for_batch_norm_are_refused(architecture: str) -> None:
    plan = Plan(architecture, Recipe("test", epochs=1, batch_size=1))
    if architecture == "vgg16":
        with pytest.raises(DigitsError, match="a batch of 1 is too small"):
            train(plan)
        assert not Path("runs").exists()
    else:
        assert train(plan)[1]["epochs"] == 1


def test_a_network_that_learns_nothing_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    train(Plan("lenet5", Recipe("test", epochs=1, learning_rate=1e-9)))
    assert "hardly better than guessing" in capsys.readouterr().err


def test_a_full_disk_keeps_the_last_good_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    real = checkpoint.save

    def save(path: Path, *rest: Any) -> None:
        if path.exists():
            raise DigitsError("can't write: No space left on device")
        real(path, *rest)

    monkeypatch.setattr(checkpoint, "save", save)
    with pytest.raises(DigitsError, match="No space left"):
        train(PLAN)
    assert checkpoint.load(Path("runs/lenet5/checkpoint.safetensors")).provenance.epoch == 1


def accuracies(values: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the epochs have these validation accuracies."""
    real = session.fit

    def fit(*arguments: Any) -> Iterator[Epoch]:
        for epoch in real(*arguments):
            yield replace(epoch, validation_accuracy=values[epoch.number - 1])

    monkeypatch.setattr(session, "fit", fit)


def test_patience_keeps_the_best_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    accuracies([0.3, 0.5, 0.4, 0.2, 0.9], monkeypatch)
    plan = replace(PLAN, recipe=replace(PLAN.recipe, epochs=5), patience=2)
    run, summary = train(plan)
    assert summary["epochs"] == 4
    assert checkpoint.load(run.checkpoint).provenance.epoch == 2
    again, _ = resume(run.folder)
    assert len(list(csv.DictReader((again.folder / "metrics.csv").open()))) == 4


def test_no_epoch_is_started_that_would_end_too_late(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, _ = train(PLAN, out=Path("whole"))
    at_once = replace(CPU, max_minutes=0)
    run, summary = train(PLAN, at_once, out=Path("short"))
    assert summary["epochs"] == 1
    assert "stopped after epoch 1 of 2: another epoch doesn't fit" in capsys.readouterr().err
    assert resume(run.folder, at_once)[1]["epochs"] == 1
    resumed, _ = resume(run.folder)
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()


def test_all_data_leaves_none_to_validate() -> None:
    run, summary = train(replace(PLAN, all_data=True))
    assert summary["all_data"] is True
    assert "validation_accuracy" not in summary
    assert checkpoint.load(run.checkpoint).provenance.validation_accuracy is None
    assert {path.name for path in run.folder.iterdir()} == FILES
    [first, _] = csv.DictReader((run.folder / "metrics.csv").open())
    assert first["validation_loss"] == ""


def test_a_student_keeps_its_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    teacher, _ = train(PLAN, out=Path("teacher"))
    whole, summary = train(PLAN, teacher=teacher.checkpoint, out=Path("whole"))
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(DigitsError):
            train(PLAN, teacher=teacher.checkpoint, out=Path("parts"))
    shutil.rmtree(teacher.folder)
    resumed, _ = resume(Path("parts"))
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert summary["teacher"] == checkpoint.load(resumed.teacher).sha256
    assert checkpoint.load(whole.checkpoint).provenance.teacher == summary["teacher"]

    shutil.copy(whole.checkpoint, resumed.teacher)
    with pytest.raises(ModelError, match="not the teacher that this run began with"):
        resume(resumed.folder)


def test_a_teacher_that_can_t_see_the_small_digits_is_refused() -> None:
    teacher, _ = train(PLAN, out=Path("teacher"))
    recipe = Recipe("test", epochs=2, sizes=(12, 28))
    with pytest.raises(DigitsError, match="a LeNet5 can't see digits of 12 pixels"):
        train(Plan("vgg16", recipe), teacher=teacher.checkpoint)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried"), "too little memory: .* memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), "smaller --batch-size"),
        (RuntimeError("No working C++ compiler"), "can't train with --compile"),
    ],
)
def test_what_pytorch_says_in_a_user_s_words(
    error: RuntimeError, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(session, "fit", fail)
    with pytest.raises(DigitsError, match=sentence):
        train(PLAN, replace(CPU, compiled=True))


def test_events_for_tensorboard() -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run, summary = train(PLAN, replace(CPU, tensorboard=True))
    events = EventAccumulator(str(run.folder))
    events.Reload()
    assert [event.step for event in events.Scalars("validation/accuracy")] == [1, 2]
    assert events.Scalars("validation/accuracy")[-1].value == pytest.approx(
        summary["validation_accuracy"]
    )


def test_no_tensorboard_is_said_before_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(DigitsError, match="pip install tensorboard"):
        train(PLAN, replace(CPU, tensorboard=True))
    assert not Path("runs").exists()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_run_on_the_gpu_can_be_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_after(1, monkeypatch)
    with pytest.raises(DigitsError, match="epoch 1 is kept"):
        train(PLAN, Options("cuda"))
    monkeypatch.undo()
    _, summary = resume(Path("runs/lenet5"), Options("cuda"))
    assert summary["epochs"] == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_isn_t_there_is_an_error() -> None:
    with pytest.raises(DigitsError, match="finds no cuda device"):
        train(PLAN, Options("cuda"))
    assert not Path("runs").exists()
