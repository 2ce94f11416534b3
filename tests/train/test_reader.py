"""Training a reader: what differs from training a network that classifies digits."""

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from digits import system
from digits.errors import DigitsError, Interrupted, ModelError
from digits_train import checkpoint, models, trainer
from digits_train.config import Recipe, RuntimeOptions, TrainConfig
from digits_train.metrics import DetectionMetrics, Metrics
from digits_train.models import Reader, summary
from tests.conftest import Run
from tests.train import tiny_pages
from tests.train.short import CONFIG as DIGITS
from tests.train.short import FILES, interrupt_after, resume, train

CONFIG = TrainConfig("reader", tiny_pages.RECIPE)

pytestmark = pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")


@pytest.fixture(autouse=True)
def pages_are_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    for patch in tiny_pages.patches():
        monkeypatch.setattr(*patch)


def errors(values: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the validation errors of the epochs."""
    real = vars(trainer)["fit"]

    def fit(*arguments: Any) -> Any:
        for epoch in real(*arguments):
            yield replace(epoch, validation_errors=values[epoch.number - 1])

    monkeypatch.setattr(trainer, "fit", fit)


def test_run_folder(run: Run) -> None:
    code, out, err = run("train", "--model", "reader", "--epochs", "3", "--device", "cpu")
    assert "epoch 3/3  loss " in err
    assert out.startswith("runs/reader  validation errors ")
    assert "of 128 symbols" in out
    assert code in (0, 1)  # after nine steps it may still find nothing
    folder = Path("runs/reader")
    assert {path.name for path in folder.iterdir()} == FILES
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    assert [row["number"] for row in rows] == ["1", "2", "3"]
    assert float(rows[2]["train_loss"]) < float(rows[0]["train_loss"])
    found = json.loads((folder / "run.json").read_text())
    assert found["recipe"]["crops"] == 12
    assert "augmentation" not in found["recipe"]
    counts = [found[f"validation_{name}"] for name in ("missed", "invented", "wrong")]
    assert found["validation_errors"] == sum(counts) / found["validation_symbols"]
    assert found["validation_errors"] == float(rows[2]["validation_errors"])
    assert "test_accuracy" not in found
    loaded = checkpoint.load(folder / "checkpoint.safetensors")
    assert isinstance(loaded.model, Reader)
    assert loaded.provenance.training_digits == 800
    assert loaded.provenance.validation_accuracy == found["validation_accuracy"]


def test_info(run: Run) -> None:
    train(CONFIG)
    code, out, _ = run("info", "runs/reader")
    assert code == 0
    table = list(summary.table(models.build("reader")))
    assert out.splitlines()[-len(table) :] == table
    assert ["recipe.crops", "12"] in [line.split() for line in out.splitlines()]


def test_crops_never_repeat_and_follow_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    @dataclass(frozen=True)
    class Recorded(tiny_pages.TinyWindows):
        def __post_init__(self) -> None:
            seen.append((self.seed, self.epoch))

    monkeypatch.setattr("digits_train.tasks.detection.Windows", Recorded)
    train(replace(CONFIG, seed=5))
    assert [epoch for seed, epoch in seen if seed == 5] == [0, 1]
    [validation] = {seed for seed, _ in seen if seed != 5}
    assert validation > 2**63 - 1  # no --seed is so large


def test_same_seed_gives_identical_checkpoint() -> None:
    first, _ = train(CONFIG, out=Path("first"))
    torch.manual_seed(99)
    second, _ = train(CONFIG, out=Path("second"))
    other, _ = train(replace(CONFIG, seed=1), out=Path("other"))
    assert first.checkpoint.read_bytes() == second.checkpoint.read_bytes()
    assert first.checkpoint.read_bytes() != other.checkpoint.read_bytes()


def test_composing_processes_end_with_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if it is killed: they would keep its folder locked."""
    monkeypatch.setattr(system, "die_with_parent", (tmp_path / "called").touch)
    train(CONFIG)
    assert (tmp_path / "called").exists()


@pytest.mark.parametrize("epochs", [0, 1])
def test_resume_gives_identical_checkpoint(epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = train(CONFIG, out=Path("whole"))
    with monkeypatch.context() as patch:
        interrupt_after(epochs, patch)
        with pytest.raises(Interrupted, match="--resume parts"):
            train(CONFIG, out=Path("parts"))
    torch.manual_seed(12345)
    resumed, _ = resume(Path("parts"))
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert {path.name for path in resumed.folder.iterdir()} == FILES


def test_resume_after_kill_between_files(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, expected = train(CONFIG, out=Path("whole"))

    def die(*_: Any) -> None:
        raise SystemExit("killed after state.pt and before the checkpoint")

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(checkpoint, "save", die)
        train(CONFIG, out=Path("killed"))
    resumed, found = resume(Path("killed"))
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert found["validation_loss"] == expected["validation_loss"]


@pytest.mark.parametrize(
    "change",
    [
        {"history": [{"number": 1}]},
        {"history": []},
        {"plan": {"architecture": "reader", "recipe": {"crops": 12}}},
    ],
)
def test_resume_inconsistent_state(change: dict[str, Any]) -> None:
    run, _ = train(CONFIG)
    checkpoint.save_state(run.state, checkpoint.load_state(run.state) | change)
    with pytest.raises(ModelError, match="is damaged, or of another version"):
        resume(run.folder)


def test_resume_with_recipe_of_another_network() -> None:
    run, _ = train(CONFIG)
    state = checkpoint.load_state(run.state)
    state["plan"]["architecture"] = "lenet5"
    checkpoint.save_state(run.state, state)
    with pytest.raises(ModelError, match="is damaged, or of another version"):
        resume(run.folder)


def test_patience_keeps_epoch_with_fewest_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    errors([1.5, 0.4, 0.6, 0.5, 0.1], monkeypatch)
    config = replace(CONFIG, recipe=replace(CONFIG.recipe, epochs=5), patience=2)
    run, found = train(config)
    assert found["epochs"] == 4
    assert checkpoint.load(run.checkpoint).provenance.epoch == 2


def test_init_starts_from_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = train(CONFIG, out=Path("first"))
    slow = replace(CONFIG.recipe, learning_rate=1e-9, ema_decay=None)
    second, found = train(
        replace(CONFIG, recipe=slow, seed=7), init_path=first.folder, out=Path("second")
    )
    before, after = checkpoint.load(first.checkpoint), checkpoint.load(second.checkpoint)
    assert after.provenance.init == found["init"] == before.sha256
    assert before.provenance.init is None
    for (name, old), new in zip(
        before.model.named_parameters(), after.model.parameters(), strict=True
    ):
        torch.testing.assert_close(old, new, rtol=0, atol=1e-6, msg=name)

    first.checkpoint.unlink()  # an interrupted run needs it no more
    with monkeypatch.context() as patch:
        interrupt_after(0, patch)
        with pytest.raises(Interrupted):
            train(replace(CONFIG, recipe=slow), init_path=second.folder, out=Path("third"))
    second.checkpoint.unlink()
    third, _ = resume(Path("third"))
    assert checkpoint.load(third.checkpoint).provenance.init == after.sha256


def test_init_of_another_network(run: Run) -> None:
    train(replace(DIGITS, recipe=Recipe("test", epochs=1)))
    code, _, err = run("train", "--model", "reader", "--init", "runs/lenet5", "--out", "new")
    assert code == 1
    assert "runs/lenet5/checkpoint.safetensors is a lenet5: a reader can only start from" in err
    assert not Path("new").exists()


def test_init_of_classifier() -> None:
    first, _ = train(DIGITS, out=Path("first"))
    config = replace(DIGITS, recipe=replace(DIGITS.recipe, learning_rate=1e-9, epochs=1))
    second, _ = train(config, init_path=first.checkpoint, out=Path("second"))
    before, after = checkpoint.load(first.checkpoint), checkpoint.load(second.checkpoint)
    assert after.provenance.init == before.sha256
    torch.testing.assert_close(
        before.model.state_dict(), after.model.state_dict(), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--teacher", "runs/x"], "--teacher is for networks that classify digits"),
        (["--all-data"], "--all-data is for networks that classify digits"),
        (["--recipe", "classic"], "no recipe called 'classic'; there are: default, quick"),
        (["--resume", "runs/x"], "--resume continues as the run was started"),
    ],
)
def test_wrong_usage(arguments: list[str], complaint: str, run: Run) -> None:
    code, _, err = run("train", "--model", "reader", *arguments)
    assert code == 2
    assert complaint in " ".join(err.replace("│", "").split())
    assert not Path("runs").exists()


def test_init_with_resume_is_wrong_usage(run: Run) -> None:
    code, _, err = run("train", "--resume", "runs/x", "--init", "runs/y")
    assert code == 2
    assert "--resume continues as the run was started" in " ".join(err.replace("│", "").split())


def test_library_refuses_teacher() -> None:
    with pytest.raises(DigitsError, match="it has no teacher"):
        train(CONFIG, teacher_path=Path("runs/x"))
    with pytest.raises(DigitsError, match="need digits to validate on"):
        train(replace(CONFIG, all_data=True))
    assert not Path("runs").exists()


def test_reader_is_no_teacher() -> None:
    reader, _ = train(CONFIG)
    with pytest.raises(DigitsError, match="a reader can't teach a network that classifies digits"):
        train(replace(DIGITS, recipe=Recipe("test", epochs=1)), teacher_path=reader.folder)
    assert not Path("runs/lenet5").exists()


def test_pictures_as_data(monkeypatch: pytest.MonkeyPatch) -> None:
    for digit in range(10):
        folder = Path("mine", str(digit))
        folder.mkdir(parents=True)
        for number in range(20):
            image = Image.new("L", (28, 28))
            image.putpixel((10 + number % 9, 10 + number // 9), 255)
            image.putpixel((14, 14 + digit), 200)
            image.save(folder / f"{number}.png")
    with pytest.raises(DigitsError, match="pages are written with MNIST's digits"):
        train(CONFIG, RuntimeOptions("cpu", Path("mine")))
    assert not Path("runs").exists()


def test_diverging_training_is_an_error() -> None:
    recipe = replace(CONFIG.recipe, learning_rate=1e30)
    with pytest.raises(DigitsError, match="training diverged in epoch 1: NaN or infinite"):
        train(replace(CONFIG, recipe=recipe))
    assert not Path("runs/reader").exists()


@pytest.mark.slow
def test_reader_learns() -> None:
    """Bars are found and told apart."""
    recipe = replace(tiny_pages.RECIPE, epochs=3, crops=100, ema_decay=0.95)
    result = trainer.train(TrainConfig("reader", recipe), RuntimeOptions("cpu"))
    assert result is not None and result.failure is None
    assert result.summary["validation_errors"] < 0.1
    assert result.summary["validation_accuracy"] > 0.9


def test_useless_reader_is_a_failure() -> None:
    recipe = replace(CONFIG.recipe, epochs=1, learning_rate=1e-9)
    result = trainer.train(TrainConfig("reader", recipe), RuntimeOptions("cpu"))
    assert result is not None and result.failure is not None
    assert "no better than one that finds nothing: of 128 symbols 128 are missed" in result.failure


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_train_and_resume_on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(Interrupted):
            train(CONFIG, RuntimeOptions("cuda"))
    _, found = resume(Path("runs/reader"), RuntimeOptions("cuda"))
    assert found["epochs"] == 2


def test_metrics_as_text() -> None:
    epoch: Metrics = DetectionMetrics(3, 1.5, 1.25, 0.9, 0.125, 0.05, 0.03, 0.045, 9.0, 50.0)
    assert str(epoch) == "loss 1.5000  validation loss 1.2500  errors 12.50%"
