"""Recognizers, which read a crop of a number."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import ctc_loss

from digits.alignment import INVENTED, align
from digits.data.mnist import Split
from digits.inference.interface import SYMBOLS
from digits.terminal import progress_bar
from digits_train import detector_data, diagnose, recognizer_data
from digits_train.camera.materials import Materials, make_materials
from digits_train.camera.ranges import REAL_PAPER
from digits_train.comparison import Comparison
from digits_train.config import RecognizerRecipe
from digits_train.distributed import CPU, DistributedContext
from digits_train.metrics import Metrics
from digits_train.models import BaseNetwork
from digits_train.models.recognizer import BLANK
from digits_train.recognizer_data import CHUNK, Batch, Chunks
from digits_train.tasks.detection import VALIDATION_SEED

_GLYPHS, _TEXTS = 20_000, 8_000  # glyphs and words that the crops are composed of


class Reading(NamedTuple):
    """A crop, uint8 [48, width], what is written in it, and what a network reads."""

    pixels: NDArray[np.uint8]
    written: str
    read: str


@dataclass
class Recognition:
    """Crops of numbers, composed ahead of the training by other processes, and CTC's loss.

    The numbers are written with MNIST's digits and with fonts; those that validate, by the hands
    that no training shows. materials: for the training crops.
    """

    recipe: RecognizerRecipe
    train: Split
    validation: Split
    seed: int = 0
    own: None = None
    parent: None = None
    dist: DistributedContext = CPU
    materials: Materials | None = None

    divergence: ClassVar = math.inf
    means: ClassVar = ("train_loss",)
    line: ClassVar = (
        "loss {train_loss:.4f}  validation loss {validation_loss:.4f}  exact"
        " {validation_accuracy:.2%}  symbol errors {validation_errors:.2%}  invented"
        " {validation_invented:.2%}"
    )

    @property
    def steps(self) -> int:
        chunks, rest = divmod(self.recipe.crops, CHUNK)
        batches = [math.ceil(crops / self.recipe.batch_size) for crops in (CHUNK, rest)]
        return self.recipe.passes * (chunks * batches[0] + batches[1])

    @property
    def examples(self) -> int:
        return self.recipe.crops * self.recipe.passes

    @property
    def samples(self) -> Tensor:
        by_width = sorted(self._validation, key=lambda batch: batch.inputs.shape[3])
        return by_width[len(by_width) // 2].inputs

    def start(self) -> None:
        """Draw the glyphs and words that numbers are composed of."""
        with progress_bar(visible=self.dist.is_main) as bar:
            bar.add_task("drawing glyphs and words", total=None)
            materials = make_materials(self.train, self.seed, _GLYPHS, _TEXTS)
            self.materials = materials._replace(ranges=REAL_PAPER)

    def batches(self, epoch: int, rng: torch.Generator, model: BaseNetwork) -> Iterator[Batch]:
        """Crops that no other epoch has."""
        materials, recipe, dist = self.materials, self.recipe, self.dist
        assert materials is not None
        chunks = Chunks(materials, self.seed, epoch, recipe.crops, recipe.batch_size, recipe.passes)
        random = np.random.default_rng([self.seed, 6, epoch])
        composed = detector_data.batches(chunks, dist.device, ahead=2)
        for batch in recognizer_data.mixed(composed, random):
            rows = dist.local_slice(batch.size)
            yield Batch(batch.inputs[rows].to(dist.device), batch.texts[rows], batch.size)

    def loss(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """This process's share of the mean over the crops; and of the sum."""
        total = text_losses(outputs, batch.texts).sum()
        return total / batch.size, total.detach()[None]

    def validate(self, model: BaseNetwork) -> Metrics:
        return self._judge(model)[0]

    def _judge(self, model: BaseNetwork) -> tuple[Metrics, list[Reading]]:
        figures, readings = judge(self._validation, predict(model, self._validation))
        return {f"validation_{name}": value for name, value in figures.items()}, readings

    def evaluate(self, model: BaseNetwork, folder: Path) -> tuple[dict[str, Any], str | None]:
        """MNIST's test digits are not looked at."""
        from digits_train import plots  # imports matplotlib, which takes 0.6 s

        figures, readings = self._judge(model)
        mistakes = [reading for reading in readings if reading.read != reading.written]
        plots.confusion(folder / "confusion.png", "validation crops", confusion(readings))
        plots.texts(folder / "mistakes.png", "validation crops", mistakes)
        numbers = sum(bool(reading.written) for reading in readings)
        failure = diagnose.recognizer_failure(figures["validation_accuracy"], numbers)
        return figures | {"validation_numbers": numbers}, failure

    def compare(self, model: BaseNetwork) -> Iterator[Comparison]:
        raise NotImplementedError("no recipe of a recognizer has pictures of one's own")

    @cached_property
    def _validation(self) -> list[Batch]:
        return recognizer_data.held_out(self.validation, VALIDATION_SEED, REAL_PAPER)


