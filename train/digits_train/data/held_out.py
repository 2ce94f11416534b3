"""Pictures that no training has seen, to calibrate and judge a finished network on."""

from functools import cache

import numpy as np

from digits.terminal import track
from digits_train.camera.materials import Materials, make_materials
from digits_train.camera.page import number_page, page, random_lines
from digits_train.camera.presets import REAL_PAPER, clear, legible
from digits_train.camera.ranges import RANGES, Ranges
from digits_train.data import frames, unipen
from digits_train.data.recognizer_batches import RecognizerBatches, TextBatch
from digits_train.pixels import Bytes
from digits_train.symbols import LabelledPage

# Of what validates: the same for all trainings, whose own seeds are smaller.
VALIDATION_SEED = 2**63
_VALIDATION_HANDS, _VALIDATION_TEXTS = 300, 1_000  # that it is composed of
NUM_OUTLIERS = 2000
NUM_PAGES, NUM_NUMBER_PAGES = 100, 250
HANDS, TEXTS = 200, 1000  # that frames are composed of
_PAGE_HANDS, _PAGE_TEXTS = 300, 2000
# Rarely those of a training, and never those of the benchmarks' pages.
_SEED, _PAGES_SEED, _NUMBERS_SEED = 2**63, 7_000_000, 8_000_000
_BATCHES_SEED = 11_000_000
_BATCH_CROPS, _BATCH = 2_000, 50  # in all, and in a batch


def validation_materials(camera: Ranges) -> Materials:
    """What is composed to validate on: by people whom no training shows, and in other fonts."""
    counts = _VALIDATION_HANDS, _VALIDATION_TEXTS
    return make_materials(unipen.load(), VALIDATION_SEED, camera, *counts, use="held back")


def draw_outliers() -> Bytes:
    """Frames without a digit: uint8 [n, 28, 28]."""
    materials = make_materials(unipen.load(), _SEED, RANGES, HANDS, TEXTS, TEXTS // 2)
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
    materials = _materials()._replace(ranges=legible(clear(RANGES)))
    numbers = track(range(NUM_NUMBER_PAGES), NUM_NUMBER_PAGES, "drawing pages of numbers")
    randoms = (np.random.default_rng([_NUMBERS_SEED, number]) for number in numbers)
    return [number_page(random, materials, random_lines(random)) for random in randoms]


def draw_batches() -> list[TextBatch]:
    """Draw crops for a recognizer, as clear as those that people have."""
    materials = validation_materials(clear(REAL_PAPER))
    return RecognizerBatches(materials, _BATCHES_SEED, _BATCH).first(_BATCH_CROPS)


@cache
def _materials() -> Materials:
    """By people whom no training shows, and in other fonts."""
    counts = _PAGE_HANDS, _PAGE_TEXTS
    return make_materials(unipen.load(), _PAGES_SEED, RANGES, *counts, use="held back")
