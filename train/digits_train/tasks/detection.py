"""Detectors, which find the symbols of a page."""

import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor

from digits.alignment import Score
from digits.reader.detections import Detections
from digits.reader.pyramid import Level, find_peaks
from digits_train.camera.materials import Materials
from digits_train.data.detector_batches import DetectorBatches
from digits_train.data.held_out import VALIDATION_SEED, validation_materials
from digits_train.data.loader import Batch, compose_ahead, prefetch
from digits_train.distributed import CPU
from digits_train.models import BaseNetwork, DetectorNetwork, get_network
from digits_train.models.detection import Maps
from digits_train.recipes import DetectorRecipe
from digits_train.state import Metrics
from digits_train.symbols import LabelledPage, Match, confusion_matrix, score
from digits_train.tasks.stream import StreamTask

_VALIDATION_BATCH = 4  # windows


@dataclass
class Detection(StreamTask[DetectorRecipe, Any]):
    """Windows of pages, and the targets and the loss of the network's class."""

    log_format: ClassVar = (
        "loss {train_loss:.4f}  validation loss {validation_loss:.4f}"
        "  errors {validation_errors:.2%}"
    )

    @property
    def network(self) -> type[DetectorNetwork]:
        return cast(type[DetectorNetwork], get_network(self.experiment.network))

    def batches(self, first_step: int) -> Generator[Batch[Any]]:
        """Windows that no other step has."""
        assert self.materials is not None
        experiment, rank, device = self.experiment, self.dist.rank, self.dist.device
        windows = DetectorBatches(
            self.materials, self.recipe, experiment.seed, self.batch_size, rank
        )

        def make(pages: list[LabelledPage]) -> Batch[Any]:
            targets = self.network.targets(pages).to(device)
            # Tight crops are smaller, and more.
            return Batch(stacked(pages).to(device), targets, self.batch_size)

        yield from prefetch(make, compose_ahead(windows, count(first_step), device))

    def validate(self, model: BaseNetwork) -> Metrics:
        return self._evaluate(model, self._validation)[0]

    def evaluate(self, model: BaseNetwork, folder: Path) -> dict[str, Any]:
        """MNIST's test digits are not looked at."""
        from digits_train import plots  # imports matplotlib, which takes 0.6 s

        windows = self._held_out(self.recipe.final_validation)
        figures, result, matches = self._evaluate(model, windows)
        names = ("symbols", "deletions", "insertions", "substitutions")
        counts = {f"validation_{name}": getattr(result, name) for name in names}
        plots.confusion(folder / "confusion.png", "validation windows", confusion_matrix(matches))
        plots.crops(folder / "mistakes.png", "validation windows", matches)
        return figures | counts

    @cached_property
    def _validation(self) -> list[list[LabelledPage]]:
        return [*self._held_out(self.recipe.validation)]

    @cached_property
    def _validation_materials(self) -> Materials:
        return validation_materials(self.network.camera)

    def _held_out(self, count: int) -> Iterator[list[LabelledPage]]:
        windows = DetectorBatches(
            self._validation_materials,
            self.recipe,
            VALIDATION_SEED,
            _VALIDATION_BATCH,
            held_out=True,
        )
        return compose_ahead(windows, range(math.ceil(count / _VALIDATION_BATCH)), CPU.device)

    def _evaluate(
        self, model: BaseNetwork, batches: Iterable[list[LabelledPage]]
    ) -> tuple[Metrics, Score, list[Match]]:
        """Shares of the symbols; their counts; the windows, the worst first."""
        assert isinstance(model, DetectorNetwork)
        losses, matches = list[float](), list[Match]()
        for pages in batches:
            maps = model.predict(stacked(pages))
            losses.append(model.loss(maps, model.targets(pages)).item())
            for page, symbols in zip(pages, find_symbols(maps), strict=True):
                matches.append(page.match(symbols.boxes, symbols.symbols.argmax(1)))
        matches.sort(key=lambda match: match.score.errors, reverse=True)
        result = score(confusion_matrix(matches))
        total = max(result.symbols, 1)
        figures = {
            "validation_loss": sum(losses) / len(losses),
            "validation_accuracy": 1 - (result.deletions + result.substitutions) / total,
            "validation_errors": result.errors / total,  # of a bad detector more than 1
        }
        kinds = ("deletions", "insertions", "substitutions")
        figures |= {f"validation_{kind}": getattr(result, kind) / total for kind in kinds}
        return figures, result, matches


def stacked(pages: Sequence[LabelledPage]) -> Tensor:
    """Pages of the same size, uint8 [n, 1, h, w]."""
    return torch.from_numpy(np.stack([page.pixels for page in pages]))[:, None]


def find_symbols(maps: Maps) -> list[Detections]:
    """The symbols of each page that are there more likely than not, surest first."""
    centres, symbols, boxes = (part.float().numpy() for part in maps)
    high = np.where(centres[:, 0] > 0, centres[:, 0], -np.inf)
    scale, origin = np.ones(2), np.zeros(2)
    maps_of_pages = zip(high, symbols, boxes, strict=True)
    pages = (find_peaks(Level(scale, origin, *arrays)) for arrays in maps_of_pages)
    return [page.select(np.argsort(-page.scores, kind="stable")) for page in pages]
