from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

from digits.data.datasets import Dataset, OwnPictures
from digits.data.mnist import Split
from digits.errors import DigitsError
from digits_train import models
from digits_train.checkpoint import Checkpoint
from digits_train.config import Augmentation, Recipe, TrainConfig
from digits_train.distill import ask, kl_divergence
from digits_train.examples import Pool
from digits_train.metrics import predict
from digits_train.models.network import NONE, with_none
from digits_train.prepare import create_state, make_task
from digits_train.tasks.classification import Classification
from tests.train.short import CPU, fit_digits
from tests.train.test_checkpoint import PROVENANCE

RECIPE = Recipe("test", epochs=4, augmentation=Augmentation())


def test_teachers_answer_the_changed_pictures(train_slice: Split) -> None:
    pool = Pool(train_slice.images[:7], np.full(7, NONE, np.uint8), 0.25)
    torch.manual_seed(0)
    teachers = [models.LeNet5(), models.LeNet5()]
    with torch.no_grad():
        for teacher in teachers:  # random ones answer everything alike
            list(teacher.parameters())[-2].mul_(100)
    task = Classification(RECIPE, train_slice, teachers=teachers, pools=[pool])
    rng = torch.Generator().manual_seed(0)
    batch = next(iter(task.batches(0, rng, CPU, models.LeNet5()))).targets
    assert not torch.equal(batch.images, batch.images.round())  # they are augmented
    each = [with_none(teacher(batch.images)).softmax(1).detach() for teacher in teachers]
    torch.testing.assert_close(batch.answers, (each[0] + each[1]) / 2)
    assert (batch.answers - batch.answers.roll(1, 0)).abs().max() > 0.2
    assert not batch.answers.requires_grad


def test_teachers_are_set_to_evaluation(train_slice: Split) -> None:
    """Dropout and batch norm would otherwise answer differently each time."""
    data = Dataset({"train": train_slice, "test": train_slice}, {})
    config = TrainConfig("lenet5", RECIPE)
    teachers = [Checkpoint(models.VGG16().train(), PROVENANCE, "5f")]
    task = make_task(config, data, teachers, None)
    task.start(CPU)
    assert isinstance(task, Classification) and not task.teachers[0].training


def test_too_many_teachers_are_refused(train_slice: Split) -> None:
    data = Dataset({"train": train_slice, "test": train_slice}, {})
    teachers = [Checkpoint(models.LeNet5(), PROVENANCE, "5f")] * 10
    with pytest.raises(DigitsError, match="10 teachers; at most 9 are possible"):
        make_task(TrainConfig("lenet5", RECIPE), data, teachers, None)


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
    list(fit_digits(student, recipe, train, teachers=[teacher.model]))
    assert (predict(student.model, sevens).argmax(1) == 1).float().mean() > 0.8
    for name, weight in teacher.model.state_dict().items():
        assert torch.equal(weight, before[name])


def test_outliers_keep_their_label(train_slice: Split) -> None:
    """A teacher that has seen no outliers takes them for digits."""
    pool = Pool(train_slice.images[:7], np.full(7, NONE, np.uint8), 0.25)
    task = Classification(RECIPE, train_slice, teachers=[models.LeNet5()], pools=[pool])
    rng = torch.Generator().manual_seed(0)
    batch = next(iter(task.batches(0, rng, CPU, models.LeNet5())))
    alone = batch.targets.labels == NONE
    logits = torch.randn(len(alone), 10, requires_grad=True)
    task.loss(logits, batch).objective.backward()  # type: ignore[no-untyped-call]
    expected = with_none(logits).softmax(1)[:, :10] * batch.targets.weights[:, None]
    assert logits.grad is not None and alone.any()
    torch.testing.assert_close(logits.grad[alone], expected[alone])


def test_own_pictures_keep_their_label(train_slice: Split) -> None:
    """In a fine-tuning, the network as it was answers all others, outliers too."""
    mine = Split(train_slice.images[:7], np.full(7, 3, np.uint8))
    pools = [Pool(train_slice.images[7:14], np.full(7, NONE, np.uint8), 0.25)]
    pools.append(Pool(mine.images, mine.labels, 0.25))
    recipe, parent = replace(RECIPE, own=0.25), models.LeNet5()
    own = OwnPictures(mine, mine, "")
    task = Classification(recipe, train_slice, own=own, teachers=[parent], pools=pools)
    rng = torch.Generator().manual_seed(0)
    batch = next(iter(task.batches(0, rng, CPU, parent)))
    _, labels, weights, _, is_own, answers = batch.targets
    logits = torch.randn(len(labels), 10, requires_grad=True)
    task.loss(logits, batch).objective.backward()  # type: ignore[no-untyped-call]
    wanted = torch.where(is_own[:, None], one_hot(labels, NONE + 1), answers)
    expected = (with_none(logits).softmax(1) - wanted)[:, :NONE] * weights[:, None]
    assert logits.grad is not None and is_own.any() and (labels == NONE).any()
    torch.testing.assert_close(logits.grad, expected.detach())


def test_fine_tuning_has_its_teacher(train_slice: Split) -> None:
    teacher = Checkpoint(models.LeNet5(), PROVENANCE, "5f")
    mine = OwnPictures(train_slice, train_slice, "")
    data = Dataset({"train": train_slice, "test": train_slice}, {}, mine)
    config = TrainConfig("lenet5", replace(RECIPE, own=0.25))
    with pytest.raises(DigitsError, match="has a teacher already: the network as it was"):
        make_task(config, data, [teacher], teacher)


@pytest.mark.parametrize("role", ["teacher", "start"])
def test_network_that_has_seen_the_validation_digits_is_refused(
    train_slice: Split, role: str
) -> None:
    seen = Checkpoint(models.LeNet5(), replace(PROVENANCE, validation_accuracy=None), "5f")
    teachers, parent = ([seen], None) if role == "teacher" else ([], seen)
    data = Dataset({"train": train_slice, "test": train_slice}, {})
    config = TrainConfig("lenet5", RECIPE)
    with pytest.raises(DigitsError, match="has learnt from the validation digits"):
        make_task(config, data, teachers, parent)
    make_task(replace(config, all_data=True), data, teachers, parent)


def test_kl_divergence() -> None:
    """The KL divergence of eleven classes: what is lost where it was sure, and nothing if equal."""
    generator = torch.Generator().manual_seed(0)
    logits, teacher = (5 * torch.randn(50, 10, generator=generator) for _ in range(2))
    logits.requires_grad_()
    p, q = (with_none(z).softmax(1) for z in (teacher, logits))
    losses = kl_divergence(logits, p)
    torch.testing.assert_close(losses, (p * (p / q).log()).sum(1), atol=1e-5, rtol=1e-4)
    assert (losses > 0).all()
    losses.sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, (q - p)[:, :10], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(kl_divergence(teacher, p), torch.zeros(50), atol=1e-5, rtol=0)


def test_ensemble_of_one_is_that_teacher() -> None:
    teacher, images = models.LeNet5(), torch.randint(0, 256, (5, 1, 28, 28)).float()
    torch.testing.assert_close(
        ask([teacher], images), with_none(teacher(images)).softmax(1).detach()
    )
