"""Pictures that no training has seen, to calibrate and judge a finished network on."""

import numpy as np
from numpy.typing import NDArray

from digits.data.mnist import Split
from digits_train import outliers, photographs
from digits_train.matching import LabelledPage

NUM_OUTLIERS, NUM_BLANK = 2000, 300
NUM_PHOTOGRAPHED = 5000
_PAGES, _NUMBER_PAGES = 100, 400
# Never those of a training, which are single numbers, or of the benchmarks' pages.
_SEED, _PAGES_SEED, _NUMBERS_SEED = (0, 0), 7_000_000, 8_000_000


def draw_outliers(validation: Split) -> NDArray[np.uint8]:
    """Draw images without a digit: uint8 [n, 28, 28]. validation: digits of which some are made."""
    drawn = outliers.generate(validation, NUM_OUTLIERS, _SEED)
    return np.concatenate([drawn, photographs.generate_blank(NUM_BLANK, _SEED)])


def draw_photographs(validation: Split) -> Split:
    """Photograph validation digits, and frame them."""
    return Split(*photographs.generate(validation, NUM_PHOTOGRAPHED, _SEED))


def draw_pages() -> list[LabelledPage]:
    """Draw pages with validation digits."""
    from digits_train.reader_data import validation_pages  # a classifier needs no camera

    return validation_pages(_PAGES, _PAGES_SEED)


def draw_number_pages() -> list[LabelledPage]:
    """Draw pages with a number a line, of the same digits."""
    from digits_train.reader_data import number_pages

    return number_pages(_NUMBER_PAGES, _NUMBERS_SEED)
