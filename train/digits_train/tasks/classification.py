"""Networks that classify digits."""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from random import Random
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from digits.data.split import Split
from digits.errors import DataError
from digits.evaluation.digits import Evaluation
from digits.terminal import progress_bar
from digits_train import verdict
from digits_train.augment import augment
from digits_train.camera import fonts
from digits_train.data import datasets
from digits_train.data.datasets import Dataset
from digits_train.data.loader import prefetch
from digits_train.data.pools import Pool, generate_pools
from digits_train.experiment import Experiment
from digits_train.models import BaseNetwork
from digits_train.models.network import NONE, probabilities, with_none
from digits_train.recipes import ClassifierRecipe
from digits_train.tasks.task import Task
from digits_train.training import Metrics, Training


class Batch(NamedTuple):
    """What a process learns from in one step.

    inputs: [n, 1, 28, 28], 0 to 255. labels: int64 [n]. trained: bool [n], True for training
    digits, which alone the metrics count. size: the number of training digits.
    """

    inputs: Tensor
    labels: Tensor
    trained: Tensor
    size: int


@dataclass
class Classification(Task[ClassifierRecipe, Batch]):
    """Training digits, what the recipe adds to them, and cross-entropy.

    pools: what the recipe adds to the digits.
    """

    pools: Sequence[Pool] = ()

    divergence: ClassVar = 3 * math.log(10)  # nats, three times the loss of guessing
    line: ClassVar = (
        "loss {train_loss:.4f}  accuracy {train_accuracy:.2%}"
        "  validation loss {validation_loss:.4f}  accuracy {validation_accuracy:.2%}"
    )

    @staticmethod
    def load(experiment: Experiment, data: Path | None) -> Dataset:
        recipe = experiment.recipe
        assert isinstance(recipe, ClassifierRecipe)
        if recipe.own:
            if experiment.init is None:
                raise DataError(f"the recipe {recipe.name} needs --start: what to fine-tune")
            if data is None:
                raise DataError(
                    f"the recipe {recipe.name} needs --data: your own labelled pictures"
                )
            dataset = datasets.load_own(data, datasets.warn_of_skipped)
        else:
            dataset = datasets.load(data, datasets.warn_of_skipped)
        if recipe.draws:
            fonts.download()
        return dataset

    @property
    def train(self) -> Split:
        return self.data.splits["train"]

    @property
    def validation(self) -> Split:
        return self.data.splits["validation"]

    @property
    def steps(self) -> int:
        return self.recipe.epochs * self.interval

    @property
    def interval(self) -> int:
        """The steps of an epoch."""
        return math.ceil(len(self.train) / self.recipe.batch_size)

    def start(self) -> None:
        """Generate what the recipe adds to the digits."""
        with progress_bar(visible=self.dist.is_main) as bar:
            bar.add_task("generating extra training pictures", total=None)
            self.pools = generate_pools(self.experiment, self.train, self.data.own)

    def batches(self, training: Training) -> Generator[Batch]:
        """All training digits in random order, and a share of each pool, epoch after epoch."""
        for epoch in range(training.step // self.interval, self.recipe.epochs):
            shared, rng = (self._generator(epoch, rank) for rank in (None, self.dist.rank))
            order = torch.randperm(len(self.train), generator=shared, device=self.dist.device)
            # Nearly equal batches: a last one of a few digits would be noise.
            batches = torch.tensor_split(order, self.interval)
            shares = (batch[self.dist.rank :: self.dist.world_size] for batch in batches)
            yield from prefetch(partial(self._batch, epoch, rng), shares)

    def _generator(self, epoch: int, rank: int | None) -> torch.Generator:
        """Random numbers for an epoch: of a process, or the same in all of them."""
        seed = Random(f"{self.experiment.seed} {epoch} {rank}").getrandbits(63)
        return torch.Generator(self.dist.device).manual_seed(seed)

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
        """Add other pictures to some training digits, which are given by their indices."""
        recipe, device = self.recipe, self.dist.device
        all_images, all_labels = self._pictures
        groups, start = [digits], len(self.train)
        for pool in self.pools:
            size, end = (max(1, round(pool.share * len(digits))),), start + len(pool.labels)
            groups.append(torch.randint(start, end, size, generator=rng, device=device))
            start = end
        indices = torch.cat(groups)
        images, labels, trained = (
            all_images[indices],
            all_labels[indices],
            indices < len(self.train),
        )
        as_they_are = recipe.augmentation_in(epoch) is None  # the digits; the pools are too small
        if recipe.augmentation is not None and (self.pools or not as_they_are):
            changed = augment(images, recipe.augmentation, rng)
            if as_they_are:
                changed[trained] = images[trained].float()
            images = changed
        return Batch(images, labels, trained, len(digits))

    def loss(
        self, model: BaseNetwork, outputs: Tensor, batch: Batch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy in nats: the mean of the digits, and that of outliers by their weight."""
        logits, labels = outputs.float(), batch.labels
        losses = cross_entropy(with_none(logits), labels, reduction="none")
        is_outlier = labels == NONE
        outliers = is_outlier.sum()
        weights = torch.where(
            is_outlier, self.recipe.outlier_weight / outliers, 1 / (len(labels) - outliers)
        )
        trained = batch.trained.float()
        right = (logits.argmax(1) == labels).float()
        sums = {"train_loss": losses.detach() @ trained, "train_accuracy": right @ trained}
        return (losses * weights).sum(), sums

    def validate(self, model: BaseNetwork) -> Metrics:
        return scores("validation", predict(model, self.validation), self.validation)

    def evaluate(self, model: BaseNetwork, folder: Path) -> tuple[dict[str, Any], str | None]:
        """The plots show the validation digits."""
        from digits_train import plots  # imports matplotlib, which takes 0.6 s

        logits, test = predict(model, self.validation), self.data.splits["test"]
        result = Evaluation()
        result.add(self.validation, probabilities(logits).numpy())
        summary = scores("validation", logits, self.validation)
        summary |= scores("test", predict(model, test), test)
        held_back = self.data.own_held_back
        if held_back is not None:
            wrong = count_errors(model, held_back)
            summary |= {"own_pictures": len(held_back), "own_errors": wrong}
        plots.confusion(folder / "confusion.png", "validation digits", result.confusion)
        plots.mistakes(folder / "mistakes.png", "validation digits", result)
        return summary, verdict.failure(result)


def count_errors(model: BaseNetwork, split: Split) -> int:
    """How many digits are read wrong, and non-digits taken for digits."""
    if not len(split):
        return 0
    logits = with_none(predict(model, split)).numpy()
    answers = np.where(split.labels == NONE, logits.argmax(1), logits[:, :NONE].argmax(1))
    return int((answers != split.labels).sum())


@torch.inference_mode()
def predict(model: nn.Module, split: Split) -> Tensor:
    """The logits of all digits of a split: float32 [n, 10], on the CPU."""
    model.eval()
    images = torch.tensor(split.images[:, None], device=next(model.parameters()).device)
    return torch.cat([model(batch) for batch in torch.split(images, 1000)]).float().cpu()


def scores(name: str, logits: Tensor, split: Split) -> Metrics:
    """Mean cross-entropy in nats, and accuracy (0 to 1), of logits [n, 10]. name: of the split."""
    labels = torch.from_numpy(split.labels.astype("int64"))
    loss = cross_entropy(with_none(logits), labels).item()
    accuracy = (logits.argmax(1) == labels).double().mean().item()
    return {f"{name}_loss": loss, f"{name}_accuracy": accuracy}
