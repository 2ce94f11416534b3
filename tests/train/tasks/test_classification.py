"""Learning to classify digits: from themselves, pools, non-digits, and one's own pictures."""

from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from digits.data.datasets import OwnPictures
from digits.data.mnist import Split
from digits_train.distributed import CPU, DistributedContext
from digits_train.models import LeNet5, Network
from digits_train.models.network import NONE, probabilities, with_none
from digits_train.pools import Pool
from digits_train.recipes import Augmentation, Recipe
from digits_train.start import load_start
from digits_train.tasks import Classification
from digits_train.tasks.classification import Batch
from digits_train.training import begin
from tests.train.short import EXPERIMENT, dataset

PLAIN = Recipe(name="test", epochs=2, batch_size=40)
FINETUNE = replace(PLAIN, augmentation=Augmentation(), outlier_weight=0.1, own=0.25)


def classification(
    recipe: Recipe, train: Split, own: Any = None, parent: Any = None, rank: int = 0, size: int = 1
) -> Classification:
    dist = DistributedContext(CPU.device, rank, size)
    data = dataset(train, own=own)
    return Classification(replace(EXPERIMENT, recipe=recipe), data, parent, dist)


def first_batch(task: Classification, epoch: int = 0) -> Batch:
    training = begin(task.experiment, CPU.device)
    training.step = epoch * task.interval
    return next(task.batches(training))


def pool(label: int, share: float) -> Pool:
    images = np.full((20, 28, 28), label, np.uint8)
    return Pool(images, np.full(20, label, np.uint8), share)


def test_batch_has_digits_and_pool_shares(train_slice: Split) -> None:
    mine = Split(np.full((20, 28, 28), 99, np.uint8), np.array([7, NONE] * 10, np.uint8))
    digits = train_slice[:40]
    task = classification(replace(PLAIN, own=0.25), digits, OwnPictures(mine, mine, ""))
    task.pools = [pool(3, 0.5), pool(NONE, 0.25), Pool(mine.images, mine.labels, 0.25)]
    batch = first_batch(task)
    assert batch.size == 40
    shown = sorted(image.numpy().tobytes() for image in batch.inputs[batch.trained])
    assert shown == sorted(image.tobytes() for image in digits.images)
    added = batch.labels[~batch.trained & ~batch.own]
    assert [(added == label).sum() for label in (3, NONE)] == [20, 10]
    same = (batch.inputs == batch.labels[:, None, None, None]).all((1, 2, 3))
    assert same[~batch.trained & ~batch.own].all()
    assert batch.own.tolist() == (batch.inputs == 99).all((1, 2, 3)).tolist()
    assert batch.own.sum() == 10 and not (batch.own & batch.trained).any()


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
    task = classification(FINETUNE, train_slice, OwnPictures(mine, mine, ""), parent)
    task.pools = [
        Pool(train_slice.images[7:14], np.full(7, NONE, np.uint8), 0.25),
        Pool(mine.images, mine.labels, 0.25),
    ]
    batch = first_batch(task)
    images, labels, trained, is_own, *_ = batch
    assert is_own.any() and (labels == NONE).any() and not torch.equal(images, images.round())
    logits = torch.randn(len(labels), 10, requires_grad=True)
    objective, sums = task.loss(parent, logits, batch)
    objective.backward()  # type: ignore[no-untyped-call]
    answers = with_none(parent(images)).softmax(1)
    wanted = torch.where(is_own[:, None], one_hot(labels, NONE + 1), answers)
    outliers = labels == NONE
    weights = torch.where(outliers, 0.1 / outliers.sum(), 1 / (~outliers).sum())
    expected = (with_none(logits).softmax(1) - wanted)[:, :NONE] * weights[:, None]
    torch.testing.assert_close(logits.grad, expected.detach())
    # The loss and accuracy are those of the training digits and their labels alone.
    digits = logits[trained], labels[trained]
    right = (digits[0].argmax(1) == digits[1]).sum()
    losses = cross_entropy(with_none(digits[0]), digits[1], reduction="sum")
    assert sums["train_loss"].item() == pytest.approx(losses.item())
    assert sums["train_accuracy"].item() == right


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
    data = dataset(digits, train_slice[40:80], OwnPictures(digits, held_back, ""))
    task = Classification(EXPERIMENT, data, parent)
    mine, validation, camera = task.compare(threes)
    others = [int((split.labels != 3).sum()) for split in (held_back, task.validation)]
    assert (mine.tolerance, mine.total, mine.before, mine.after) == (None, 41, 0, others[0])
    assert (validation.tolerance, validation.total) == (0.001, 40)
    assert (validation.before, validation.after) == (0, others[1])
    assert (camera.tolerance, camera.total) == (0.001, 100)
    assert camera.before < 20 and camera.after > 80
