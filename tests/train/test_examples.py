"""What a network learns from beside the training digits: pools, and frames of pictures."""

import numpy as np
import pytest
import torch

from digits import Classifier
from digits.data.datasets import OwnPictures
from digits.data.mnist import Split
from digits.vision.components import Box, Component
from digits_train import examples, frames
from digits_train.camera.materials import Materials
from digits_train.config import Augmentation, Recipe
from digits_train.examples import Pool
from digits_train.models import LeNet5
from digits_train.models.network import NONE
from digits_train.tasks.classification import Batch, Classification
from tests.train import small_materials

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
    assert frames.matches(Component(ink.astype(np.uint8) * 200, box), DIGIT) is expected


@pytest.mark.slow
def test_most_frames_are_what_they_should_be(materials: Materials, classifier: Classifier) -> None:
    images, labels = frames.digits(materials, 60, 0)
    others = frames.outliers(materials, 30, 0)
    assert (images.shape, others.shape) == ((60, 28, 28), (30, 28, 28))
    assert len({frame.tobytes() for frame in (*images, *others)}) > 80
    assert (classifier.model.probabilities(images).argmax(1) == labels).mean() > 0.85
    assert (classifier.model.probabilities(others).max(1) > classifier.threshold).mean() < 0.2


def test_people_who_wrote_few_digits(train_slice: Split) -> None:
    fives = small_materials.make(train_slice[train_slice.labels == 5], 3)
    images, labels = frames.digits(fives, 5, 0)
    assert images.any((1, 2)).all() and (labels == 5).all()
    assert len(frames.outliers(fives, 5, 0)) == 5


@pytest.mark.slow
def test_own_pictures_that_are_all_blots() -> None:
    blots = Split(np.full((4, 28, 28), 255, np.uint8), np.full(4, 8, np.uint8))
    assert len(frames.outliers(small_materials.make(blots, 3), 5, 0)) == 5
