"""The crops of numbers that the recognizer is trained and validated on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from digits.data.mnist import Split
from digits.inference.recognizer_model import padded
from digits.reader.crops import normalised
from digits_train import detector_data
from digits_train.camera.crops import Crop, make_crops, vary
from digits_train.camera.materials import Materials, make_materials
from digits_train.camera.ranges import Ranges
from digits_train.pixels import Random

HELD_OUT = 2_000  # crops
CHUNK = 256  # crops that are composed together, of some thirty windows
_MIXED = 8  # chunks, whose batches are mixed
_GLYPHS, _TEXTS = 2_000, 1_000  # glyphs and words that held-out crops are composed of
_BATCH = 50  # of these crops


class Batch(NamedTuple):
    """What a process learns from in one step.

    inputs: uint8 [n, 1, 48, width]. texts: the crops'. size: of the batch, over all processes.
    """

    inputs: Tensor
    texts: Sequence[str]
    size: int


@dataclass(frozen=True)
class Chunks(Dataset[list[Batch]]):
    """The batches of an epoch in chunks, each composed from (seed, epoch, its number).

    passes: how often each crop is shown: first as it is, then varied.
    """

    materials: Materials
    seed: int
    epoch: int
    crops: int
    batch_size: int
    passes: int = 1

    def __len__(self) -> int:
        return -(-self.crops // CHUNK)

    def __getitem__(self, number: int) -> list[Batch]:
        random = np.random.default_rng([self.seed, 5, self.epoch, number])
        count = min(CHUNK, self.crops - number * CHUNK)
        crops = list(islice(make_crops(self.materials, random), count))
        batches = self._batches(crops)
        ranges = self.materials.ranges
        for _ in range(self.passes - 1):
            varied = [Crop(vary(crop.pixels, random, ranges), crop.text) for crop in crops]
            batches += self._batches(varied)
        return batches

    def _batches(self, crops: Sequence[Crop]) -> list[Batch]:
        """Crops of nearly the same width together."""
        ordered = sorted(crops, key=lambda crop: crop.pixels.shape[1])
        count = -(-len(ordered) // self.batch_size)  # as alike as can be, so that all can share it
        edges = np.linspace(0, len(ordered), count + 1).astype(int).tolist()
        return [to_batch(ordered[start:end]) for start, end in pairwise(edges)]


def held_out(digits: Split, seed: int, ranges: Ranges) -> list[Batch]:
    """Batches of HELD_OUT crops, by hands that no training shows: of these digits, and of fonts."""
    materials = make_materials(digits, seed, _GLYPHS, _TEXTS, use="held back")
    chunks = Chunks(materials._replace(ranges=ranges), seed, 0, HELD_OUT, _BATCH)
    return [batch for chunk in detector_data.batches(chunks) for batch in chunk]


def to_batch(crops: Sequence[Crop]) -> Batch:
    inputs = torch.from_numpy(padded([normalised(crop.pixels) for crop in crops]))
    return Batch(inputs, [crop.text for crop in crops], len(crops))


def mixed(chunks: Iterable[list[Batch]], random: Random) -> Iterator[Batch]:
    """Batches in random order, which shows a crop's other passes at other times."""
    waiting: list[Batch] = []
    for number, chunk in enumerate(chunks, 1):
        waiting += chunk
        while number >= _MIXED and len(waiting) > (_MIXED - 1) * len(chunk):
            yield waiting.pop(int(random.integers(len(waiting))))
    random.shuffle(waiting)
    yield from waiting
