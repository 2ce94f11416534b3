"""Recognizers, which read a crop of a number."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from digits.alignment import align
from digits.inference.interface import SYMBOLS
from digits_train.data.held_out import VALIDATION_SEED, validation_materials
from digits_train.data.recognizer_batches import RecognizerBatches, TextBatch
from digits_train.models import BaseNetwork, RecognizerNetwork, get_network
from digits_train.models.recognizer import BLANK
from digits_train.recipes import RecognizerRecipe
from digits_train.state import Metrics
from digits_train.targets import CropTargets
from digits_train.tasks.stream import StreamTask

_BATCH = 50  # crops that are validated together


class Transcript(NamedTuple):
    """A crop, uint8 [48, width], what is written in it, and what a network reads."""

    pixels: NDArray[np.uint8]
    written: str
    read: str


@dataclass
class Recognition(StreamTask[RecognizerRecipe, CropTargets]):
    """Crops of numbers, and the loss of the network's class.

    Those that validate are by the hands that no training shows.
    """

    log_format: ClassVar = (
        "loss {train_loss:.4f}  validation loss {validation_loss:.4f}  exact"
        " {validation_accuracy:.2%}  symbol errors {validation_errors:.2%}  invented"
        " {validation_invented:.2%}  whole {validation_whole:.2%}"
    )

    @property
    def network(self) -> type[RecognizerNetwork]:
        return cast(type[RecognizerNetwork], get_network(self.experiment.network))

    def batches(self, first_step: int) -> Generator[TextBatch]:
        """Crops that no other step has, but for their other passes."""
        assert self.materials is not None
        seed, recipe, dist = self.experiment.seed, self.recipe, self.dist
        counts = self.batch_size, recipe.photographs, recipe.passes
        chunks = RecognizerBatches(self.materials, seed, *counts, dist.rank)
        for batch in chunks.stream(first_step, dist.device):
            yield batch._replace(inputs=batch.inputs.to(dist.device))

    def validate(self, model: BaseNetwork) -> Metrics:
        return self._evaluate(model)[0]

    def _evaluate(self, model: BaseNetwork) -> tuple[Metrics, list[Transcript]]:
        figures, readings = evaluate_outputs(
            self._validation, predict(model, self._validation), self.network
        )
        return {f"validation_{name}": value for name, value in figures.items()}, readings

    def evaluate(self, model: BaseNetwork, folder: Path) -> dict[str, Any]:
        """MNIST's test digits are not looked at."""
        from digits_train import plots  # imports matplotlib, which takes 0.6 s

        figures, readings = self._evaluate(model)
        mistakes = [reading for reading in readings if reading.read != reading.written]
        plots.texts(folder / "mistakes.png", "validation crops", mistakes)
        return figures | {"validation_numbers": sum(bool(reading.written) for reading in readings)}

    @cached_property
    def _validation(self) -> list[TextBatch]:
        materials = validation_materials(self.network.camera)
        return RecognizerBatches(materials, VALIDATION_SEED, _BATCH).first(self.recipe.validation)


Outputs = tuple[Tensor, Tensor]  # as of a RecognizerNetwork


def predict(model: BaseNetwork, batches: Iterable[TextBatch]) -> list[Outputs]:
    """The outputs for each batch, on the CPU."""
    device = next(model.parameters()).device
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        outputs = (model.eval()(batch.inputs.to(device)) for batch in batches)
        return [(scores.cpu(), whole.cpu()) for scores, whole in outputs]


def evaluate_outputs(
    batches: Sequence[TextBatch],
    outputs: Sequence[Outputs],
    network: type[RecognizerNetwork] = RecognizerNetwork,
) -> tuple[Metrics, list[Transcript]]:
    """The figures of a network by its outputs for these batches, and what it reads.

    loss: mean over the crops. accuracy: share of the numbers that are read exactly. errors: wrong,
    missed and invented symbols, by those that are there. invented: share of the crops without a
    number, in which it reads one. whole: share of the crops of which it knows whether they show a
    whole number.
    """
    losses, readings, right = list[float](), list[Transcript](), list[bool]()
    for batch, (scores, whole) in zip(batches, outputs, strict=True):
        losses += network.loss((scores, whole), batch.targets).tolist()
        right += ((whole > 0) == batch.targets.whole).tolist()
        texts = zip(batch.inputs[:, 0].numpy(), batch.targets.texts, best_path(scores), strict=True)
        readings += [
            Transcript(*shown, text, read) for *shown, text, read in texts if text is not None
        ]
    scores_of = [align(read, written).score for _, written, read in readings]
    exact = [read == written for _, written, read in readings if written]
    invented = [bool(read) for _, written, read in readings if not written]
    symbols = sum(score.symbols for score in scores_of)
    figures = {
        "loss": sum(losses) / len(losses),
        "accuracy": sum(exact) / max(1, len(exact)),
        "errors": sum(score.errors for score in scores_of) / max(1, symbols),
        "invented": sum(invented) / max(1, len(invented)),
        "whole": sum(right) / len(right),
    }
    return figures, readings


def best_path(outputs: Tensor) -> list[str]:
    """What the likeliest class of each step says; repeated ones are one.

    outputs: [n, steps, 13].
    """
    texts = []
    for row in outputs.argmax(2).tolist():
        kept = [symbol for symbol, _ in groupby(row) if symbol != BLANK]
        texts.append("".join(SYMBOLS[symbol] for symbol in kept))
    return texts
