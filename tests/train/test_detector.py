"""Training a detector: what differs from training a network that classifies digits."""

import csv
import json
from pathlib import Path
from unittest.mock import Mock

import pytest
from PIL import Image

from digits import system
from digits.errors import DataError, Interrupted
from digits_train import checkpoint, models
from digits_train.config import TrainConfig
from digits_train.start import load_start
from digits_train.tasks import detection
from tests.conftest import Patch, Run
from tests.export.detector_pages import drawn_page
from tests.train import short
from tests.train.short import FILES, distance, interrupt_after, resume, train

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures"),
]


@pytest.fixture(autouse=True)
def pages_are_tiny(monkeypatch: Patch) -> None:
    for patch in short.bar_patches():
        monkeypatch.setattr(*patch)


def test_bars_are_found_and_told_apart(run: Run, monkeypatch: Patch) -> None:
    windows = Mock(side_effect=short.TinyWindows)
    mine = Mock(side_effect=lambda materials, *_: materials)
    monkeypatch.setattr(detection, "Windows", windows)
    monkeypatch.setattr(detection, "with_hard_negatives", mine)
    # Composing processes end with the training even if it is killed: they would keep its lock.
    monkeypatch.setattr(system, "die_with_parent", lambda _: Path("called").touch())
    code, out, err = run("train", "--network", "detector", "--recipe", "quick", "--device", "cpu")
    assert code == 0, err
    assert out.startswith("runs/detector  validation errors ") and "of 128 symbols" in out
    seeds_and_epochs = {call.args[1:3] for call in windows.call_args_list}
    assert seeds_and_epochs == {(0, 0), (0, 1), (0, 2)}
    assert mine.call_count == 2  # after the first epoch
    assert Path("called").exists()

    folder = Path("runs/detector")
    assert {path.name for path in folder.iterdir()} == FILES
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    assert ",".join(rows[0]) == (
        "number,train_loss,validation_loss,validation_accuracy,validation_errors,"
        "validation_missed,validation_invented,validation_wrong,seconds,images_per_second"
    )
    summary = json.loads((folder / "run.json").read_text())
    counts = [summary[f"validation_{name}"] for name in ("missed", "invented", "wrong")]
    assert summary["validation_errors"] == sum(counts) / summary["validation_symbols"] < 0.1
    assert summary["validation_errors"] == float(rows[2]["validation_errors"])
    about = checkpoint.load(folder / "checkpoint.safetensors").provenance
    assert (about.architecture, about.training_digits) == ("detector", 800)
    assert about.validation_accuracy == summary["validation_accuracy"] > 0.9


def test_resumed_finetuning_has_the_same_weights(monkeypatch: Patch) -> None:
    boxes = ("12 32 140 76,777", "60 5 100 25,")  # two labels of each page
    rows = [f"{number}.png,{box}" for number in range(8) for box in boxes]
    for number in range(8):
        Image.fromarray(drawn_page(number).pixels).save(f"{number}.png")
    data = Path("labels.csv")
    data.write_text("\n".join(["file,box,text", *rows]))
    config = TrainConfig("detector", models.Detector.recipes["finetune"])
    parent = load_start(None, "detector")
    whole, expected = train(config, data=data, parent=parent, out=Path("whole"))
    numbers, symbols = expected["comparison"]
    assert (symbols["tolerance"], symbols["total"]) == (0.002, 128)
    assert (numbers["name"], numbers["tolerance"]) == ("numbers of your own, held back", None)
    assert (numbers["total"], numbers["after"]) == (4, 0)  # of two pages
    about = checkpoint.load(whole.checkpoint).provenance
    assert (about.init, about.data_sha256["own"]) == (parent.sha256, expected["data_sha256"]["own"])
    message = "epoch 1 is kept; go on with .*--resume parts --data ...`"
    with monkeypatch.context() as patch, pytest.raises(Interrupted, match=message):
        interrupt_after(1, patch)
        train(config, data=data, parent=load_start(None, "detector"), out=Path("parts"))
    Path("others.csv").write_text(data.read_text().replace("777", "771"))
    with pytest.raises(DataError, match="trained on other digits than those in others.csv"):
        resume(Path("parts"), data=Path("others.csv"))
    resumed, summary = resume(Path("parts"), data=data)
    # From equal states, one of 283,545 weights may end an ulp away: libraries of linear algebra
    # round by how NumPy's memory is aligned.
    networks = (checkpoint.load(each.checkpoint).model for each in (whole, resumed))
    before, weights, others = (
        dict(network.named_parameters())
        for network in (load_start(None, "detector").model, *networks)
    )
    assert distance(weights, others) < 1e-5 * distance(weights, before)
    assert summary["comparison"] == expected["comparison"]
