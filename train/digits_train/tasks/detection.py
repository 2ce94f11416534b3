"""Detectors, which find the symbols of a page."""

import math
from collections.abc import Iterable, Iterator
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
from digits_train.detector_data import HeldOut, HeldOutWindows, Windows
from digits_train.distributed import CPU, DistributedContext
from digits_train.matching import Match, confusion, score
from digits_train.metrics import Metrics
from digits_train.mining import with_hard_negatives
from digits_train.models import BaseNetwork, Detector
from digits_train.models.detector import Maps
from digits_train.own_pages import OwnPages, network_maps, read_right

# The validation crops: the same for all trainings, whose own seeds are smaller.
VALIDATION_SEED = 2**63
# Batches: after each epoch, with some 4,000 symbols; and at the end, with 40,000.
EPOCH_BATCHES, BATCHES = 90, 870
TOLERANCE = 0.002  # of these symbols, that a fine-tuning may cost
_BANK, _TEXTS = 2_000, 1_000  # glyphs and words that the validation windows are composed of


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
        return self._validation[0].pages

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
        for pages, targets in detector_data.batches(windows, self.dist.device):
            rows, device = self.dist.local_slice(len(pages)), self.dist.device
            inputs = pages[rows].to(device)
            share = Targets(*(tensor[rows].to(device) for tensor in targets))
            yield Batch(inputs, share, size * len(inputs) / len(pages), size)

    def loss(self, outputs: Maps, batch: Batch) -> tuple[Tensor, Tensor]:
        """This process's share of the mean over the crops; and of the sum."""
        total = detection_loss(outputs, batch.targets)
        return total * batch.windows / batch.size, total.detach()[None] * batch.windows

    def validate(self, model: BaseNetwork) -> Metrics:
        return self._judge(model, self._validation)[0]

    def evaluate(self, model: BaseNetwork, folder: Path) -> tuple[dict[str, Any], str | None]:
        """MNIST's test digits are not looked at."""
        from digits_train import plots  # imports matplotlib, which takes 0.6 s

        figures, result, windows = self._judge(model, self._held_out(BATCHES))
        names = ("symbols", "missed", "invented", "wrong")
        counts = {f"validation_{name}": getattr(result, name) for name in names}
        plots.confusion(folder / "confusion.png", "validation windows", confusion(windows))
        plots.crops(folder / "mistakes.png", "validation windows", windows)
        return figures | counts, diagnose.detector_failure(result)

    def compare(self, model: BaseNetwork) -> Iterator[Comparison]:
        assert self.own is not None and self.parent is not None
        pages = self.own.held_back
        right = [read_right(network_maps(each), pages) for each in (self.parent, model)]
        wrong = (int((~each).sum()) for each in right)
        yield Comparison("numbers of your own, held back", None, len(right[0]), *wrong)
        networks = (self.parent, model)
        before, after = (self._judge(each, self._held_out(BATCHES))[1] for each in networks)
        name = "symbols of a synthetic camera"
        yield Comparison(name, TOLERANCE, before.symbols, before.errors, after.errors)

    @cached_property
    def _validation(self) -> list[HeldOut]:
        return list(self._held_out(EPOCH_BATCHES))

    @cached_property
    def _validation_materials(self) -> Materials:
        return make_materials(self.validation, VALIDATION_SEED, _BANK, _TEXTS)

    def _held_out(self, batches: int) -> Iterator[HeldOut]:
        windows = HeldOutWindows(self._validation_materials, VALIDATION_SEED, batches)
        return detector_data.batches(windows)

    def _judge(
        self, model: BaseNetwork, batches: Iterable[HeldOut]
    ) -> tuple[Metrics, Score, list[Match]]:
        """Shares of the symbols; their counts; the windows, the worst first."""
        losses, windows = list[float](), list[Match]()
        for pages, targets, labelled in batches:
            maps = matching.predict_maps(model, pages)
            losses.append(detection_loss(maps, targets).item())
            for page, symbols in zip(labelled, matching.find_symbols(maps), strict=True):
                windows.append(page.match(symbols.boxes, symbols.symbols.argmax(1)))
        windows.sort(key=lambda window: window.score.errors, reverse=True)
        result = score(confusion(windows))
        total = max(result.symbols, 1)
        figures = {
            "validation_loss": sum(losses) / len(losses),
            "validation_accuracy": 1 - (result.missed + result.wrong) / total,
            "validation_errors": result.errors / total,  # of a bad detector more than 1
        }
        kinds = ("missed", "invented", "wrong")
        figures |= {f"validation_{kind}": getattr(result, kind) / total for kind in kinds}
        return figures, result, windows
