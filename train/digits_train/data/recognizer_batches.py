"""The crops of numbers that the recognizer is trained and validated on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice, pairwise

import numpy as np
import torch
from torch.utils.data import Dataset

from digits.inference.recognizer_model import padded
from digits.reader.crops import normalise_contrast
from digits_train.camera.crops import Crop, draw_crops, vary
from digits_train.camera.materials import Materials
from digits_train.data.loader import Batch, compose_ahead
from digits_train.distributed import CPU
from digits_train.targets import CropTargets

_CHUNK = 256  # crops that are composed together, of some thirty windows
_MIXED = 8  # chunks, whose batches are mixed: so a crop's other passes are at other times


TextBatch = Batch[CropTargets]


@dataclass(frozen=True)
class RecognizerBatches(Dataset[list[TextBatch]]):
    """Batches of crops, composed in chunks from the seed, the process's rank and their number.

    photographs: of each number. passes: how often each crop is shown: first as it is, then varied.
    """

    materials: Materials
    seed: int
    batch_size: int
    photographs: int = 2
    passes: int = 1
    rank: int = 0

    def __getitem__(self, number: int) -> list[TextBatch]:
        random = np.random.default_rng([self.seed, 5, self.rank, number])
        crops = list(islice(draw_crops(self.materials, random, self.photographs), _CHUNK))
        batches = self._batches(crops)
        ranges = self.materials.ranges
        for _ in range(self.passes - 1):
            varied = [crop._replace(pixels=vary(crop.pixels, random, ranges)) for crop in crops]
            batches += self._batches(varied)
        return batches

    def _batches(self, crops: Sequence[Crop]) -> list[TextBatch]:
        """Crops of nearly the same width together."""
        ordered = sorted(crops, key=lambda crop: crop.pixels.shape[1])
        batches = -(-len(ordered) // self.batch_size)
        edges = np.linspace(0, len(ordered), batches + 1).astype(int).tolist()
        return [to_batch(ordered[start:end]) for start, end in pairwise(edges)]

    def stream(self, step: int, device: torch.device) -> Iterator[TextBatch]:
        """The batches from a step on, endlessly, in random order."""
        steps = _MIXED * self.passes * -(-_CHUNK // self.batch_size)
        group, skipped = divmod(step, steps)
        chunks = compose_ahead(self, count(_MIXED * group), device, 2 * _MIXED)
        for number in count(group):
            batches = [batch for chunk in islice(chunks, _MIXED) for batch in chunk]
            np.random.default_rng([self.seed, 6, self.rank, number]).shuffle(batches)
            yield from batches[skipped:]
            skipped = 0

    def first(self, crops: int) -> list[TextBatch]:
        """The batches of at least so many crops."""
        chunks = compose_ahead(self, range(-(-crops // _CHUNK)), CPU.device)
        return [batch for chunk in chunks for batch in chunk]


def to_batch(crops: Sequence[Crop]) -> TextBatch:
    inputs = torch.from_numpy(padded([normalise_contrast(crop.pixels) for crop in crops]))
    whole = torch.tensor([crop.whole for crop in crops])
    return Batch(inputs, CropTargets([crop.text for crop in crops], whole), len(crops))
