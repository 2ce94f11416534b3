from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from digits.data.datasets import Dataset
from digits.data.mnist import Split
from digits.errors import DigitsError
from digits_train import distributed, models
from digits_train.checkpoint import Checkpoint
from digits_train.config import Augmentation, Recipe, TrainConfig
from digits_train.distill import ask, distillation_loss, preservation_loss
from digits_train.examples import Examples, Pool
from digits_train.metrics import predict
from digits_train.models.network import NONE, with_none
from digits_train.prepare import check_teacher, create_state, make_task
from tests.train.short import CPU, fit_digits
from tests.train.test_checkpoint import PROVENANCE

RECIPE = Recipe("test", epochs=4, augmentation=Augmentation(), no_aug_fraction=0.25)


def test_teacher_answers_pictures_as_they_are(train_slice: Split) -> None:
    pool = Pool(train_slice.images[:7], np.full(7, NONE, np.uint8), 0.25)
    teacher = models.LeNet5()
    taught = Examples.of(train_slice, [pool], CPU.device)
    taught = replace(taught, teacher_logits=ask(teacher, taught.images, CPU))
    rng = torch.Generator().manual_seed(0)
    assert taught.batch(RECIPE, 2, rng, CPU, torch.arange(50)).teacher is None  # augmented
    batch = taught.batch(RECIPE, 3, rng, CPU, torch.arange(50))
    assert (batch.labels == NONE).any()
    torch.testing.assert_close(batch.teacher, teacher(batch.images).detach())


def test_teacher_keeps_its_own_number_of_threads(
    train_slice: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VGG-16 once answered with LeNet-5's single thread."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(distributed, "DEFAULT_THREADS", 2)
    teacher, seen = models.LeNet5(), []
    monkeypatch.setattr(teacher, "threads", None)
    teacher.register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
    before, config = torch.get_num_threads(), TrainConfig("lenet5", Recipe("test", epochs=1))
    try:
        create_state(config, CPU.device)  # with LeNet-5's one thread
        data = Dataset({"train": train_slice, "test": train_slice}, {})
        make_task(config, data, Checkpoint(teacher, PROVENANCE, "5f"), None).start(CPU)
        assert (seen, torch.get_num_threads()) == ([2], 1)
    finally:
        torch.set_num_threads(before)


def test_recipe_that_always_augments_is_refused() -> None:
    check_teacher(RECIPE)
    check_teacher(replace(RECIPE, augmentation=None, no_aug_fraction=0))
    with pytest.raises(DigitsError, match="without augmentation, and there are none: raise"):
        check_teacher(replace(RECIPE, epochs=1))


@pytest.mark.slow
def test_student_learns_teachers_answers(train_slice: Split) -> None:
    """The teacher calls sevens ones, contrary to the labels."""
    recipe = Recipe("test", epochs=12, batch_size=32, learning_rate=2e-3)
    train = Split(train_slice.images[:800], train_slice.labels[:800])
    sevens = Split(train_slice.images[800:][train_slice.labels[800:] == 7], np.empty(0, np.uint8))
    wrong = Split(train.images, np.where(train.labels == 7, 1, train.labels).astype(np.uint8))
    teacher, student = (create_state(TrainConfig("lenet5", recipe), CPU.device) for _ in range(2))
    list(fit_digits(teacher, recipe, wrong))
    before = {name: weight.clone() for name, weight in teacher.model.state_dict().items()}
    assert isinstance(teacher.model, models.Network)
    answers = ask(teacher.model, torch.tensor(train.images).unsqueeze(1), CPU)
    list(fit_digits(student, recipe, train, teacher_logits=answers))
    assert (predict(student.model, sevens).argmax(1) == 1).float().mean() > 0.8
    for name, weight in teacher.model.state_dict().items():
        assert torch.equal(weight, before[name])


def test_distillation_loss() -> None:
    """T² times the KL divergence of eleven classes at T = 4; non-digits keep their loss."""
    generator = torch.Generator().manual_seed(0)
    logits, teacher = (5 * torch.randn(50, 10, generator=generator) for _ in range(2))
    labels = torch.randint(0, NONE + 1, (50,), generator=generator)
    losses = cross_entropy(with_none(logits), labels, reduction="none")
    p, q = (with_none(z / 4).softmax(1) for z in (teacher, logits))
    mixed = 0.1 * losses + 0.9 * 16 * (p * (p / q).log()).sum(1)
    expected = torch.where(labels == NONE, losses, mixed)
    assert (labels == NONE).any()
    torch.testing.assert_close(distillation_loss(losses, logits, teacher, labels), expected)


def test_preservation_loss() -> None:
    """The KL divergence of eleven classes: what is lost where it was sure, and nothing if equal."""
    generator = torch.Generator().manual_seed(0)
    logits, parent = (5 * torch.randn(50, 10, generator=generator) for _ in range(2))
    logits.requires_grad_()
    p, q = (with_none(z).softmax(1) for z in (parent, logits))
    losses = preservation_loss(logits, parent)
    torch.testing.assert_close(losses, (p * (p / q).log()).sum(1), atol=1e-5, rtol=1e-4)
    assert (losses > 0).all()
    losses.sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, (q - p)[:, :10], atol=1e-5, rtol=1e-4)
    assert not preservation_loss(parent, parent).any()
