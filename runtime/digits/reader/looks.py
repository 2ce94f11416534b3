"""What the networks see of a number: its place, and what recognizers read there in several looks.

A recognizer doubts most where a slightly different crop of the same number would change its mind.
So it looks several times, and the logarithms of its probabilities and its log odds are averaged
(test-time augmentation).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.images.grey import Grey
from digits.inference.recognizer_model import CropReading
from digits.reader import crops
from digits.reader.crops import Region
from digits.reader.ctc import BLANK
from digits.reader.detections import Detections, Floats
from digits.reader.path import best_path

RecognizeFn = Callable[[Sequence[Grey]], Sequence[CropReading]]  # `RecognizerModel.read`
OpinionFn = Callable[[Sequence[Grey]], Sequence[NDArray[np.float32]]]  # of `SecondOpinion`

# How much each look takes away above, below and at both sides, in heights of the region: as it is,
# closer, wider, higher.
LOOKS = (0.0, 0.0, 0.0), (0.08, 0.08, 0.06), (-0.08, -0.08, -0.06), (0.05, -0.05, 0.0)
_NEVER = -1e3  # log probability of what can't be


class NetworkOutputs(NamedTuple):
    """What the networks see of a number.

    detections: what may be its symbols.
    region: where the recognizer looks first.
    log_probs: float64 [looks, steps, 13], of each symbol and blank; sure blanks may end them.
    whole: log odds that there is exactly one number, all of it, the mean of the looks.
    second_opinion: float64 [0 or 1, steps, 13], likewise of another recognizer.
    """

    detections: Detections
    region: Region
    log_probs: Floats
    whole: float
    second_opinion: Floats


def number_region(detections: Detections) -> Region:
    """The region of all that may be a part of a number.

    detections: with a digit on their best path, whose digits tell the line.
    """
    path = best_path(detections)
    are_digits = np.append(path.are_digits, np.zeros(len(detections.scores), bool))
    return crops.region_of(np.concatenate([path.boxes, detections.boxes]), are_digits)


def look_at(
    numbers: Sequence[tuple[Grey, Detections, Region]],
    recognize: RecognizeFn,
    second_opinion: OpinionFn | None = None,
) -> list[NetworkOutputs]:
    """What recognizers read of numbers, all at once.

    numbers: of each the page, uint8 [height, width], what may be its symbols, and its region.
    """
    looks = [crops.cut(page, look) for page, _, region in numbers for look in _looks_at(region)]
    readings = recognize([*map(crops.normalise_contrast, looks)])
    others = second_opinion(looks[:: len(LOOKS)]) if second_opinion else []
    views = list[NetworkOutputs]()
    for n, (_, detections, region) in enumerate(numbers):
        rows, whole = zip(*readings[len(LOOKS) * n : len(LOOKS) * (n + 1)], strict=True)
        other = stack(others[n : n + 1])
        views.append(NetworkOutputs(detections, region, stack(rows), float(np.mean(whole)), other))
    return views


def _looks_at(region: Region) -> list[Region]:
    height = region.bottom - region.top
    return [
        region._replace(
            left=region.left + sides * height,
            top=region.top + top * height,
            right=region.right - sides * height,
            bottom=region.bottom - bottom * height,
        )
        for top, bottom, sides in LOOKS
    ]


def stack(outputs: Sequence[NDArray[Any]]) -> Floats:
    """Outputs [steps, 13] as one array: float64 [n, steps, 13]; blanks end shorter ones."""
    steps = max(map(len, outputs), default=0)
    stacked = np.full((len(outputs), steps, BLANK + 1), _NEVER)
    stacked[..., BLANK] = 0.0
    for padded, output in zip(stacked, outputs, strict=True):
        padded[: len(output)] = output
    return stacked
