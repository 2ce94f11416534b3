"""Run an ONNX file that reads the crops of numbers."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference.interface import (
    CROP_HEIGHT,
    CROP_INK,
    CROP_MAX_WIDTH,
    CROP_MULTIPLE,
    CROP_PAPER,
    RECOGNIZER,
)
from digits.inference.metadata import RecognizerMetadata
from digits.inference.session import Model, are_probabilities

_CHUNK = 16  # crops at a time: more aren't faster, and take more memory


class CropReading(NamedTuple):
    """What the network says of a crop.

    log_probabilities: float32 [steps, 13], at every four pixels of its width, padded to a multiple
    of 16: of `interface.SYMBOLS`, and last of a blank; natural logarithms.
    whole: calibrated log odds that it shows exactly one number, all of it.
    """

    log_probabilities: NDArray[np.float32]
    whole: float


class RecognizerModel(Model[RecognizerMetadata]):
    """A recognizer of numbers; arguments and errors: see `Model`.

    >>> [reading] = RecognizerModel().read([np.full((48, 100), 64, np.uint8)])
    >>> reading.log_probabilities.shape
    (28, 13)
    """

    kind = RecognizerMetadata

    def _check_outputs(self) -> None:
        size = CROP_HEIGHT, 2 * CROP_MULTIPLE
        crops = [np.full(size, level, np.uint8) for level in (CROP_PAPER, CROP_INK)]
        rows, whole = zip(*self.read(crops), strict=True)
        # Of larger ones it might overflow.
        probabilities = np.exp(np.minimum(np.concatenate(rows), 1))
        if not are_probabilities(probabilities) or not np.isfinite(whole).all():
            raise ModelError(f"{self.name} outputs invalid probabilities")

    def read(self, crops: Sequence[NDArray[np.uint8]]) -> list[CropReading]:
        """Read crops, each whatever the others are.

        crops: uint8 [48, width], normalised: 64 = paper, 192 = ink; at most 1024 wide. Raises
        ValueError for another crop, and ModelError if the network fails.
        """
        for crop in crops:
            is_crop = crop.dtype == np.uint8 and crop.ndim == 2 and len(crop) == CROP_HEIGHT
            if not is_crop or not 0 < crop.shape[1] <= CROP_MAX_WIDTH:
                raise ValueError(f"a crop must be uint8 [48, w], not {crop.dtype} {crop.shape}")
        names, about = [output.name for output in RECOGNIZER.outputs], self.metadata
        readings: dict[int, CropReading] = {}  # by the crop's index
        widths = [_padded_width(crop) for crop in crops]
        by_width = sorted(range(len(crops)), key=widths.__getitem__)
        for _, group in groupby(by_width, widths.__getitem__):
            indices = [*group]
            for start in range(0, len(indices), _CHUNK):
                chunk = indices[start : start + _CHUNK]
                images = {RECOGNIZER.input.name: padded([crops[index] for index in chunk])}
                rows, whole = self.session.run(images, names)
                whole = whole / about.whole_temperature + about.whole_shift
                readings |= zip(chunk, map(CropReading, rows, whole.tolist()), strict=True)
        return [readings[index] for index in range(len(crops))]


def padded(crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Crops, uint8 [48, width], as a batch: uint8 [n, 1, 48, the next multiple of 16].

    Paper follows on their right.
    """
    width = max(map(_padded_width, crops))
    batch = np.full((len(crops), 1, CROP_HEIGHT, width), CROP_PAPER, np.uint8)
    for [image], crop in zip(batch, crops, strict=True):
        image[:, : crop.shape[1]] = crop
    return batch


def _padded_width(crop: NDArray[np.uint8]) -> int:
    width: int = crop.shape[1]
    return -(-width // CROP_MULTIPLE) * CROP_MULTIPLE