def predict(model: BaseNetwork, batches: Iterable[Batch]) -> list[Tensor]:
    """The log probabilities of each batch, on the CPU."""
    device = next(model.parameters()).device
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        return [model.eval()(batch.inputs.to(device)).cpu() for batch in batches]


def judge(batches: Sequence[Batch], outputs: Sequence[Tensor]) -> tuple[Metrics, list[Reading]]:
    """The figures of a network by its outputs for these batches, and what it reads.

    loss: mean over the crops. accuracy: share of the numbers that are read exactly. errors: wrong,
    missed and invented symbols, by those that are there. invented: share of the crops without a
    number, in which it reads one.
    """
    losses, readings = list[float](), list[Reading]()
    for batch, rows in zip(batches, outputs, strict=True):
        losses += text_losses(rows, batch.texts).tolist()
        readings += map(Reading, batch.inputs[:, 0].numpy(), batch.texts, best_path(rows))
    scores = [align(read, written).score for _, written, read in readings]
    exact = [read == written for _, written, read in readings if written]
    invented = [bool(read) for _, written, read in readings if not written]
    symbols = sum(score.symbols for score in scores)
    figures = {
        "loss": sum(losses) / len(losses),
        "accuracy": sum(exact) / max(1, len(exact)),
        "errors": sum(score.errors for score in scores) / max(1, symbols),
        "invented": sum(invented) / max(1, len(invented)),
    }
    return figures, readings


def confusion(readings: Iterable[Reading]) -> NDArray[np.int64]:
    """How many symbols are there (row) and were read as each (column): int64 [13, 13].

    A missed symbol was read as nothing, BLANK, an invented one is nothing.
    """
    counts = np.zeros((BLANK + 1, BLANK + 1), np.int64)
    for _, written, read in readings:
        partners = align(read, written).partners
        for symbol, partner in zip(read, partners, strict=True):
            row = BLANK if partner == INVENTED else SYMBOLS.index(written[partner])
            counts[row, SYMBOLS.index(symbol)] += 1
        for missed in {*range(len(written))} - {*partners}:
            counts[SYMBOLS.index(written[missed]), BLANK] += 1
    return counts


def text_losses(outputs: Tensor, texts: Sequence[str]) -> Tensor:
    """Negative log probabilities of the texts, float32 [n].

    outputs: log probabilities [n, steps, 13]. A text too long for its crop costs nothing.
    """
    symbols = [SYMBOLS.index(symbol) for symbol in "".join(texts)]
    lengths = torch.tensor([len(text) for text in texts])
    return ctc_loss(
        outputs.float().transpose(0, 1),
        torch.tensor(symbols, dtype=torch.int64, device=outputs.device),
        torch.full_like(lengths, outputs.shape[1]),
        lengths,
        blank=BLANK,
        reduction="none",
        zero_infinity=True,
    )


def best_path(outputs: Tensor) -> list[str]:
    """What the likeliest class of each step says; repeated ones are one.

    outputs: [n, steps, 13].
    """
    texts = []
    for row in outputs.argmax(2).tolist():
        kept = [symbol for symbol, _ in groupby(row) if symbol != BLANK]
        texts.append("".join(SYMBOLS[symbol] for symbol in kept))
    return texts
