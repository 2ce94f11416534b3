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
from digits.errors import DigitsError, Interrupted
from digits_train import checkpoint, models, trainer
from digits_train.config import TrainConfig
from digits_train.models import Reader
from digits_train.start import load_start
from digits_train.tasks import detection
from tests.conftest import Run
from tests.export.reader_pages import drawn_page
from tests.train import tiny_pages
from tests.train.short import CONFIG as DIGITS
from tests.train.short import FILES, interrupt_after, resume, train

CONFIG = TrainConfig("reader", tiny_pages.RECIPE)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures"),
]


@pytest.fixture(autouse=True)
def pages_are_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    for patch in tiny_pages.patches():
        monkeypatch.setattr(*patch)


def test_run_folder(run: Run) -> None:
    code, out, err = run("train", "--network", "reader", "--epochs", "3", "--device", "cpu")
    assert "epoch 3/3  loss " in err
    assert out.startswith("runs/reader  validation errors ")
    assert "of 128 symbols" in out
    assert code in (0, 1)  # after nine steps it may still find nothing
    folder = Path("runs/reader")
    assert {path.name for path in folder.iterdir()} == FILES
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    assert [row["number"] for row in rows] == ["1", "2", "3"]
    assert float(rows[2]["train_loss"]) < float(rows[0]["train_loss"])
    summary = json.loads((folder / "run.json").read_text())
    assert summary["recipe"]["crops"] == 12
    assert "augmentation" not in summary["recipe"]
    counts = [summary[f"validation_{name}"] for name in ("missed", "invented", "wrong")]
    assert summary["validation_errors"] == sum(counts) / summary["validation_symbols"]
    assert summary["validation_errors"] == float(rows[2]["validation_errors"])
    assert "test_accuracy" not in summary
    loaded = checkpoint.load(folder / "checkpoint.safetensors")
    assert isinstance(loaded.model, Reader)
    assert loaded.provenance.training_digits == 800
    assert loaded.provenance.validation_accuracy == summary["validation_accuracy"]


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


def test_seed_decides_checkpoint_even_if_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Composing processes end with the training even if it is killed: they would keep its lock.
    monkeypatch.setattr(system, "die_with_parent", lambda _: (tmp_path / "called").touch())
    whole, expected = train(CONFIG, out=Path("whole"))
    assert (tmp_path / "called").exists()
    reseeded, _ = train(replace(CONFIG, seed=1), out=Path("other"))
    assert reseeded.checkpoint.read_bytes() != whole.checkpoint.read_bytes()
    for epochs in (0, 1):
        with monkeypatch.context() as patch, pytest.raises(Interrupted, match="--resume parts"):
            interrupt_after(epochs, patch)
            train(CONFIG, out=Path(f"parts{epochs}"))
        torch.manual_seed(12345)
        resumed, summary = resume(Path(f"parts{epochs}"))
        assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
        assert summary["validation_loss"] == expected["validation_loss"]
        assert {path.name for path in resumed.folder.iterdir()} == FILES


@pytest.mark.parametrize("architecture", ["reader", "lenet5"])
def test_start_from_weights(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = CONFIG if architecture == "reader" else DIGITS
    first, _ = train(config, out=Path("first"))
    slow = replace(config, recipe=replace(config.recipe, learning_rate=1e-9, ema_decay=None))
    parent = load_start(first.folder, architecture)
    second, summary = train(replace(slow, seed=7), parent=parent, out=Path("second"))
    before, after = checkpoint.load(first.checkpoint), checkpoint.load(second.checkpoint)
    assert after.provenance.init == summary["init"] == before.sha256
    assert before.provenance.init is None
    for (name, old), new in zip(
        before.model.named_parameters(), after.model.parameters(), strict=True
    ):
        torch.testing.assert_close(old, new, rtol=0, atol=1e-6, msg=name)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt_after(0, patch)
        train(slow, parent=load_start(second.checkpoint, None), out=Path("third"))
    second.checkpoint.unlink()  # an interrupted run needs it no more
    third, _ = resume(Path("third"))
    assert checkpoint.load(third.checkpoint).provenance.init == after.sha256


def test_finetune(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{number}.png,12 32 140 76,777" for number in range(8)]
    for number in range(8):
        Image.fromarray(drawn_page(number).pixels).save(f"{number}.png")
    data = Path("labels.csv")
    data.write_text("\n".join(["file,box,text", *rows]))
    config = replace(CONFIG, recipe=models.Reader.recipes["finetune"])
    parent = load_start(None, "reader")
    whole, expected = train(config, data=data, parent=parent, out=Path("whole"))
    numbers, symbols = expected["comparison"]
    assert (numbers["tolerance"], symbols["tolerance"]) == (None, detection.TOLERANCE)
    assert 0 < numbers["total"] < 8 and symbols["total"] == 128
    assert max(numbers["before"], numbers["after"]) <= numbers["total"]
    about = checkpoint.load(whole.checkpoint).provenance
    assert (about.init, about.data_sha256["own"]) == (parent.sha256, expected["data_sha256"]["own"])
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt_after(0, patch)
        train(config, data=data, parent=load_start(None, "reader"), out=Path("parts"))
    resumed, summary = resume(Path("parts"), data=data)
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert summary["comparison"] == expected["comparison"]
    data.write_text(data.read_text().replace("777", "771"))
    with pytest.raises(DigitsError, match="fine-tuned on other pictures than those in labels.csv"):
        resume(Path("parts"), data=data)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["--recipe", "classic"],
            "no recipe called 'classic'; there are: default, quick, finetune",
        ),
        (["--resume", "runs/x"], "--resume continues as the run was started"),
    ],
)
def test_wrong_usage(arguments: list[str], complaint: str, run: Run) -> None:
    code, _, err = run("train", "--network", "reader", *arguments)
    assert code == 2
    assert complaint in " ".join(err.replace("│", "").split())
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("config", "rest", "complaint"),
    [
        (CONFIG, {"data": Path("mine")}, "pages are written with MNIST's digits"),
        (
            replace(CONFIG, recipe=replace(CONFIG.recipe, learning_rate=1e30)),
            *({}, "training diverged in epoch 1: NaN or infinite"),
        ),
    ],
)
def test_trainings_that_fail_leave_nothing(
    config: TrainConfig, rest: dict[str, Any], complaint: str
) -> None:
    for digit in range(10):
        folder = Path("mine", str(digit))
        folder.mkdir(parents=True)
        for number in range(20):
            image = Image.new("L", (28, 28))
            image.putpixel((10 + number % 9, 10 + number // 9), 255)
            image.putpixel((14, 14 + digit), 200)
            image.save(folder / f"{number}.png")
    with pytest.raises(DigitsError, match=complaint):
        train(config, **rest)
    assert not Path("runs/reader").exists()


@pytest.mark.slow
def test_reader_learns() -> None:
    """Bars are found and told apart."""
    recipe = replace(tiny_pages.RECIPE, epochs=3, crops=100, ema_decay=0.95)
    result = trainer.train(TrainConfig("reader", recipe), "cpu")
    assert result is not None and result.failure is None
    assert result.summary["validation_errors"] < 0.1
    assert result.summary["validation_accuracy"] > 0.9


def test_useless_reader_is_a_failure() -> None:
    recipe = replace(CONFIG.recipe, epochs=1, learning_rate=1e-9)
    result = trainer.train(TrainConfig("reader", recipe), "cpu")
    assert result is not None and result.failure is not None
    assert "no better than one that finds nothing: of 128 symbols 128 are missed" in result.failure
