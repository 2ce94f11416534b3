"""Networks that classify digits."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from digits.data.datasets import OwnPictures
from digits.data.mnist import Split
from digits.terminal import print_stderr, progress_bar
from digits_train import calibration, diagnose
from digits_train.comparison import Comparison
from digits_train.config import Recipe
from digits_train.distributed import DistributedContext, autocast, has_bfloat16
from digits_train.examples import Batch, Examples, Pool, generate_pools, prefetch
from digits_train.metrics import (
    PREDICT_BATCH,
    EpochMetrics,
    Metrics,
    evaluate,
    loss_and_accuracy,
    predict,
)
from digits_train.models import AnyNetwork, Network
from digits_train.models.network import NONE, with_none
from digits_train.optim import measure_bn_statistics
from digits_train.tasks.task import Loss, Minibatch, Task

TOLERANCE = 0.001  # of MNIST's and the camera's digits, that a fine-tuning may cost

_PROBE = 1000  # training digits: to check for NaN, to compare the moving average with the network


@dataclass
class Classification(Task):
    """Training digits, what the recipe adds to them, and cross-entropy.

    test: None if the run isn't to be finished. own: one's own pictures, to fine-tune `parent` on,
    which is the network as it was: it teaches all else (Z. Li, D. Hoiem, "Learning without
    forgetting", ECCV 2016). pools: what the recipe adds to the digits.
    """

    recipe: Recipe
    train: Split
    validation: Split
    test: Split | None = None
    seed: int = 0
    own: OwnPictures | None = None
    parent: Network | None = None
    pools: Sequence[Pool] = ()
    _examples: Examples | None = None  # once they are needed

    divergence = 3 * math.log(10)  # nats, three times the loss of guessing

    @property
    def examples(self) -> int:
        return len(self.train)

    def start(self, dist: DistributedContext) -> None:
        """Generate what the recipe adds to the digits."""
        with progress_bar(shown=dist.is_main) as bar:
            bar.add_task("generating extra training pictures", total=None)
            own = self.own.train if self.own else None
            self.pools = generate_pools(self.recipe, self.train, self.seed, own)
        if self.parent is not None:
            self.parent = self.parent.to_device(dist.device).eval()

    def batches(
        self, epoch: int, rng: torch.Generator, dist: DistributedContext, model: AnyNetwork
    ) -> Iterator[Minibatch]:
        """All training digits in random order, and a share of each pool: see `Examples.batch`."""
        if self._examples is None:
            self._examples = Examples.of(self.train, self.pools, dist.device)
        order = torch.randperm(self.examples, generator=rng, device=dist.device)
        # Nearly equal batches: a last one of a few digits would be noise, and too small to
        # normalise.
        parts = torch.tensor_split(order, self.steps)
        draw = partial(self._examples.batch, self.recipe, epoch, rng, dist)

        def make(part: Tensor) -> Batch:
            batch = draw(part)
            return batch._replace(answers=ask(self.parent, batch.images)) if self.parent else batch

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
        return Loss((objective * weights).sum(), sums, int(trained.sum()))

    def settle(self, model: AnyNetwork) -> None:
        assert self._examples is not None
        measure_bn_statistics(model, self._examples.images[: self.examples], PREDICT_BATCH)

    def probe(self, model: AnyNetwork) -> Tensor:
        """The logits of some training digits."""
        few = Split(self.train.images[:_PROBE], self.train.labels[:_PROBE])
        return predict(model, few)

    def measure(self, model: AnyNetwork, number: int, means: Sequence[float]) -> EpochMetrics:
        loss, accuracy = means
        validated = loss_and_accuracy(predict(model, self.validation), self.validation)
        return EpochMetrics(number, loss, accuracy, *validated)

    def finish(
        self, model: AnyNetwork, folder: Path, history: Sequence[Metrics]
    ) -> tuple[dict[str, Any], str | None]:
        """See `Task.finish`. The plots show the validation digits."""
        from digits_train import plots  # imports matplotlib, which takes 0.6 s

        assert self.test is not None
        summary: dict[str, Any] = {}
        with progress_bar() as bar:
            bar.add_task("evaluating", total=None)
            logits, unseen = predict(model, self.validation), predict(model, self.test)
        for name, split, scores in (
            ("validation", self.validation, logits),
            ("test", self.test, unseen),
        ):
            loss, accuracy = loss_and_accuracy(scores, split)
            summary |= {f"{name}_loss": loss, f"{name}_accuracy": accuracy}
        result = evaluate(logits, self.validation, "validation")
        plots.curves(folder / "curves.png", history)
        plots.confusion(folder / "confusion.png", "validation digits", result)
        plots.mistakes(folder / "mistakes.png", "validation digits", result)

        last = history[-1]
        assert isinstance(last, EpochMetrics)
        digits = Split(self.train.images[:_PROBE], self.train.labels[:_PROBE])
        if warning := diagnose.ema_lag(evaluate(predict(model, digits), digits), last):
            print_stderr(f"warning: {warning}")
        if self.own is not None:
            summary["comparison"] = [asdict(each) for each in self._compare(model)]
        return summary, diagnose.failure(result, last, len(history) * self.steps)

    def _compare(self, model: AnyNetwork) -> Iterator[Comparison]:
        """The network before and after the fine-tuning."""
        assert self.own is not None and self.parent is not None
        with progress_bar() as bar:
            task = bar.add_task("comparing with the network as it was", total=None)
            sets = (
                ("pictures of your own, held back", None, self.own.held_back),
                ("validation digits of MNIST", TOLERANCE, self.validation),
                (
                    "digits of a synthetic camera",
                    *(TOLERANCE, calibration.draw_frames(self.validation)),
                ),
            )
            bar.update(task, total=2 * sum(len(split) for *_, split in sets))
            for name, tolerance, split in sets:
                counts = []
                for network in (self.parent, model):
                    counts.append(count_errors(network, split))
                    bar.advance(task, len(split))
                yield Comparison(name, tolerance, len(split), *counts)


@torch.no_grad()
def ask(network: Network, images: Tensor) -> Tensor:
    """A network's probabilities of the ten digits and of none: float32 [n, 11].

    images: [n, 1, 28, 28], 0 to 255, on the network's device.
    """
    with autocast(images.device, network.mixed_precision and has_bfloat16(images.device)):
        logits = network(images)
    return with_none(logits.float()).softmax(1)


def count_errors(model: AnyNetwork, split: Split) -> int:
    """How many digits are read wrong, and non-digits taken for digits."""
    if not len(split):
        return 0
    logits, labels = predict(model, split), torch.from_numpy(split.labels.astype(np.int64))
    answers = torch.where(labels == NONE, with_none(logits).argmax(1), logits.argmax(1))
    return int((answers != labels).sum())
