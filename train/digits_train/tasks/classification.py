"""Networks that classify digits."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from digits.adapt import are_wrong
from digits.data.datasets import OwnPictures
from digits.data.mnist import Split
from digits.evaluation.digits import Evaluation
from digits.terminal import progress_bar
from digits_train import calibration, diagnose
from digits_train.augment import BatchRng, augment
from digits_train.comparison import Comparison
from digits_train.config import Recipe
from digits_train.distributed import CPU, DistributedContext, has_bfloat16
from digits_train.examples import Pool, generate_pools, prefetch
from digits_train.metrics import Metrics, predict, scores
from digits_train.models import BaseNetwork, Network
from digits_train.models.network import NONE, probabilities, with_none

TOLERANCE = 0.001  # of MNIST's and the camera's digits, that a fine-tuning may cost


class Batch(NamedTuple):
    """What a process learns from in one step.

    inputs: [n, 1, 28, 28], 0 to 255. labels: int64 [n]. weights: float32 [n], of the losses: over
    all processes, those of the digits sum to 1 and those of the outliers to the recipe's weight.
    trained: bool [n], True for training digits, which alone the epoch's metrics count. own: bool
    [n], True for one's own pictures. answers: float32 [n, 11], to learn instead of labels, or None.
    size: the number of training digits, over all processes.
    """

    inputs: Tensor
    labels: Tensor
    weights: Tensor
    trained: Tensor
    own: Tensor
    answers: Tensor | None
    size: int


@dataclass
class Classification:
    """Training digits, what the recipe adds to them, and cross-entropy.

    A fine-tuning's `parent` teaches all but one's own pictures (Z. Li, D. Hoiem, "Learning without
    forgetting", ECCV 2016). test: None if the run isn't to be finished. pools: what the recipe adds
    to the digits, one's own pictures last.
    """

    recipe: Recipe
    train: Split
    validation: Split
    seed: int = 0
    own: OwnPictures | None = None
    parent: Network | None = None
    dist: DistributedContext = CPU
    test: Split | None = None
    pools: Sequence[Pool] = ()

    divergence: ClassVar = 3 * math.log(10)  # nats, three times the loss of guessing
    means: ClassVar = ("train_loss", "train_accuracy")
    line: ClassVar = (
        "loss {train_loss:.4f}  accuracy {train_accuracy:.2%}"
        "  validation loss {validation_loss:.4f}  accuracy {validation_accuracy:.2%}"
    )

    @property
    def examples(self) -> int:
        return len(self.train)

    @property
    def steps(self) -> int:
        return math.ceil(self.examples / self.recipe.batch_size)

    @property
    def samples(self) -> Tensor:
        return torch.tensor(self.train.images[:1000, None])

    def start(self) -> None:
        """Generate what the recipe adds to the digits."""
        with progress_bar(visible=self.dist.is_main) as bar:
            bar.add_task("generating extra training pictures", total=None)
            own = self.own.train if self.own else None
            self.pools = generate_pools(self.recipe, self.train, self.seed, own)

    def batches(self, epoch: int, rng: torch.Generator, model: BaseNetwork) -> Iterator[Batch]:
        """All training digits in random order, and a share of each pool."""
        order = torch.randperm(self.examples, generator=rng, device=self.dist.device)
        # Nearly equal batches: a last one of a few digits would be noise, and hard to normalise.
        parts = torch.tensor_split(order, self.steps)
        return prefetch(partial(self._batch, epoch, rng), parts)

    @cached_property
    def _pictures(self) -> tuple[Tensor, Tensor]:
        """The training digits and then each pool, on the device: uint8 images, int64 labels."""
        images = np.concatenate([self.train.images, *(pool.images for pool in self.pools)])
        labels = np.concatenate([self.train.labels, *(pool.labels for pool in self.pools)])
        device = self.dist.device
        return (
            torch.tensor(images, device=device).unsqueeze(1),
            torch.tensor(labels, device=device, dtype=torch.int64),
        )

    def _batch(self, epoch: int, rng: torch.Generator, digits: Tensor) -> Batch:
        """This process's part of a batch. digits: indices of the training digits in all of it."""
        recipe, device = self.recipe, self.dist.device
        all_images, all_labels = self._pictures
        parts, start = [digits], self.examples
        for pool in self.pools:
            size, end = (max(1, round(pool.share * len(digits))),), start + len(pool.labels)
            parts.append(torch.randint(start, end, size, generator=rng, device=device))
            start = end
        chosen = torch.cat(parts)
        if self.pools:  # or one of two processes would get no digit
            chosen = chosen[torch.randperm(len(chosen), generator=rng, device=device)]
        rows = self.dist.local_slice(len(chosen))
        indices = chosen[rows]
        images, labels, trained = all_images[indices], all_labels[indices], indices < self.examples
        as_they_are = recipe.augmentation_in(epoch) is None  # the digits; the pools are too small
        if recipe.augmentation is not None and (self.pools or not as_they_are):
            changed = augment(images, recipe.augmentation, BatchRng(rng, len(chosen), rows))
            if as_they_are:
                changed[trained] = images[trained].float()
            images = changed
        outliers = (all_labels[chosen] == NONE).sum()
        weights = torch.where(
            labels == NONE, recipe.outlier_weight / outliers, 1 / (len(chosen) - outliers)
        )
        own = indices >= len(all_labels) - (len(self.own.train) if self.own else 0)
        return Batch(images, labels, weights, trained, own, self._answers(images), len(digits))

    def _answers(self, images: Tensor) -> Tensor | None:
        if self.parent is None:
            return None
        device = self.dist.device
        mixed = self.parent.mixed_precision and has_bfloat16(device)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            logits = self.parent(images)
        return with_none(logits.float()).softmax(1)

    def loss(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Cross-entropy in nats; and the sums of that and of accuracy, of the digits.

        In a fine-tuning, only one's own pictures teach anything new; the sums are of all the same.
        """
        logits, labels = outputs.float(), batch.labels
        losses = objective = cross_entropy(with_none(logits), labels, reduction="none")
        if batch.answers is not None:
            distilled = cross_entropy(with_none(logits), batch.answers, reduction="none")
            objective = torch.where(batch.own, losses, distilled)
        sums = torch.stack([losses.detach(), logits.argmax(1) == labels]) @ batch.trained.float()
        return (objective * batch.weights).sum(), sums

    def validate(self, model: BaseNetwork) -> Metrics:
        return scores("validation", predict(model, self.validation), self.validation)

    def evaluate(self, model: BaseNetwork, folder: Path) -> tuple[dict[str, Any], str | None]:
        """The plots show the validation digits."""
        from digits_train import plots  # imports matplotlib, which takes 0.6 s

        assert self.test is not None
        logits = predict(model, self.validation)
        result = Evaluation()
        result.add(self.validation, probabilities(logits).numpy())
        summary = scores("validation", logits, self.validation)
        summary |= scores("test", predict(model, self.test), self.test)
        plots.confusion(folder / "confusion.png", "validation digits", result.confusion)
        plots.mistakes(folder / "mistakes.png", "validation digits", result)
        return summary, diagnose.failure(result)

    def compare(self, model: BaseNetwork) -> Iterator[Comparison]:
        assert self.own is not None and self.parent is not None
        frames = calibration.draw_frames(self.validation)
        for name, tolerance, split in (
            ("pictures of your own, held back", None, self.own.held_back),
            ("validation digits of MNIST", TOLERANCE, self.validation),
            ("digits of a synthetic camera", TOLERANCE, frames),
        ):
            counts = [count_errors(network, split) for network in (self.parent, model)]
            yield Comparison(name, tolerance, len(split), *counts)


def count_errors(model: BaseNetwork, split: Split) -> int:
    """How many digits are read wrong, and non-digits taken for digits."""
    if not len(split):
        return 0
    return int(are_wrong(with_none(predict(model, split)).numpy(), split.labels).sum())
