"""Read the numbers of a page: the detector finds them, the recognizer reads them."""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from digits.constraints.constraints import Constraints
from digits.images.grey import Grey
from digits.images.picture import GreyImage
from digits.inference.interface import SYMBOLS
from digits.inference.models import Models
from digits.prediction import Number, Reading, Reason, Symbol
from digits.reader import crops
from digits.reader.boxes import symbol_boxes, symbol_probabilities
from digits.reader.decode import Calibration, NumberReading, read_number
from digits.reader.detect import find_columns, find_symbols
from digits.reader.detections import Box, Detections
from digits.reader.looks import NetworkOutputs, OpinionFn, RecognizeFn, look_at, number_region
from digits.reader.pyramid import MapsFn


def read_numbers(
    models: Models, page: GreyImage, constraints: Constraints, max_errors: float
) -> Reading:
    """Read all numbers of a page that was loaded with PAGE_MAX_SIDE; see `Reader.read`."""
    lines: list[tuple[Number, ...]] = []
    calibration, second = Calibration.load(models), models.second_opinion
    opinion = second.log_probabilities if second else None
    for line in find_numbers(models.detector.maps, models.recognizer.read, page.pixels, opinion):
        numbers: list[Number] = []
        for views in line:
            reading = read_number(views, constraints, calibration)
            if reading.text:
                boxes = symbol_boxes(reading.text, views)
                position = len(lines) + 1, len(numbers) + 1
                numbers.append(to_number(page, reading, boxes, position, max_errors))
        if numbers:
            lines.append(tuple(numbers))
    return Reading(tuple(lines))


def find_numbers(
    maps: MapsFn, recognize: RecognizeFn, page: Grey, second_opinion: OpinionFn | None = None
) -> list[list[NetworkOutputs]]:
    """What the networks see of the numbers in each line that has a digit.

    page: uint8 [height, width].
    """
    detections = find_symbols(page, maps)
    lines = find_columns(detections)
    numbers = [(page, column, number_region(column)) for line in lines for column in line]
    views = look_at(numbers or [(page, *_only_digit(detections, page))], recognize, second_opinion)
    remaining = iter(views)
    return [[*islice(remaining, len(line))] for line in lines] or [views]


def _only_digit(detections: Detections, page: Grey) -> tuple[Detections, crops.Region]:
    """The likeliest digit and its region; without any, all of the page, as of a tight crop."""
    digits = detections.select(detections.are_digits)
    if not len(digits.scores):
        return digits, crops.region_of_box((0, 0, page.shape[1], page.shape[0]))
    likeliest = digits.select(np.array([digits.scores.argmax()]))
    return likeliest, crops.region_of(likeliest.boxes, np.ones(1, bool))


def to_number(
    page: GreyImage,
    reading: NumberReading,
    boxes: Sequence[Box],
    position: tuple[int, int],
    max_errors: float,
) -> Number:
    """The number that is read on a page.

    boxes: of its symbols, in the page's pixels.
    position: its line and column.
    """
    reason: Reason = "" if reading.probability >= 1 - max_errors else "unsure"
    if not reading.satisfies:
        reason = "constraints"
    elif reading.needs_review:
        reason = "doubt"
    line, column = position
    return Number(
        reading.text if reading.satisfies else "",
        reading.probability,
        "none" if reason == "constraints" else "review" if reason else "accepted",
        reason,
        reading.second_best,
        reading.unconstrained,
        _symbols(page, reading, boxes),
        line,
        column,
    )


def _symbols(page: GreyImage, reading: NumberReading, boxes: Sequence[Box]) -> tuple[Symbol, ...]:
    probabilities = symbol_probabilities(reading.text, reading.unconstrained_texts).tolist()
    places = [page.to_original(box) for box in boxes]
    return tuple(
        Symbol(symbol, row[SYMBOLS.index(symbol)], tuple(row), place)
        for symbol, row, place in zip(reading.text, probabilities, places, strict=True)
    )
