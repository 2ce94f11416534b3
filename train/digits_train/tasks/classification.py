"""Networks that classify digits."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from digits.data.datasets import OwnPictures
from digits.data.mnist import Split
from digits.evaluation.digits import Evaluation
from digits.terminal import progress_bar
from digits_train import calibration, diagnose
from digits_train.comparison import Comparison
from digits_train.config import Recipe
from digits_train.distributed import DistributedContext, autocast, has_bfloat16
from digits_train.examples import Batch, Examples, Pool, generate_pools, prefetch
from digits_train.metrics import EpochMetrics, Metrics, loss_and_accuracy, predict
from digits_train.models import AnyNetwork, Network
from digits_train.models.network import NONE, probabilities, with_none
from digits_train.tasks.minibatch import Loss, Minibatch

TOLERANCE = 0.001  # of MNIST's and the camera's digits, that a fine-tuning may cost


@dataclass
class Classification:
    """Training digits, what the recipe adds to them, and cross-entropy.

    A fine-tuning's `parent` teaches all but one's own pictures (Z. Li, D. Hoiem, "Learning without
    forgetting", ECCV 2016). test: None if the run isn't to be finished. pools: what the recipe adds
    to the digits.
    """

    recipe: Recipe
    train: Split
    validation: Split
    seed: int = 0
    own: OwnPictures | None = None
    parent: Network | None = None
    test: Split | None = None
    pools: Sequence[Pool] = ()
    _examples: Examples | None = None  # once they are needed

    divergence: ClassVar = 3 * math.log(10)  # nats, three times the loss of guessing
    metrics: ClassVar[Callable[..., Metrics]] = EpochMetrics

    @property
    def examples(self) -> int:
        return len(self.train)

    @property
    def steps(self) -> int:
        return math.ceil(self.examples / self.recipe.batch_size)

    @property
    def samples(self) -> Tensor:
        return torch.tensor(self.train.images[:1000, None])

    def start(self, dist: DistributedContext) -> None:
        """Generate what the recipe adds to the digits."""
        with progress_bar(shown=dist.is_main) as bar:
            bar.add_task("generating extra training pictures", total=None)
            own = self.own.train if self.own else None
            self.pools = generate_pools(self.recipe, self.train, self.seed, own)

    def batches(
        self, epoch: int, rng: torch.Generator, dist: DistributedContext, model: AnyNetwork
    ) -> Iterator[Minibatch]:
        """All training digits in random order, and a share of each pool: see `Examples.batch`."""
        examples = self._examples or Examples(self.train, self.pools, dist.device)
        self._examples = examples
        order = torch.randperm(self.examples, generator=rng, device=dist.device)
        # Nearly equal batches: a last one of a few digits would be noise, and hard to normalise.
        parts = torch.tensor_split(order, self.steps)

        def make(part: Tensor) -> Batch:
            batch, parent = examples.batch(self.recipe, epoch, rng, dist, part), self.parent
            if parent is None:
                return batch
            mixed = parent.mixed_precision and has_bfloat16(dist.device)
            with torch.no_grad(), autocast(dist.device, mixed):
                logits = parent(batch.images)
            return batch._replace(answers=with_none(logits.float()).softmax(1))

        for part, batch in zip(parts, prefetch(make, parts), strict=True):
            yield Minibatch(batch.images, batch, len(part))

    def loss(self, outputs: Any, batch: Minibatch) -> Loss:
        """Cross-entropy. sums: of that and of accuracy, of the digits.

        In a fine-tuning, only one's own pictures teach anything new.
        """
        logits: Tensor = outputs.float()
        _, labels, weights, trained, own, answers = batch.targets
        losses = objective = cross_entropy(with_none(logits), labels, reduction="none")
        if answers is not None:
            distilled = cross_entropy(with_none(logits), answers, reduction="none")
            objective = torch.where(own, losses, distilled)
        correct = (logits.argmax(1) == labels)[trained].sum()
        sums = torch.stack([losses.detach()[trained].sum(), correct])
        return Loss((objective * weights).sum(), sums)

    def validate(self, model: AnyNetwork) -> dict[str, float]:
        return _scores("validation", predict(model, self.validation), self.validation)

    def evaluate(self, model: AnyNetwork, folder: Path) -> tuple[dict[str, Any], str | None]:
        """The plots show the validation digits."""
        from digits_train import plots  # imports matplotlib, which takes 0.6 s

        assert self.test is not None
        logits = predict(model, self.validation)
        result = Evaluation()
        result.add(self.validation, probabilities(logits).numpy())
        summary = _scores("validation", logits, self.validation)
        summary |= _scores("test", predict(model, self.test), self.test)
        plots.confusion(folder / "confusion.png", "validation digits", result.confusion)
        plots.mistakes(folder / "mistakes.png", "validation digits", result)
        return summary, diagnose.failure(result)

    def compare(self, model: AnyNetwork) -> Iterator[Comparison]:
        assert self.own is not None and self.parent is not None
        frames = calibration.draw_frames(self.validation)
        for name, tolerance, split in (
            ("pictures of your own, held back", None, self.own.held_back),
            ("validation digits of MNIST", TOLERANCE, self.validation),
            ("digits of a synthetic camera", TOLERANCE, frames),
        ):
            counts = [count_errors(network, split) for network in (self.parent, model)]
            yield Comparison(name, tolerance, len(split), *counts)


def _scores(name: str, logits: Tensor, split: Split) -> dict[str, float]:
    loss, accuracy = loss_and_accuracy(logits, split)
    return {f"{name}_loss": loss, f"{name}_accuracy": accuracy}


def count_errors(model: AnyNetwork, split: Split) -> int:
    """How many digits are read wrong, and non-digits taken for digits."""
    if not len(split):
        return 0
    logits, labels = predict(model, split), torch.from_numpy(split.labels.astype(np.int64))
    answers = torch.where(labels == NONE, with_none(logits).argmax(1), logits.argmax(1))
    return int((answers != labels).sum())
