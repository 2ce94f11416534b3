"""Training a reader: what differs from training a network that classifies digits."""

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from digits import system
from digits.data.mnist import Split
from digits.errors import Interrupted
from digits_train import checkpoint, models, trainer
from digits_train.config import TrainConfig
from digits_train.own_pages import OwnPage, OwnPages
from digits_train.start import load_start
from digits_train.tasks import detection
from tests.conftest import Run
from tests.export.reader_pages import drawn_page
from tests.train import tiny_pages
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
    assert out.startswith("runs/reader  validation errors ") and "of 128 symbols" in out
    assert code in (0, 1)  # after nine steps it may still find nothing
    folder = Path("runs/reader")
    assert {path.name for path in folder.iterdir()} == FILES
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    assert ",".join(rows[0]) == (
        "number,train_loss,validation_loss,validation_accuracy,validation_errors,"
        "validation_missed,validation_invented,validation_wrong,seconds,images_per_second"
    )
    assert float(rows[2]["train_loss"]) < float(rows[0]["train_loss"])
    summary = json.loads((folder / "run.json").read_text())
    counts = [summary[f"validation_{name}"] for name in ("missed", "invented", "wrong")]
    assert summary["validation_errors"] == sum(counts) / summary["validation_symbols"]
    assert summary["validation_errors"] == float(rows[2]["validation_errors"])
    assert "test_accuracy" not in summary
    about = checkpoint.load(folder / "checkpoint.safetensors").provenance
    assert (about.architecture, about.training_digits) == ("reader", 800)
    assert about.validation_accuracy == summary["validation_accuracy"]


def test_seed_decides_checkpoint_even_if_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []

    @dataclass(frozen=True)
    class Recorded(tiny_pages.TinyWindows):
        def __post_init__(self) -> None:
            seen.append((self.seed, self.epoch))

    monkeypatch.setattr("digits_train.tasks.detection.Windows", Recorded)
    # Composing processes end with the training even if it is killed: they would keep its lock.
    monkeypatch.setattr(system, "die_with_parent", lambda _: (tmp_path / "called").touch())
    whole, expected = train(CONFIG, out=Path("whole"))
    assert (tmp_path / "called").exists()
    assert [epoch for seed, epoch in seen if seed == CONFIG.seed] == [0, 1]
    assert min({seed for seed, _ in seen} - {CONFIG.seed}) > 2**63 - 1  # no --seed is so large
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


def test_finetune(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = ("12 32 140 76,777", "60 5 100 25,")  # two labels of each page
    rows = [f"{number}.png,{box}" for number in range(8) for box in boxes]
    for number in range(8):
        Image.fromarray(drawn_page(number).pixels).save(f"{number}.png")
    data = Path("labels.csv")
    data.write_text("\n".join(["file,box,text", *rows]))
    config = replace(CONFIG, recipe=models.Reader.recipes["finetune"])
    parent = load_start(None, "reader")
    whole, expected = train(config, data=data, parent=parent, out=Path("whole"))
    numbers, symbols = expected["comparison"]
    assert (numbers["tolerance"], symbols["tolerance"]) == (None, detection.TOLERANCE)
    assert 0 < numbers["total"] < 16 and numbers["total"] % 2 == 0 and symbols["total"] == 128
    assert min(numbers["before"], numbers["after"]) >= 0
    assert max(numbers["before"], numbers["after"]) <= numbers["total"]
    about = checkpoint.load(whole.checkpoint).provenance
    assert (about.init, about.data_sha256["own"]) == (parent.sha256, expected["data_sha256"]["own"])
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt_after(0, patch)
        train(config, data=data, parent=load_start(None, "reader"), out=Path("parts"))
    resumed, summary = resume(Path("parts"), data=data)
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert summary["comparison"] == expected["comparison"]


def test_comparison_counts_numbers_not_pages(
    monkeypatch: pytest.MonkeyPatch, train_slice: Split
) -> None:
    right = np.array([True, False, False])
    monkeypatch.setattr(detection, "read_right", lambda maps, pages: right[: 3 * len(pages)])
    page = OwnPage(Path("page.png"), "", b"", {})
    own, reader = OwnPages([], [page], ""), models.Reader()
    task = detection.Detection(tiny_pages.RECIPE, train_slice, train_slice, own=own, parent=reader)
    numbers, _ = task.compare(reader)
    assert (numbers.total, numbers.before, numbers.after) == (3, 2, 2)


def test_reader_learns() -> None:
    """Bars are found and told apart."""
    recipe = replace(tiny_pages.RECIPE, epochs=3, crops=100, ema_decay=0.95)
    result = trainer.train(TrainConfig("reader", recipe), "cpu")
    assert result is not None and result.failure is None
    assert result.summary["validation_errors"] < 0.1
    assert result.summary["validation_accuracy"] > 0.9
