"""Learning to classify digits: from themselves, pools, non-digits, and one's own pictures."""

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from torch.nn.functional import cross_entropy

from digits.data.split import Split
from digits_train.data.pools import Pool
from digits_train.distributed import CPU, DistributedContext
from digits_train.models import LeNet5
from digits_train.models.network import NONE, probabilities, with_none
from digits_train.recipes import Augmentation, ClassifierRecipe
from digits_train.tasks import Classification
from digits_train.tasks.classification import Batch
from digits_train.training import begin
from tests.train.short import EXPERIMENT, dataset

PLAIN = ClassifierRecipe(name="test", epochs=2, batch_size=40)
FINETUNE = replace(PLAIN, augmentation=Augmentation(), outlier_weight=0.1, own=0.25)


def classification(
    recipe: ClassifierRecipe, train: Split, rank: int = 0, size: int = 1
) -> Classification:
    dist = DistributedContext(CPU.device, rank, size)
    data = dataset(train)
    return Classification(replace(EXPERIMENT, recipe=recipe), data, dist)


def first_batch(task: Classification, epoch: int = 0) -> Batch:
    training = begin(task.experiment, CPU.device)
    training.step = epoch * task.interval
    return next(task.batches(training))


def pool(label: int, share: float) -> Pool:
    images = np.full((20, 28, 28), label, np.uint8)
    return Pool(images, np.full(20, label, np.uint8), share)


def test_batch_has_digits_and_pool_shares(train_slice: Split) -> None:
    digits = train_slice[:40]
    task = classification(PLAIN, digits)
    task.pools = [pool(3, 0.5), pool(NONE, 0.25)]
    batch = first_batch(task)
    assert batch.size == 40
    shown = sorted(image.numpy().tobytes() for image in batch.inputs[batch.trained])
    assert shown == sorted(image.tobytes() for image in digits.images)
    added = batch.labels[~batch.trained]
    assert added.tolist() == [3] * 20 + [NONE] * 10
    same = (batch.inputs == batch.labels[:, None, None, None]).all((1, 2, 3))
    assert same[~batch.trained].all()


def test_batch_has_at_least_one_picture_of_each_pool(train_slice: Split) -> None:
    task = classification(PLAIN, train_slice[:1])
    task.pools = [pool(3, 0.5), pool(NONE, 0.25)]
    assert len(first_batch(task).inputs) == 3


def test_processes_share_a_batch_and_augment_otherwise(train_slice: Split) -> None:
    digits = train_slice[:39]
    parts = [first_batch(classification(PLAIN, digits, rank=rank, size=2)) for rank in range(2)]
    assert [part.size for part in parts] == [20, 19]
    shown = sorted(image.numpy().tobytes() for part in parts for image in part.inputs)
    assert shown == sorted(image.tobytes() for image in digits.images)
    changed = []
    for rank in range(2):
        task = classification(FINETUNE, train_slice[np.zeros(40, int)], rank=rank, size=2)
        changed.append(first_batch(task).inputs)
    assert not torch.equal(*changed)


def test_pools_stay_augmented_in_the_last_epochs(train_slice: Split) -> None:
    digits = train_slice[:8]
    recipe = replace(PLAIN, augmentation=Augmentation(), no_aug_fraction=0.5)
    task = classification(recipe, digits)
    task.pools = [Pool(digits.images, digits.labels, 1.0)]
    plain = {image.tobytes() for image in digits.images.astype(np.float32)}
    for epoch in range(2):
        batch = first_batch(task, epoch)
        kept = [image.numpy().tobytes() in plain for image in batch.inputs[:, 0].float()]
        assert kept == (batch.trained.tolist() if epoch else [False] * 16)


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


def test_loss_weighs_outliers_and_counts_training_digits_alone(train_slice: Split) -> None:
    task = classification(FINETUNE, train_slice)
    labels = torch.tensor([3, 1, 4, NONE, NONE])
    trained = torch.tensor([True, True, False, False, False])
    batch = Batch(torch.zeros(5, 1, 28, 28), labels, trained, 2)
    logits = torch.randn(5, 10)
    losses = cross_entropy(with_none(logits), labels, reduction="none")
    objective, sums = task.loss(LeNet5(), logits, batch)
    torch.testing.assert_close(objective, losses[:3].mean() + 0.1 * losses[3:].mean())
    assert sums["train_loss"].item() == pytest.approx(losses[:2].sum().item())
    assert sums["train_accuracy"].item() == (logits.argmax(1) == labels)[:2].sum()
