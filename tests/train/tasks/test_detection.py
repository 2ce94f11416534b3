"""Learning to find the symbols of a page."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from torch.nn.functional import one_hot

from digits import system
from digits.data.split import Split
from digits_train import checkpoint, models
from digits_train.camera.ranges import RANGES
from digits_train.experiment import Experiment
from digits_train.models import Detector
from digits_train.models.detection import Maps, Targets
from digits_train.symbols import Box, LabelledPage, Symbol, Truth, label_window
from digits_train.tasks import Detection
from digits_train.tasks.detection import find_symbols
from tests.conftest import Patch, Run
from tests.train import short
from tests.train.short import FILES, dataset, train

EXPERIMENT = Experiment(network="detector", recipe=short.DETECTOR, camera=RANGES)
SYMBOLS: list[tuple[Box, int]] = [
    ((20, 20, 26, 50), 1),
    ((60, 20, 80, 50), 2),
    ((20, 70, 38, 74), 10),
    ((60, 70, 64, 74), 11),
]


@pytest.fixture
def bars(monkeypatch: Patch) -> None:
    for patch in short.bar_patches():
        monkeypatch.setattr(*patch)


def test_perfect_maps_have_no_errors_and_the_surest_are_first() -> None:
    symbols = [Symbol(box, label, 30) for box, label in SYMBOLS]
    page = label_window(np.zeros((96, 96), np.uint8), symbols)
    targets = Detector.targets([page])
    classes = one_hot(targets.symbols.clamp(min=0), 12).movedim(-1, 1).float()
    centres = (targets.heat[:, None] - 0.7) * 20
    centres[0, 0, 18, 15] += 1  # the point
    centres[0, 0, 2, 2] = -0.1  # rather nothing
    [detections] = find_symbols(Maps(centres, classes, targets.boxes))
    order = detections.symbols.argmax(1).argsort()
    np.testing.assert_allclose(detections.boxes[order], page.truth.boxes, atol=1e-3)
    assert page.match(detections.boxes, detections.symbols.argmax(1)).score == (4, 0, 0, 0)
    assert detections.symbols[0].argmax() == 11


class Threes(Detector):
    """Learns that all symbols are threes."""

    @staticmethod
    def targets(pages: Sequence[LabelledPage]) -> Targets:
        truths = [Truth(page.truth.boxes, 0 * page.truth.symbols + 3) for page in pages]
        pairs = zip(pages, truths, strict=True)
        return Detector.targets([page._replace(truth=truth) for page, truth in pairs])


@pytest.mark.usefixtures("bars")
def test_what_validation_counts_is_the_cameras_whatever_the_targets(
    train_slice: Split, monkeypatch: Patch
) -> None:
    monkeypatch.setitem(models.ARCHITECTURES, "threes", Threes)
    torch.manual_seed(0)
    weights = Detector().state_dict()
    figures = []
    for name in ("detector", "threes"):
        task = Detection(replace(EXPERIMENT, network=name), dataset(train_slice))
        model = models.get_network(name)()
        model.load_weights(weights)
        figures.append(task.validate(model))
    losses = [each.pop("validation_loss") for each in figures]
    assert figures[0] == figures[1] and losses[0] != losses[1]


training = pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")


@pytest.mark.slow
@training
@pytest.mark.usefixtures("bars")
def test_bars_are_found_and_told_apart(run: Run, monkeypatch: Patch) -> None:
    # Composing processes end with the training even if it is killed: they would keep its lock.
    monkeypatch.setattr(system, "die_with_parent", lambda _: Path("called").touch())
    longer = ("--set", "recipe.steps=80", "--set", "recipe.interval=40")
    code, out, err = run("train", "--network", "detector", *longer, "--device", "cpu")
    assert code == 0, err
    assert out.startswith("runs/detector  validation loss ") and "validation symbols 128" in out
    assert "step 40/80  loss " in err and Path("called").exists()

    folder = Path("runs/detector")
    assert {path.name for path in folder.iterdir()} == FILES
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    assert ",".join(rows[0]) == (
        "number,train_loss,validation_loss,validation_accuracy,validation_errors,"
        "validation_missed,validation_invented,validation_wrong,seconds,images_per_second"
    )
    assert [row["number"] for row in rows] == ["40", "80"]
    summary = json.loads((folder / "run.json").read_text())
    counts = [summary[f"validation_{name}"] for name in ("missed", "invented", "wrong")]
    assert summary["validation_errors"] == sum(counts) / summary["validation_symbols"] < 0.1
    about = checkpoint.load(folder / "checkpoint.safetensors").provenance
    assert (about.training_digits, about.progress) == (800, 80)
    assert about.validation_accuracy == float(rows[1]["validation_accuracy"]) > 0.9


@pytest.mark.slow
@training
def test_a_detector_learns_from_the_cameras_windows() -> None:
    recipe = replace(short.DETECTOR, steps=16, interval=2, ema_decay=None)
    run, summary = train(replace(EXPERIMENT, recipe=recipe), out=Path("run"))
    first, *_, last = csv.DictReader((run.folder / "metrics.csv").open())
    assert float(last["validation_loss"]) < 0.8 * float(first["validation_loss"])
    assert summary["validation_symbols"] > 50
