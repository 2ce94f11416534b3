"""Detectors, which find the symbols of a page."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from digits.alignment import Score
from digits.data.mnist import Split
from digits.terminal import progress_bar
from digits_train import detector_data, diagnose, matching
from digits_train.camera.materials import Materials, make_materials
from digits_train.comparison import Comparison
from digits_train.config import DetectorRecipe
from digits_train.detection import Targets, detection_loss
from digits_train.detector_data import Windows
from digits_train.distributed import CPU, DistributedContext
from digits_train.matching import LabelledPage, Match, confusion, score
from digits_train.metrics import Metrics
from digits_train.mining import with_hard_negatives
from digits_train.models import BaseNetwork, Detector
from digits_train.models.detector import Maps
from digits_train.own_pages import OwnPages, network_maps, read_right

# The validation crops: the same for all trainings, whose own seeds are smaller.
VALIDATION_SEED = 2**63
NUM_VALIDATION = 20  # batches
# Of some thousand symbols, that a fine-tuning may cost: some are as likely as not.
TOLERANCE = 0.002
_BATCH = 16  # validation crops at a time
_BANK, _TEXTS = 2_000, 1_000  # glyphs and words that they are composed of


class Batch(NamedTuple):
    """What a process learns from in one step.

    inputs: uint8 [n, 1, height, width]. windows: as how many these count: small crops count less.
    size: of the batch, over all processes.
    """

    inputs: Tensor
    targets: Targets
    windows: float
    size: int


@dataclass
class Detection:
    """Crops of pages, composed ahead of the training by other processes, and `detection_loss`.

    The pages are written with MNIST's digits. materials: for the training crops.
    """

    recipe: DetectorRecipe
    train: Split
    validation: Split
    seed: int = 0
    own: OwnPages | None = None
    parent: Detector | None = None
    dist: DistributedContext = CPU
    materials: Materials | None = None

    divergence: ClassVar = math.inf
    means: ClassVar = ("train_loss",)
    line: ClassVar = (
        "loss {train_loss:.4f}  validation loss {validation_loss:.4f}"
        "  errors {validation_errors:.2%}"
    )

    @property
    def steps(self) -> int:
        return math.ceil(self.recipe.crops / self.recipe.batch_size)

    @property
    def examples(self) -> int:
        return self.steps * self.recipe.batch_size

    @property
    def samples(self) -> Tensor:
        return self._validation[0][0]

    def start(self) -> None:
        """Draw the glyphs and words that pages are composed of."""
        with progress_bar(visible=self.dist.is_main) as bar:
            bar.add_task("drawing glyphs and words", total=None)
            few = (_BANK, _TEXTS) if self.own else ()  # in the minutes that a fine-tuning takes
            self.materials = make_materials(self.train, self.seed, *few)

    def batches(self, epoch: int, rng: torch.Generator, model: BaseNetwork) -> Iterator[Batch]:
        """Crops that no other epoch has, with more of the words that mislead the network so far."""
        materials, recipe = self.materials, self.recipe
        assert materials is not None
        if epoch:
            random = np.random.default_rng([self.seed, 4, epoch])
            materials = with_hard_negatives(materials, model, random)
        size = recipe.batch_size
        windows = Windows(
            materials, self.seed, epoch, self.steps, size, own=self.own, share=recipe.own
        )
        for pages, targets in detector_data.batches(windows):
            rows, device = self.dist.local_slice(len(pages)), self.dist.device
            inputs = pages[rows].to(device)
            share = Targets(*(tensor[rows].to(device) for tensor in targets))
            yield Batch(inputs, share, size * len(inputs) / len(pages), size)

    def loss(self, outputs: Maps, batch: Batch) -> tuple[Tensor, Tensor]:
        """This process's share of the mean over the crops; and of the sum."""
        total = detection_loss(outputs, batch.targets)
        return total * batch.windows / batch.size, total.detach()[None] * batch.windows

    def validate(self, model: BaseNetwork) -> Metrics:
        return self._judge(model)[0]

    def evaluate(self, model: BaseNetwork, folder: Path) -> tuple[dict[str, Any], str | None]:
        """MNIST's test digits are not looked at."""
        from digits_train import plots  # imports matplotlib, which takes 0.6 s

        figures, result, crops = self._judge(model)
        names = ("symbols", "missed", "invented", "wrong")
        counts = {f"validation_{name}": getattr(result, name) for name in names}
        plots.confusion(folder / "confusion.png", "validation crops", confusion(crops))
        plots.crops(folder / "mistakes.png", "validation crops", crops)
        return figures | counts, diagnose.detector_failure(result)

    def compare(self, model: BaseNetwork) -> Iterator[Comparison]:
        assert self.own is not None and self.parent is not None
        pages = self.own.held_back
        right = [read_right(network_maps(each), pages) for each in (self.parent, model)]
        wrong = (int((~each).sum()) for each in right)
        yield Comparison("numbers of your own, held back", None, len(right[0]), *wrong)
        before, after = (self._judge(each)[1] for each in (self.parent, model))
        name = "symbols of a synthetic camera"
        yield Comparison(name, TOLERANCE, before.symbols, before.errors, after.errors)

    @cached_property
    def _validation(self) -> list[tuple[Tensor, Targets]]:
        """Batches of pages and targets."""
        materials = make_materials(self.validation, VALIDATION_SEED, _BANK, _TEXTS)
        windows = Windows(materials, VALIDATION_SEED, 0, NUM_VALIDATION, _BATCH)
        return list(detector_data.batches(windows))

    def _judge(self, model: BaseNetwork) -> tuple[Metrics, Score, list[Match]]:
        """Shares of the symbols; their counts; the crops, the worst first."""
        losses, crops = [], []
        for pages, targets in self._validation:
            maps = matching.predict_maps(model, pages)
            losses.append(detection_loss(maps, targets).item())
            truths, detected = matching.true_symbols(targets), matching.find_symbols(maps)
            columns = pages[:, 0].numpy(), truths, targets.weight.numpy(), detected
            for pixels, truth, weight, detections in zip(*columns, strict=True):
                page = LabelledPage(pixels, "", truth, weight)
                crops.append(page.match(detections.boxes, detections.symbols.argmax(1)))
        crops.sort(key=lambda crop: crop.score.errors, reverse=True)
        result = score(confusion(crops))
        total = max(result.symbols, 1)
        figures = {
            "validation_loss": sum(losses) / len(losses),
            "validation_accuracy": 1 - (result.missed + result.wrong) / total,
            "validation_errors": result.errors / total,  # of a bad detector more than 1
        }
        kinds = ("missed", "invented", "wrong")
        figures |= {f"validation_{kind}": getattr(result, kind) / total for kind in kinds}
        return figures, result, crops
