"""Training a recognizer, which reads crops of numbers."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from digits import system
from digits.inference.interface import CROP_HEIGHT, SYMBOLS
from digits_train import checkpoint, models, recognizer_data
from digits_train.camera.crops import Crop
from digits_train.camera.materials import Materials
from digits_train.models.recognizer import BLANK, Recognizer
from digits_train.recognizer_data import Batch, Chunks, mixed, to_batch
from digits_train.tasks import recognition
from digits_train.tasks.recognition import Reading, best_path, confusion, text_losses
from tests.conftest import Patch, Run
from tests.train.short import FILES


def outputs_of(*paths: str) -> torch.Tensor:
    """Log probabilities, nearly all of them on these paths, in which "_" is a blank."""
    places = [[(SYMBOLS + "_").index(step) for step in path] for path in paths]
    return (10.0 * torch.eye(BLANK + 1)[torch.tensor(places)]).log_softmax(2)


def test_paths_say_texts_and_their_losses() -> None:
    outputs = outputs_of("_11_1_-", "_______", "1234567")
    assert best_path(outputs) == ["11-", "", "1234567"]
    losses = text_losses(outputs, ["11-", "", "1234567"])
    assert losses.max() < 0.01
    assert (text_losses(outputs, ["1-", "1", "123456"]) > 5).all()
    too_long = text_losses(outputs, ["1" * 8, "", "1234567"])  # for seven steps
    assert too_long[0] == 0 and torch.equal(too_long[1:], losses[1:])


def test_confusion_counts_what_is_missed_invented_and_wrong() -> None:
    pixels = np.zeros((CROP_HEIGHT, 16), np.uint8)
    texts = [("12-", "13-"), ("", "4"), ("56", "6"), ("", "")]
    counts = confusion([Reading(pixels, *pair) for pair in texts])
    places = {(1, 1), (2, 3), (10, 10), (BLANK, 4), (5, BLANK), (6, 6)}
    assert {*map(tuple, np.argwhere(counts).tolist())} == places and counts.max() == 1


def test_network_is_small_and_a_crop_says_the_same_beside_any_other() -> None:
    network = Recognizer().eval()
    assert sum(weights.numel() for weights in network.parameters()) < 800_000
    crops = torch.randint(0, 256, (4, 1, CROP_HEIGHT, 160), dtype=torch.uint8)
    with torch.inference_mode():
        together = network(crops)
        alone = torch.cat([network(crop[None]) for crop in crops])
    assert together.shape == (4, 40, BLANK + 1) and together.dtype == torch.float32
    assert together.exp().sum(2).allclose(torch.ones(4, 40))
    assert together.allclose(alone, atol=1e-4)


def test_batches_are_mixed_and_all_are_shown() -> None:
    chunks = [[Batch(torch.zeros(0), [f"{chunk}"], 1)] * 3 for chunk in range(20)]
    texts = [batch.texts[0] for batch in mixed(chunks, np.random.default_rng(0))]
    assert sorted(texts) == sorted(3 * [str(chunk) for chunk in range(20)])
    assert texts != [batch.texts[0] for batch in mixed(chunks, np.random.default_rng(1))]
    assert max(int(text) for text in texts[:10]) < 12  # few wait


def test_each_pass_shows_each_crop(materials: Materials) -> None:
    texts, varied = (
        [text for batch in Chunks(materials, 0, 0, 12, 5, passes)[0] for text in batch.texts]
        for passes in (1, 3)
    )
    assert len(texts) == 12 and sorted(varied) == sorted(3 * texts)


_BARS = replace(
    Recognizer.recipes["default"], epochs=3, crops=24, passes=2, batch_size=8, ema_decay=0.9
)


def bars(random: np.random.Generator) -> Crop:
    """Tall strokes, ones, and wide ones, minus signs before them."""
    text = "-" * int(random.integers(0, 2)) + "1" * int(random.integers(0, 3))
    text = text if text != "-" else ""
    pixels = np.full((CROP_HEIGHT, 80 + 16 * int(random.integers(0, 3))), 220, np.uint8)
    for number, symbol in enumerate(text):
        left = 8 + 20 * number
        rows = slice(10, 40) if symbol == "1" else slice(22, 26)
        pixels[rows, left : left + (4 if symbol == "1" else 14)] = 30
    return Crop(pixels, text)


class TinyChunks(Chunks):
    def __getitem__(self, number: int) -> list[Batch]:
        random = np.random.default_rng([self.seed, self.epoch, number])
        sizes = [self.batch_size] * (self.crops // self.batch_size) * self.passes
        return [to_batch([bars(random) for _ in range(size)]) for size in sizes]


@pytest.fixture
def crops_are_tiny(monkeypatch: Patch) -> None:
    nothing = Materials([], [], [], [])
    for module in (recognition, recognizer_data):
        monkeypatch.setattr(module, "make_materials", lambda *_, **__: nothing)
        monkeypatch.setattr(module, "Chunks", TinyChunks)
    monkeypatch.setattr(recognizer_data, "HELD_OUT", 50)
    recipes = {"default": _BARS, "quick": replace(_BARS, name="quick", epochs=8, crops=200)}
    monkeypatch.setattr(models.Recognizer, "recipes", recipes)


training = pytest.mark.usefixtures(
    "slice_as_mnist", "empty_folder", "without_figures", "crops_are_tiny"
)


@pytest.mark.slow
@training
def test_strokes_are_read(run: Run, monkeypatch: Patch) -> None:
    # Composing processes end with the training even if it is killed: they would keep its lock.
    monkeypatch.setattr(system, "die_with_parent", lambda _: Path("called").touch())
    command = ("train", "--network", "recognizer", "--recipe", "quick", "--device", "cpu")
    code, out, err = run(*command)
    assert code == 0, err
    assert out.startswith("runs/recognizer  validation ") and " numbers  symbol errors " in out
    assert Path("called").exists()
    folder = Path("runs/recognizer")
    assert {path.name for path in folder.iterdir()} == FILES
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    assert ",".join(rows[0]) == (
        "number,train_loss,validation_loss,validation_accuracy,validation_errors,"
        "validation_invented,seconds,images_per_second"
    )
    summary = json.loads((folder / "run.json").read_text())
    assert summary["validation_accuracy"] == float(rows[-1]["validation_accuracy"]) > 0.8
    assert summary["validation_errors"] < 0.2 > summary["validation_invented"]
    about = checkpoint.load(folder / "checkpoint.safetensors").provenance
    assert (about.architecture, about.recipe["passes"]) == ("recognizer", 2)
