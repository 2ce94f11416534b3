"""Fine-tuning on one's own pictures: mirrored sixes, which the bundled network takes for twos."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import one_hot

from digits.data import image_folder, mnist
from digits.data.datasets import OwnPictures
from digits.data.mnist import Split
from digits.errors import DataError, Interrupted, ModelError
from digits_train import checkpoint
from digits_train.checkpoint import Checkpoint, Provenance
from digits_train.config import Augmentation, Recipe, TrainConfig
from digits_train.examples import Pool
from digits_train.models import VGG16, LeNet5, Network
from digits_train.models.network import NONE, with_none
from digits_train.start import load_start
from digits_train.tasks.classification import Classification
from tests.train.short import CPU, FILES, interrupt_after, resume, train

RECIPE = replace(
    LeNet5.recipes["finetune"],
    epochs=2,
    batch_size=40,
    learning_rate=0.03,
    augmentation=Augmentation(),
    ema_decay=0.8,
)
CONFIG = TrainConfig("lenet5", RECIPE)
STILL = replace(CONFIG, recipe=replace(RECIPE, epochs=1, learning_rate=1e-12, ema_decay=None))

pytestmark = pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")


@pytest.fixture(scope="session")
def mirrored(tmp_path_factory: pytest.TempPathFactory, train_slice: Split) -> Path:
    """A folder with sixty of them."""
    folder = tmp_path_factory.mktemp("mirrored")
    sixes = train_slice.images[train_slice.labels == 6][:60]
    for number, image in enumerate(sixes):
        Image.fromarray(255 - image[:, ::-1]).save(folder / f"{number}.png")
    return folder


def table(folder: Path, labels: Sequence[str] = ("6",), name: str = "labels.csv") -> Path:
    """Label the pictures in the folder, in turn, in a table in the current folder."""
    files = sorted(folder.glob("*.png"))
    rows = [f"{file},{labels[number % len(labels)]}" for number, file in enumerate(files)]
    Path(name).write_text("\n".join(["file,digit", *rows]))
    return Path(name)


def saved(parent: Checkpoint, name: str = "parent.safetensors") -> Checkpoint:
    checkpoint.save(Path(name), parent.model, parent.provenance)
    return load_start(Path(name), None)


@pytest.mark.parametrize(
    ("start", "label"), [("int8 file", "6"), ("checkpoint", "6"), ("int8 file", "none")]
)
@pytest.mark.slow
def test_new_style_is_learnt_and_the_rest_kept(mirrored: Path, start: str, label: str) -> None:
    parent = load_start(None, None)
    if start == "checkpoint":
        parent = saved(parent)
    run, summary = train(CONFIG, data=table(mirrored, [label]), parent=parent)
    own, digits, camera = summary["comparison"]
    assert own["tolerance"] is None and 10 < own["total"] < 25
    assert own["before"] > (0.3 if label == "none" else 0.8) * own["total"]
    assert own["after"] < 0.4 * own["before"]
    for values, total in ((digits, 200), (camera, 100)):
        assert (values["total"], values["tolerance"]) == (total, 0.001)
        assert values["after"] <= values["before"] + 0.04 * total
    assert json.loads(run.summary.read_text())["comparison"] == summary["comparison"]
    assert {path.name for path in run.folder.iterdir()} == FILES | {"parent.safetensors"}
    provenance = checkpoint.load(run.checkpoint).provenance
    assert provenance.init == summary["init"] == parent.sha256
    assert provenance.data_sha256.keys() == mnist.SHA256.keys() | {"own"}


def test_parent_teaches_all_but_own_pictures(train_slice: Split) -> None:
    """It answers the changed pictures, without dropout."""
    mine = Split(train_slice.images[:7], np.full(7, 3, np.uint8))
    recipe = Recipe("test", epochs=4, augmentation=Augmentation(), own=0.25)
    parent = load_start(None, None).model.train()
    assert isinstance(parent, Network)
    own = OwnPictures(mine, mine, "")
    task = Classification(recipe, train_slice, train_slice, own=own, parent=parent)
    task.start(CPU)
    task.pools = [Pool(train_slice.images[7:14], np.full(7, NONE, np.uint8), 0.25), *task.pools]
    assert task.parent is not None and not task.parent.training
    rng = torch.Generator().manual_seed(0)
    batch = next(iter(task.batches(0, rng, CPU, task.parent)))
    images, labels, weights, _, is_own, _ = batch.targets
    assert is_own.any() and (labels == NONE).any() and not torch.equal(images, images.round())
    logits = torch.randn(len(labels), 10, requires_grad=True)
    task.loss(logits, batch).objective.backward()  # type: ignore[no-untyped-call]
    answers = with_none(task.parent(images)).softmax(1)
    wanted = torch.where(is_own[:, None], one_hot(labels, NONE + 1), answers)
    expected = (with_none(logits).softmax(1) - wanted)[:, :NONE] * weights[:, None]
    torch.testing.assert_close(logits.grad, expected.detach())


@pytest.mark.slow
def test_it_starts_with_what_the_parent_reads(mirrored: Path) -> None:
    run, summary = train(STILL, data=table(mirrored), parent=load_start(None, None))
    assert all(values["before"] == values["after"] for values in summary["comparison"])
    right = 200 - summary["comparison"][1]["before"]
    assert summary["validation_accuracy"] == right / 200
    before, after = (checkpoint.load(path).model for path in (run.parent, run.checkpoint))
    for old, new in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(old, new, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_resumed_run_has_the_same_bytes(mirrored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, parent = table(mirrored, ["6", "6", "none"]), saved(load_start(None, None))
    whole, expected = train(CONFIG, data=data, parent=parent, out=Path("whole"))
    with monkeypatch.context() as patch, pytest.raises(Interrupted, match="--resume parts"):
        interrupt_after(1, patch)
        train(CONFIG, data=data, parent=parent, out=Path("parts"))
    Path("parent.safetensors").unlink()
    for labels, message in (
        (None, "the recipe finetune needs --data: your own labelled pictures"),
        (["6"], "fine-tuned on other pictures than those in others.csv"),
    ):
        others = table(mirrored, labels, "others.csv") if labels else None
        with pytest.raises(DataError, match=message):
            resume(Path("parts"), data=others)
    reordered = Path("reordered.csv")
    head, *rows = data.read_text().splitlines()
    reordered.write_text("\n".join([head, *rows[::-1]]))
    run, summary = resume(Path("parts"), data=reordered)
    assert run.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert summary["comparison"] == expected["comparison"]

    for damaged, message in ((b"damaged", "is damaged, or not a safe"), (None, "no such checkp")):
        run.parent.write_bytes(damaged) if damaged else run.parent.unlink()
        with pytest.raises(ModelError, match=f"parent.safetensors.*{message}"):
            resume(run.folder, data=data)


def test_failed_start_leaves_nothing(mirrored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, state: dict[str, Any]) -> None:
        raise DataError("No space left on device")

    monkeypatch.setattr(checkpoint, "save_state", fail)
    with pytest.raises(DataError, match="No space left"):
        train(STILL, data=table(mirrored), parent=load_start(None, None))
    assert not Path("runs/lenet5").exists()


@pytest.mark.slow
def test_vgg16(mirrored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    splits = {
        name: Split(split.images[:20], split.labels[:20])
        for name, split in mnist.load_all().items()
    }
    monkeypatch.setattr(mnist, "load_all", lambda data=None: splits)
    about = Provenance("vgg16", "0.0", {"epochs": 1}, 0, 1, {}, 20, 0.1)
    torch.manual_seed(0)
    parent = Checkpoint(VGG16().eval(), about, "5f" * 32)
    recipe = replace(VGG16.recipes["finetune"], batch_size=20, augmentation=None)
    config = TrainConfig("vgg16", recipe, precision="float32")
    run, summary = train(config, data=table(mirrored), parent=parent)
    assert [values["total"] for values in summary["comparison"][1:]] == [20, 100]
    assert summary["comparison"][0]["before"] > summary["comparison"][0]["after"]
    assert checkpoint.load(run.checkpoint).provenance.init == parent.sha256


def test_all_pictures_held_back(mirrored: Path) -> None:
    """As those of a group may be."""
    labels = table(mirrored)
    rows = labels.read_text().splitlines()
    for group in "abcdefghij":
        if image_folder.assign_split(b"", group) != "train":
            break
    labels.write_text("\n".join(["file,digit,group", *(f"{row},{group}" for row in rows[1:])]))
    with pytest.raises(DataError, match=r"labels.csv: all \d+ pictures are held back; label more"):
        train(CONFIG, data=labels, parent=load_start(None, "lenet5"))
