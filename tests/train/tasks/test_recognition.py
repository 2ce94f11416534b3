"""Learning to read crops of numbers."""

import csv
import json
from pathlib import Path

import pytest
import torch

from digits import system
from digits.inference.interface import SYMBOLS
from digits_train.models.recognizer import BLANK, RecognizerNetwork
from digits_train.tasks.recognition import best_path
from tests.conftest import Patch, Run
from tests.train.short import FILES, bar_patches


def outputs_of(*paths: str) -> torch.Tensor:
    """Log probabilities, nearly all of them on these paths, in which "_" is a blank."""
    places = [[(SYMBOLS + "_").index(step) for step in path] for path in paths]
    return (10.0 * torch.eye(BLANK + 1)[torch.tensor(places)]).log_softmax(2)


def test_paths_say_texts_and_their_losses() -> None:
    outputs = outputs_of("_11_1_-", "_______", "1234567")
    assert best_path(outputs) == ["11-", "", "1234567"]
    losses_of = RecognizerNetwork.loss
    losses = losses_of(outputs, ["11-", "", "1234567"])
    assert losses.max() < 0.01
    assert (losses_of(outputs, ["1-", "1", "123456"]) > 5).all()
    too_long = losses_of(outputs, ["1" * 8, "", "1234567"])  # for seven steps
    assert too_long[0] == 0 and torch.equal(too_long[1:], losses[1:])


@pytest.mark.slow
@pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")
def test_strokes_are_read(run: Run, monkeypatch: Patch) -> None:
    for patch in bar_patches():
        monkeypatch.setattr(*patch)
    # Composing processes end with the training even if it is killed: they would keep its lock.
    monkeypatch.setattr(system, "die_with_parent", lambda _: Path("called").touch())
    longer = ("--set", "recipe.steps=100", "--set", "recipe.interval=50")
    code, out, err = run("train", "--network", "recognizer", *longer, "--device", "cpu")
    assert code == 0, err
    assert out.startswith("runs/recognizer  validation loss ") and "validation numbers " in out
    assert Path("called").exists()
    folder = Path("runs/recognizer")
    assert {path.name for path in folder.iterdir()} == FILES - {"confusion.png"}
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    assert ",".join(rows[0]) == (
        "number,train_loss,validation_loss,validation_accuracy,validation_errors,"
        "validation_invented,seconds,images_per_second"
    )
    summary = json.loads((folder / "run.json").read_text())
    assert summary["validation_accuracy"] == float(rows[-1]["validation_accuracy"]) > 0.8
    assert summary["validation_errors"] < 0.2 > summary["validation_invented"]
