"""What classifiers learn of non-digits, and when they are fine-tuned on one's own pictures."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from digits.data.datasets import OwnPictures
from digits.data.mnist import Split
from digits_train.config import Augmentation, Recipe
from digits_train.examples import Pool
from digits_train.models import LeNet5, Network
from digits_train.models.network import NONE, probabilities, with_none
from digits_train.start import load_start
from digits_train.tasks.classification import Classification

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
