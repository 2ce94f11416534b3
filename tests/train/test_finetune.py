"""Fine-tuning on one's own pictures: mirrored digits, which the bundled network can't read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import cross_entropy, one_hot

from digits.data import image_folder, mnist
from digits.data.datasets import OwnPictures
from digits.data.mnist import Split
from digits.errors import DataError, Interrupted
from digits_train import checkpoint, examples
from digits_train.config import Augmentation, Recipe, TrainConfig
from digits_train.examples import Pool
from digits_train.models import LeNet5, Network
from digits_train.models.network import NONE, with_none
from digits_train.start import load_start
from digits_train.tasks.classification import Classification
from tests.train.short import FILES, interrupt_after, resume, train
from tests.train.test_checkpoint import PROVENANCE

FINETUNE = replace(LeNet5.recipes["finetune"], augmentation=Augmentation(), ema_decay=0.8)
CONFIG = TrainConfig("lenet5", replace(FINETUNE, epochs=2, batch_size=40, learning_rate=0.03))

pytestmark = pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")


@pytest.fixture
def labels(empty_folder: None, train_slice: Split) -> Path:
    """A table of mirrored sixes, and of mirrored threes that are to be no digits."""
    rows = ["file,digit"]
    for digit, label in ((6, "6"), (3, "none")):
        for number, image in enumerate(train_slice.images[train_slice.labels == digit][:60]):
            Image.fromarray(255 - image[:, ::-1]).save(f"{digit}-{number}.png")
            rows.append(f"{digit}-{number}.png,{label}")
    Path("labels.csv").write_text("\n".join(rows))
    return Path("labels.csv")


@pytest.mark.slow
def test_new_style_is_learnt_and_the_rest_kept_even_if_interrupted(
    labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examples, "MAX_FRAMES", 40)
    monkeypatch.setattr(examples, "MAX_OUTLIERS", 40)
    checkpoint.save(Path("parent.safetensors"), load_start(None, None).model, PROVENANCE)
    parent = load_start(Path("parent.safetensors"), None)
    run, summary = train(CONFIG, data=labels, parent=parent, out=Path("whole"))
    own, digits, camera = summary["comparison"]
    assert own["tolerance"] is None and 20 < own["total"] < 50
    assert own["before"] > 0.5 * own["total"]
    assert own["after"] < 0.4 * own["before"]
    for values, total in ((digits, 200), (camera, 100)):
        assert (values["total"], values["tolerance"]) == (total, 0.001)
        assert values["after"] <= values["before"] + 0.04 * total
    assert {path.name for path in run.folder.iterdir()} == FILES
    provenance = checkpoint.load(run.checkpoint).provenance
    assert provenance.init == summary["init"] == parent.sha256
    assert provenance.data_sha256.keys() == mnist.SHA256.keys() | {"own"}

    with monkeypatch.context() as patch, pytest.raises(Interrupted, match="--resume parts"):
        interrupt_after(1, patch)
        train(CONFIG, data=labels, parent=parent, out=Path("parts"))
    Path("parent.safetensors").unlink()  # which an interrupted run needs no more
    Path("others.csv").write_text(labels.read_text().replace("none", "3"))
    with pytest.raises(DataError, match="trained on other digits than those in others.csv"):
        resume(Path("parts"), data=Path("others.csv"))
    resumed, again = resume(Path("parts"), data=labels)
    assert resumed.checkpoint.read_bytes() == run.checkpoint.read_bytes()
    assert again["comparison"] == summary["comparison"]


def test_parent_teaches_all_but_own_pictures(train_slice: Split) -> None:
    """It answers the changed pictures."""
    mine = Split(train_slice.images[:7], np.full(7, 3, np.uint8))
    recipe = Recipe("test", epochs=4, augmentation=Augmentation(), own=0.25)
    parent = load_start(None, None).model
    assert isinstance(parent, Network)
    own = OwnPictures(mine, mine, "")
    task = Classification(recipe, train_slice, train_slice, own=own, parent=parent)
    task.start()
    task.pools = [Pool(train_slice.images[7:14], np.full(7, NONE, np.uint8), 0.25), *task.pools]
    batch = next(task.batches(0, torch.Generator().manual_seed(0), parent))
    images, labels, weights, trained, is_own, *_ = batch
    assert is_own.any() and (labels == NONE).any() and not torch.equal(images, images.round())
    logits = torch.randn(len(labels), 10, requires_grad=True)
    objective, sums = task.loss(logits, batch)
    objective.backward()  # type: ignore[no-untyped-call]
    answers = with_none(parent(images)).softmax(1)
    wanted = torch.where(is_own[:, None], one_hot(labels, NONE + 1), answers)
    expected = (with_none(logits).softmax(1) - wanted)[:, :NONE] * weights[:, None]
    torch.testing.assert_close(logits.grad, expected.detach())
    # The epoch's loss and accuracy are those of the training digits and their labels alone.
    digits = logits[trained], labels[trained]
    right = (digits[0].argmax(1) == digits[1]).sum()
    losses = cross_entropy(with_none(digits[0]), digits[1], reduction="sum")
    torch.testing.assert_close(sums, torch.stack([losses, right]).detach())


def test_all_pictures_held_back(labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of a group may be."""
    monkeypatch.setattr(image_folder, "assign_split", lambda *_: "test")
    with pytest.raises(DataError, match=r"labels.csv: all 120 pictures are held back; label more"):
        train(CONFIG, data=labels, parent=load_start(None, "lenet5"))
