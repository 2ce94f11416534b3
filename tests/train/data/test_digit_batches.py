"""The batches of digits that a classifier learns from."""

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from digits.data.split import Split
from digits_train.data.digit_batches import Batch, DigitBatches, Pool
from digits_train.distributed import CPU, DistributedContext
from digits_train.models.network import NONE
from digits_train.recipes import Augmentation, ClassifierRecipe

PLAIN = ClassifierRecipe(name="test", epochs=2, batch_size=40)
AUGMENTED = replace(PLAIN, augmentation=Augmentation(), outlier_weight=0.1)


def pool(label: int, share: float) -> Pool:
    images = np.full((20, 28, 28), label, np.uint8)
    return Pool(images, np.full(20, label, np.uint8), share)


def first_batch(batches: DigitBatches, epoch: int = 0) -> Batch:
    return next(batches.epoch(epoch))


def test_batch_has_digits_and_pool_shares(train_slice: Split) -> None:
    digits, pools = train_slice[:40], [pool(3, 0.5), pool(NONE, 0.25)]
    recipe = replace(PLAIN, outlier_weight=0.1)
    images, labels, weights, are_digits = first_batch(DigitBatches(digits, recipe, 0, pools))
    shown = sorted(image.numpy().tobytes() for image in images[are_digits])
    assert shown == sorted(image.tobytes() for image in digits.images)
    added = labels[~are_digits]
    assert added.tolist() == [3] * 20 + [NONE] * 10
    assert (images == labels[:, None, None, None]).all((1, 2, 3))[~are_digits].all()
    assert weights[labels == NONE].sum() == pytest.approx(0.1)
    assert weights[labels != NONE].tolist() == pytest.approx([1 / 60] * 60)


def test_batch_has_at_least_one_picture_of_each_pool(train_slice: Split) -> None:
    pools = [pool(3, 0.5), pool(NONE, 0.25)]
    assert len(first_batch(DigitBatches(train_slice[:1], PLAIN, 0, pools)).images) == 3


def test_processes_share_a_batch_and_augment_otherwise(train_slice: Split) -> None:
    ranks = [DistributedContext(CPU.device, rank, 2) for rank in range(2)]
    digits = train_slice[:39]
    parts = [first_batch(DigitBatches(digits, PLAIN, 0, (), rank)) for rank in ranks]
    assert [len(part.images) for part in parts] == [20, 19]
    shown = sorted(image.numpy().tobytes() for part in parts for image in part.images)
    assert shown == sorted(image.tobytes() for image in digits.images)
    same = train_slice[np.zeros(40, int)]
    changed = [first_batch(DigitBatches(same, AUGMENTED, 0, (), rank)).images for rank in ranks]
    assert not torch.equal(*changed)


def test_pools_stay_augmented_in_the_last_epochs(train_slice: Split) -> None:
    digits = train_slice[:8]
    recipe = replace(PLAIN, augmentation=Augmentation(), no_aug_fraction=0.5)
    batches = DigitBatches(digits, recipe, 0, [Pool(digits.images, digits.labels, 1.0)])
    plain = {image.tobytes() for image in digits.images.astype(np.float32)}
    for epoch in range(2):
        batch = first_batch(batches, epoch)
        kept = [image.numpy().tobytes() in plain for image in batch.images[:, 0].float()]
        assert kept == (batch.are_digits.tolist() if epoch else [False] * 16)
