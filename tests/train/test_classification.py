"""What classifiers learn from: augmented digits, pools, non-digits, and one's own pictures."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from digits import Classifier
from digits.data.datasets import OwnPictures
from digits.data.mnist import Split
from digits.vision.components import Box, Component
from digits_train import examples, frames
from digits_train.augment import BatchRng
from digits_train.augment import augment as augment_rows
from digits_train.camera.materials import Materials
from digits_train.config import Augmentation, Recipe
from digits_train.examples import Pool
from digits_train.models import LeNet5, Network
from digits_train.models.network import NONE, probabilities, with_none
from digits_train.start import load_start
from digits_train.tasks.classification import Batch, Classification
from tests.train.conftest import small_materials

STILL = Augmentation(rotation=0, scale=0, shear=0, shift=0, elastic=0)


@pytest.fixture
def images(train_slice: Split) -> torch.Tensor:
    return torch.tensor(train_slice.images[:64, None])


def augment(images: torch.Tensor, **params: Any) -> torch.Tensor:
    rng = BatchRng(torch.Generator().manual_seed(0), 64, slice(0, 64))
    return augment_rows(images, replace(STILL, **params), rng)


@pytest.mark.parametrize("name", [field.name for field in fields(Augmentation)])
def test_every_bound_changes_digits(name: str, images: torch.Tensor) -> None:
    same = images[:1].expand(64, 1, 28, 28)
    changed = augment(same, **{name: 0.5})
    assert (changed - same).abs().mean() > 0.3 and changed.std(0).mean() > 0.3
    assert changed.min() >= 0 and changed.max() <= 255


class Fixed(BatchRng):
    """Every random number has its highest value."""

    def uniform(self, *shape: int) -> torch.Tensor:
        return torch.ones(self.batch, *shape)

    normal = uniform


@pytest.mark.parametrize(
    ("params", "source"),
    [
        # Where the output pixel 6 right of and 4 below the middle comes from, (right, below).
        ({"rotation": 30}, (6 * 0.866 - 4 * 0.5, 6 * 0.5 + 4 * 0.866)),
        ({"scale": 0.5}, (6 / 1.5, 4 / 1.5)),
        ({"shear": 0.5}, (6 + 4 * 0.5, 4)),
        ({"shift": 3}, (6 + 3, 4 + 3)),
        ({"elastic": 2}, (6 + 2, 4 + 2)),
    ],
)
def test_geometry_matches_parameters(params: dict[str, Any], source: tuple[float, float]) -> None:
    positions = torch.arange(28.0) - 13.5
    ramps = positions.expand(1, 1, 28, 28) + 100, positions[:, None].expand(1, 1, 28, 28) + 100
    rng = Fixed(torch.Generator(), 1, slice(0, 1))
    planes = [augment_rows(ramp, replace(STILL, **params), rng)[0, 0] - 100 for ramp in ramps]
    # The ramps are linear, so between two pixels is between their values.
    x, y = 19, 17  # the first of the two pixels on either side of 6 right and 4 below
    values = [plane[y : y + 2, x : x + 2].mean().item() for plane in planes]
    assert values == pytest.approx(source, abs=0.05)


@pytest.mark.parametrize("kind", ["lines", "paper", "specks", "outline"])
def test_share_of_digits_is_changed(kind: str, images: torch.Tensor) -> None:
    plain = augment(images)
    for share, least, most in ((0.25, 8, 25), (1.0, 57, 64)):
        changed = augment(images, **{kind: share}) - plain
        assert least <= (changed.abs().amax((1, 2, 3)) > 25).sum() <= most


DIGIT = np.zeros((60, 60), bool)
DIGIT[20:40, 28:32] = True
FRAME = np.pad(np.zeros((28, 18), bool), 1, constant_values=True)  # a box around it


def pool(label: int, share: float) -> Pool:
    images = np.full((20, 28, 28), label, np.uint8)
    return Pool(images, np.full(20, label, np.uint8), share)


def first_batch(task: Classification, epoch: int = 0) -> Batch:
    return next(task.batches(epoch, torch.Generator().manual_seed(0), LeNet5()))


def test_batch_has_digits_and_pool_shares(train_slice: Split) -> None:
    recipe = Recipe("test", epochs=1, batch_size=40, outlier_weight=0.1, own=0.25)
    mine = Split(np.full((20, 28, 28), 99, np.uint8), np.array([7, NONE] * 10, np.uint8))
    pools = [pool(3, 0.5), pool(NONE, 0.25), Pool(mine.images, mine.labels, 0.25)]
    digits, own = train_slice[:40], OwnPictures(mine, mine, "")
    batch = first_batch(Classification(recipe, digits, digits, own=own, pools=pools))
    assert batch.size == 40
    shown = sorted(image.numpy().tobytes() for image in batch.inputs[batch.trained])
    assert shown == sorted(image.tobytes() for image in digits.images)
    added = batch.labels[~batch.trained & ~batch.own]
    assert [(added == label).sum() for label in (3, NONE)] == [20, 10]
    assert not batch.trained[:40].all()  # or one of two processes would get no digit
    same = (batch.inputs == batch.labels[:, None, None, None]).all((1, 2, 3))
    assert same[~batch.trained & ~batch.own].all()
    assert batch.own.tolist() == (batch.inputs == 99).all((1, 2, 3)).tolist()
    assert batch.own.sum() == 10 and not (batch.own & batch.trained).any()
    outliers = batch.labels == NONE
    assert batch.weights[outliers].sum() == pytest.approx(0.1)
    assert batch.weights[~outliers].sum() == pytest.approx(1)


def test_batch_has_at_least_one_picture_of_each_pool(train_slice: Split) -> None:
    recipe, pools = Recipe("test", epochs=1), [pool(3, 0.5), pool(NONE, 0.25)]
    task = Classification(recipe, train_slice[:1], train_slice, pools=pools)
    assert len(first_batch(task).inputs) == 3


def test_pools_stay_augmented_in_the_last_epochs(train_slice: Split) -> None:
    digits = train_slice[:8]
    recipe = Recipe("test", epochs=2, augmentation=Augmentation(), no_aug_fraction=0.5)
    pools = [Pool(digits.images, digits.labels, 1.0)]
    task = Classification(recipe, digits, digits, pools=pools)
    plain = {image.tobytes() for image in digits.images.astype(np.float32)}
    for epoch in range(2):
        batch = first_batch(task, epoch)
        kept = [image.numpy().tobytes() in plain for image in batch.inputs[:, 0].float()]
        assert kept == (batch.trained.tolist() if epoch else [False] * 16)


@pytest.mark.slow
@pytest.mark.usefixtures("slice_as_mnist")
def test_generate_pools(train_slice: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "MAX_FRAMES", 20)
    monkeypatch.setattr(examples, "MAX_OUTLIERS", 12)
    assert examples.generate_pools(Recipe("test", epochs=1), train_slice, 0) == []
    recipe, mine = Recipe("test", 1, frames=0.3, outlier_weight=0.1, own=0.4), train_slice[:5]
    shown, others, own = examples.generate_pools(recipe, train_slice, 0, mine)
    assert (shown.share, len(shown.images)) == (0.3, 20) and set(shown.labels) <= set(range(10))
    assert (others.share, len(others.images), set(others.labels)) == (0.25, 12, {NONE})
    assert (own.images is mine.images, own.labels is mine.labels, own.share) == (True, True, 0.4)


@pytest.mark.parametrize(
    ("ink", "left", "top", "expected"),
    [
        (DIGIT[20:40, 28:32], 28, 20, True),
        (FRAME | DIGIT[15:45, 20:40], 20, 15, False),  # more box than digit
        (DIGIT[20:34, 28:32], 28, 20, False),  # a piece
        (DIGIT, 0, 0, False),  # it would be too small in the frame
    ],
)
def test_matches(ink: np.ndarray, left: int, top: int, expected: bool) -> None:
    box = Box(left, top, left + ink.shape[1], top + ink.shape[0])
    assert frames.covers(Component(ink.astype(np.uint8) * 200, box), DIGIT) is expected


@pytest.mark.slow
def test_most_frames_are_what_they_should_be(materials: Materials, classifier: Classifier) -> None:
    images, labels = frames.draw_digits(materials, 60, 0)
    others = frames.draw_outliers(materials, 30, 0)
    assert (images.shape, others.shape) == ((60, 28, 28), (30, 28, 28))
    assert len({frame.tobytes() for frame in (*images, *others)}) > 80
    assert (classifier.model.probabilities(images).argmax(1) == labels).mean() > 0.85
    assert (classifier.model.probabilities(others).max(1) > classifier.threshold).mean() < 0.2


@pytest.mark.slow
def test_people_who_wrote_few_digits_or_blots(train_slice: Split) -> None:
    fives = small_materials(train_slice[train_slice.labels == 5], 3)
    images, labels = frames.draw_digits(fives, 5, 0)
    assert images.any((1, 2)).all() and (labels == 5).all()
    blots = Split(np.full((4, 28, 28), 255, np.uint8), np.full(4, 8, np.uint8))
    for materials in (fives, small_materials(blots, 3)):
        assert len(frames.draw_outliers(materials, 5, 0)) == 5


RECIPE = Recipe("test", epochs=4, augmentation=Augmentation(), own=0.25)


@pytest.fixture
def parent() -> Network:
    model = load_start(None, None).model
    assert isinstance(model, Network)
    return model


def test_none_comes_last_and_is_shared_evenly() -> None:
    logits = torch.arange(20.0).reshape(2, 10)
    eleven = with_none(logits, -3.0)
    assert torch.equal(eleven[:, :NONE], logits)
    assert eleven[:, NONE].tolist() == [-3.0, -3.0]
    assert with_none(logits)[:, NONE].tolist() == [0.0, 0.0]

    sure, none = torch.full((2, 10), -20.0).unbind()
    sure[4] = 20
    rows = probabilities(torch.stack([sure, none])).numpy()
    assert rows.sum(1) == pytest.approx(np.ones(2))
    assert rows[0] == pytest.approx(np.eye(10)[4], abs=1e-6)
    assert rows[1] == pytest.approx(np.full(10, 0.1), abs=1e-6)


@pytest.mark.slow
def test_parent_teaches_all_but_own_pictures(train_slice: Split, parent: Network) -> None:
    """It answers the changed pictures."""
    mine = Split(train_slice.images[:7], np.full(7, 3, np.uint8))
    own = OwnPictures(mine, mine, "")
    task = Classification(RECIPE, train_slice, train_slice, own=own, parent=parent)
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


@pytest.mark.slow
@pytest.mark.usefixtures("slice_as_mnist")
def test_comparison_counts_errors_of_both_networks(train_slice: Split, parent: Network) -> None:
    threes = LeNet5()  # which takes everything for a 3
    nn.init.zeros_(threes.fc3.weight)
    threes.fc3.bias.data = 9.0 * one_hot(torch.tensor(3), 10)
    digits, blank = train_slice[:40], np.zeros((1, 28, 28), np.uint8)
    held_back = Split(
        np.concatenate([digits.images, blank]), np.append(digits.labels, np.uint8(NONE))
    )
    own = OwnPictures(digits, held_back, "")
    task = Classification(RECIPE, digits, train_slice[40:80], own=own, parent=parent)
    mine, validation, camera = task.compare(threes)
    others = [int((split.labels != 3).sum()) for split in (held_back, task.validation)]
    assert (mine.tolerance, mine.total, mine.before, mine.after) == (None, 41, 0, others[0])
    assert (validation.tolerance, validation.total) == (0.001, 40)
    assert (validation.before, validation.after) == (0, others[1])
    assert (camera.tolerance, camera.total) == (0.001, 100)
    assert camera.before < 20 and camera.after > 80
