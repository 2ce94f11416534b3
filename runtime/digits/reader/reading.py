"""Read the numbers of a page: the detector finds their symbols, the recognizer reads them."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from digits.constraints.constraints import Constraints
from digits.images.grey import Grey
from digits.images.picture import GreyImage
from digits.inference.interface import SYMBOLS
from digits.inference.networks import Networks
from digits.prediction import Number, Reading, Symbol
from digits.reader import crops, symbols
from digits.reader.crops import Region
from digits.reader.detections import Detections
from digits.reader.lattice import Arc, Box, best_path, build_lattice
from digits.reader.numbers import NumberReading, read_number
from digits.reader.opinions import Views, Weights
from digits.reader.page import build_lattices, find_symbols
from digits.reader.pyramid import MapsFn

_UNSEEN = np.zeros((0, len(SYMBOLS) + 1))  # steps

# Crops to log probabilities: `RecognizerModel.log_probabilities`.
RecognizeFn = Callable[[Sequence[Grey]], Sequence[NDArray[np.float32]]]


def read_numbers(
    networks: Networks, page: GreyImage, constraints: Constraints, max_errors: float
) -> Reading:
    """Read all numbers of a page that was loaded with PAGE_MAX_SIDE; see `Classifier`."""
    lines: list[tuple[Number, ...]] = []
    detector, recognizer = networks.detector, networks.recognizer
    weights = Weights.from_metadata(recognizer.metadata)
    for columns in find_numbers(detector.maps, recognizer.log_probabilities, page.pixels):
        read = [(views, read_number(views, constraints, weights)) for views in columns]
        line = [pair for pair in read if pair[1].text]
        if line:
            row, numbered = len(lines) + 1, enumerate(line, 1)
            lines.append(
                tuple(to_number(page, *pair, (row, i), max_errors) for i, pair in numbered)
            )
    return Reading(tuple(lines))


def find_numbers(maps: MapsFn, recognize: RecognizeFn, page: Grey) -> Iterator[list[Views]]:
    """Yield what both networks see of the numbers in each line that has a digit.

    page: uint8 [height, width].
    """
    detections = find_symbols(page, maps)
    lines = build_lattices(detections)
    if not lines:
        yield view_numbers(recognize, page, [_likeliest_place(detections, page)])
    for line in lines:
        numbers = [(lattice, region(lattice)) for lattice in line]
        yield view_numbers(recognize, page, numbers)


def _likeliest_place(detections: Detections, page: Grey) -> tuple[list[Arc], Region]:
    """Where the only digit may be: the likeliest place, or, of a tight crop, all of the page."""
    digits = detections.select(detections.are_digits)
    if not len(digits.scores):
        return [], crops.inside((0, 0, page.shape[1], page.shape[0]))
    likeliest = digits.select(np.array([digits.scores.argmax()]))
    return build_lattice(likeliest), crops.around(likeliest.boxes, np.ones(1, bool))


def view_numbers(
    recognize: RecognizeFn, page: Grey, numbers: Sequence[tuple[Sequence[Arc], Region]]
) -> list[Views]:
    """What both networks see of numbers, by their lattices and where the recognizer looks.

    It doesn't look at what is longer than its crops: 20 digits or so.
    """
    chosen = [where for _, where in numbers if where.fits]
    outputs = iter(recognize([crops.normalised(crops.cut(page, where)) for where in chosen]))
    return [
        Views(
            lattice, np.asarray(next(outputs), np.float64) if where.fits else _UNSEEN, where.bounds
        )
        for lattice, where in numbers
    ]


def region(lattice: Sequence[Arc]) -> Region:
    """Where the recognizer looks at a number: at all that may be a part of it.

    lattice: with a digit on its best path, whose digits tell the line.
    """
    path = best_path(lattice)
    are_digits = [arc.is_digit for arc in path] + [False] * len(lattice)
    return crops.around(np.array([arc.box for arc in [*path, *lattice]]), np.array(are_digits))


def to_number(
    page: GreyImage,
    views: Views,
    reading: NumberReading,
    where: tuple[int, int],
    max_errors: float,
) -> Number:
    """The number that is read on a page. where: its line and column."""
    is_likely = reading.satisfies and reading.probability >= 1 - max_errors
    is_accepted = is_likely and not reading.is_disputed
    return Number(
        reading.text if reading.satisfies else "",
        reading.probability,
        "accepted" if is_accepted else "review" if reading.satisfies else "unreadable",
        reading.runner_up,
        reading.unconstrained,
        _symbols(page, views, reading),
        *where,
    )


def _symbols(page: GreyImage, views: Views, reading: NumberReading) -> tuple[Symbol, ...]:
    boxes = symbols.locate(reading.text, views.lattice, views.box)
    table = symbols.alternatives(reading.text, reading.free).tolist()
    return tuple(
        Symbol(symbol, row[SYMBOLS.index(symbol)], tuple(row), _to_original(page, box))
        for symbol, row, box in zip(reading.text, table, boxes, strict=True)
    )


def _to_original(page: GreyImage, box: Box) -> tuple[int, int, int, int]:
    (left, top, right, bottom), (height, width) = box, page.pixels.shape
    near = max(math.floor(left), 0), max(math.floor(top), 0)
    return page.to_original((*near, min(math.ceil(right), width), min(math.ceil(bottom), height)))
