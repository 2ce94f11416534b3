"""Read the numbers of a page: the detector finds their symbols, the recognizer reads them."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from digits.constraints.constraints import Constraints
from digits.images.grey import Grey
from digits.images.picture import GreyImage
from digits.inference.interface import SYMBOLS
from digits.inference.networks import Networks
from digits.prediction import Number, NumberStatus, Reading, Symbol
from digits.reader import crops
from digits.reader.crops import Region
from digits.reader.detections import Detections
from digits.reader.lattice import Arc, best_path, build_lattice
from digits.reader.numbers import NumberReading, read_number
from digits.reader.opinions import Views, Weights
from digits.reader.page import build_lattices, find_symbols
from digits.reader.pyramid import MapsFn
from digits.reader.symbols import symbol_boxes, symbol_probabilities

_UNSEEN = np.zeros((0, len(SYMBOLS) + 1))  # steps

# Crops to log probabilities: `RecognizerModel.log_probabilities`.
RecognizeFn = Callable[[Sequence[Grey]], Sequence[NDArray[np.float32]]]


def read_numbers(
    networks: Networks, page: GreyImage, constraints: Constraints, max_errors: float
) -> Reading:
    """Read all numbers of a page that was loaded with PAGE_MAX_SIDE; see `Classifier.read`."""
    lines: list[tuple[Number, ...]] = []
    detector, recognizer = networks.detector, networks.recognizer
    weights = Weights.from_metadata(recognizer.metadata)
    for line in find_numbers(detector.maps, recognizer.log_probabilities, page.pixels):
        numbers: list[Number] = []
        for views in line:
            reading = read_number(views, constraints, weights)
            if reading.text:
                position = len(lines) + 1, len(numbers) + 1
                numbers.append(to_number(page, views, reading, position, max_errors))
        if numbers:
            lines.append(tuple(numbers))
    return Reading(tuple(lines))


def find_numbers(maps: MapsFn, recognize: RecognizeFn, page: Grey) -> Iterator[list[Views]]:
    """Yield what both networks see of the numbers in each line that has a digit.

    page: uint8 [height, width].
    """
    detections = find_symbols(page, maps)
    lines = build_lattices(detections)
    if not lines:
        yield view_numbers(recognize, page, [_only_digit(detections, page)])
    for line in lines:
        numbers = [(lattice, number_region(lattice)) for lattice in line]
        yield view_numbers(recognize, page, numbers)


def _only_digit(detections: Detections, page: Grey) -> tuple[list[Arc], Region]:
    """The likeliest digit and its region; without any, all of the page, as of a tight crop."""
    digits = detections.select(detections.are_digits)
    if not len(digits.scores):
        return [], crops.inside((0, 0, page.shape[1], page.shape[0]))
    likeliest = digits.select(np.array([digits.scores.argmax()]))
    return build_lattice(likeliest), crops.around(likeliest.boxes, np.ones(1, bool))


def view_numbers(
    recognize: RecognizeFn, page: Grey, numbers: Sequence[tuple[Sequence[Arc], Region]]
) -> list[Views]:
    """What both networks see of numbers.

    numbers: the lattice of each, and the region at which the recognizer looks; it doesn't if that
    is longer than its crops, of 20 digits or so.
    """
    regions = [region for _, region in numbers if region.fits_in_crop]
    outputs = iter(recognize([crops.normalised(crops.cut(page, region)) for region in regions]))
    views = []
    for lattice, region in numbers:
        steps = np.asarray(next(outputs), np.float64) if region.fits_in_crop else _UNSEEN
        views.append(Views(lattice, steps, region.bounds))
    return views


def number_region(lattice: Sequence[Arc]) -> Region:
    """The region at which the recognizer looks: all that may be a part of a number.

    lattice: with a digit on its best path, whose digits tell the line.
    """
    path = best_path(lattice)
    are_digits = [arc.is_digit for arc in path] + [False] * len(lattice)
    return crops.around(np.array([arc.box for arc in [*path, *lattice]]), np.array(are_digits))


def to_number(
    page: GreyImage,
    views: Views,
    reading: NumberReading,
    position: tuple[int, int],
    max_errors: float,
) -> Number:
    """The number that is read on a page. position: its line and column."""
    status: NumberStatus = "unreadable"
    if reading.satisfies:
        is_likely = reading.probability >= 1 - max_errors
        status = "accepted" if is_likely and not reading.is_disputed else "review"
    line, column = position
    return Number(
        reading.text if reading.satisfies else "",
        reading.probability,
        status,
        reading.runner_up,
        reading.unconstrained,
        _symbols(page, views, reading),
        line,
        column,
    )


def _symbols(page: GreyImage, views: Views, reading: NumberReading) -> tuple[Symbol, ...]:
    boxes = symbol_boxes(reading.text, views.lattice, views.box)
    probabilities = symbol_probabilities(reading.text, reading.unconstrained_texts).tolist()
    return tuple(
        Symbol(symbol, row[SYMBOLS.index(symbol)], tuple(row), page.to_original(box))
        for symbol, row, box in zip(reading.text, probabilities, boxes, strict=True)
    )
