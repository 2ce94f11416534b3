"""Pictures that no training has seen, to calibrate and judge a finished network on."""

from functools import cache

import numpy as np

from digits.data.split import Split
from digits.terminal import track
from digits_train.camera import FITTED
from digits_train.camera.materials import Materials, make_materials
from digits_train.camera.page import number_page, page, random_lines
from digits_train.camera.presets import REAL_PAPER, clear, neat
from digits_train.camera.ranges import RANGES, Ranges
from digits_train.data import frames, mnist
from digits_train.data.recognizer_batches import RecognizerBatches, TextBatch
from digits_train.pixels import Bytes
from digits_train.symbols import LabelledPage

# Of what validates: the same for all trainings, whose own seeds are smaller.
VALIDATION_SEED = 2**63
_VALIDATION_GLYPHS, _VALIDATION_TEXTS = 2_000, 1_000  # that it is composed of
NUM_OUTLIERS = 2000
NUM_PAGES, NUM_NUMBER_PAGES = 100, 250
GLYPHS, TEXTS = 1000, 1000  # that frames are composed of
_PAGE_GLYPHS, _PAGE_TEXTS = 3000, 2000
# Rarely those of a training, and never those of the benchmarks' pages.
_SEED, _PAGES_SEED, _NUMBERS_SEED = 2**63, 7_000_000, 8_000_000
_BATCHES_SEED = 11_000_000
_BATCH_CROPS, _BATCH = 2_000, 50  # in all, and in a batch


def validation_materials(digits: Split, camera: Ranges, use: str = "training") -> Materials:
    """What is composed to validate on. use: of the fonts, see `fonts.handwriting`."""
    counts = _VALIDATION_GLYPHS, _VALIDATION_TEXTS
    return make_materials(digits, VALIDATION_SEED, camera, *counts, use=use)


def draw_outliers(validation: Split) -> Bytes:
    """Frames without a digit: uint8 [n, 28, 28]. validation: digits of which some are made."""
    materials = make_materials(validation, _SEED, RANGES, GLYPHS, TEXTS, TEXTS // 2)
    return frames.draw_outliers(materials, NUM_OUTLIERS, _SEED)


def draw_pages() -> list[LabelledPage]:
    """Draw pages with validation digits as in training. A tenth has nothing but words."""
    numbers = track(range(NUM_PAGES), NUM_PAGES, "drawing pages")
    contents = ((number, "words" if number % 10 == 9 else "numbers") for number in numbers)
    return [
        page(np.random.default_rng([_PAGES_SEED, number]), _materials(), content)
        for number, content in contents
    ]


def draw_number_pages() -> list[LabelledPage]:
    """Draw pages with a number a line, as clear as people's."""
    materials = _materials()._replace(ranges=neat(clear(RANGES)))
    numbers = track(range(NUM_NUMBER_PAGES), NUM_NUMBER_PAGES, "drawing pages of numbers")
    randoms = (np.random.default_rng([_NUMBERS_SEED, number]) for number in numbers)
    return [number_page(random, materials, random_lines(random)) for random in randoms]


def draw_batches() -> list[TextBatch]:
    """Draw crops for a recognizer, as clear as those that people have."""
    digits = mnist.load("validation")[:FITTED]
    materials = validation_materials(digits, clear(REAL_PAPER), "held back")
    return RecognizerBatches(materials, _BATCHES_SEED, _BATCH).first(_BATCH_CROPS)


@cache
def _materials() -> Materials:
    """The hands of the first half of MNIST's validation digits and of training's fonts."""
    digits = mnist.load("validation")[:FITTED]
    return make_materials(digits, _PAGES_SEED, RANGES, _PAGE_GLYPHS, _PAGE_TEXTS)
