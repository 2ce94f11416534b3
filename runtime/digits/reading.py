"""Read a page: by the reader, and by the classifier too where there may be one digit alone."""

import math
from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import NamedTuple

import numpy as np

from digits.constraints.constraints import Constraints
from digits.examination import Networks, examine_alone
from digits.images import picture
from digits.images.picture import GreyImage
from digits.inference.interface import SYMBOLS
from digits.prediction import SIGNS, Number, Prediction, Reading, Symbol
from digits.reader.detections import SAME, Detections, overlaps
from digits.reader.lattice import Arc, best_path
from digits.reader.numbers import NumberReading, read_number
from digits.reader.page import build_lattices, find_symbols

MAX_ERRORS = 0.01  # as long as nobody asks for less or more


class Rules(NamedTuple):
    """What is asked of numbers, as for `Classifier.read`."""

    constraints: Constraints
    max_errors: float

    @classmethod
    def of(cls, constraints: Constraints | None, max_errors: float | None) -> "Rules":
        """Raises ValueError if max_errors isn't between 0 and 1."""
        if max_errors is not None and not (isinstance(max_errors, Real) and 0 < max_errors < 1):
            raise ValueError(f"max_errors must be a number between 0 and 1, not {max_errors!r}")
        asked = Constraints() if constraints is None else constraints
        return cls(asked, max_errors or MAX_ERRORS)


class Column(NamedTuple):
    """Where a number may be.

    path: what is there without constraints. to_symbol: what to say of an arc, if it is this symbol.
    """

    lattice: list[Arc]
    path: list[Arc]
    to_symbol: Callable[[str, Arc], Symbol]


def read_page(networks: Networks, page: GreyImage, rules: Rules) -> Reading:
    """Read all numbers of a page that was loaded with PAGE_MAX_SIDE; see `Classifier`."""
    temperature = networks.reader.metadata.number_temperature
    read = [
        [
            (column, read_number(column.lattice, rules.constraints, temperature, column.path))
            for column in line
        ]
        for line in find_columns(networks, page)
    ]
    read = [[pair for pair in line if pair[1].symbols] for line in read]  # not signs alone
    return Reading(
        tuple(
            tuple(
                to_number(column, reading, rules, (row, index))
                for index, (column, reading) in enumerate(line, 1)
            )
            for row, line in enumerate(filter(None, read), 1)
        )
    )


def find_columns(networks: Networks, page: GreyImage) -> list[list[Column]]:
    """The columns of each line that have a digit; arguments as for `read_page`."""
    detections = find_symbols(page.pixels, networks.reader.maps)
    to_symbol = partial(_to_symbol, page)
    lines = [
        [Column(lattice, best_path(lattice), to_symbol) for lattice in line]
        for line in build_lattices(detections)
    ]
    seen = [arc for line in lines for column in line for arc in column.path]
    if len(seen) > 1:
        return lines
    smaller = picture.reduce(page, picture.DIGIT_MAX_SIDE)
    [examined] = examine_alone(networks.model, [smaller])
    if not examined.hypotheses:
        return lines
    boxes = np.array([to_symbol("0", arc).box for arc in seen], np.float64).reshape(-1, 4)
    combined = examined.combine(detections)
    several, none = combined.judgement.several, combined.judgement.none
    # Several digits of which the reader sees none are something else.
    if none + several * (not seen) > 0.5:
        return []
    prediction = combined.prediction(networks.threshold)
    if not _is_seen(prediction, boxes, detections, page.downscale):
        return lines
    return [[_single_digit(prediction, several + none)]]


def to_number(
    column: Column, reading: NumberReading, rules: Rules, where: tuple[int, int]
) -> Number:
    """The number in a column. where: its line and column."""
    is_accepted = reading.satisfies and reading.probability >= 1 - rules.max_errors
    symbols = tuple(column.to_symbol(symbol, arc) for symbol, arc in reading.symbols)
    return Number(
        reading.text if reading.satisfies else "",
        reading.probability,
        "accepted" if is_accepted else "review" if reading.satisfies else "unreadable",
        reading.second,
        reading.free,
        symbols,
        *where,
    )


def _to_symbol(page: GreyImage, text: str, arc: Arc) -> Symbol:
    probabilities = tuple(arc.probabilities.tolist())
    confidence = probabilities[SYMBOLS.index(text)]
    (left, top, right, bottom), (height, width) = arc.box, page.pixels.shape
    near = max(math.floor(left), 0), max(math.floor(top), 0)
    far = min(math.ceil(right), width), min(math.ceil(bottom), height)
    return Symbol(text, confidence, probabilities, page.to_original((*near, *far)))


def _is_seen(
    prediction: Prediction, boxes: np.ndarray, detections: Detections, downscale: float
) -> bool:
    """Whether the reader sees the classifier's digit, or overlooks but holds it possible.

    One that it sees may be a small part of the picture. Without its opinion, the classifier makes
    up digits on blank paper. boxes: of what it sees.
    """
    possible = downscale * detections.select(detections.are_digits).boxes
    shared, _ = overlaps(boxes if len(boxes) else possible, np.array(prediction.box, np.float64))
    return bool((shared > SAME).any())


def _single_digit(prediction: Prediction, otherwise: float) -> Column:
    """A column of one digit, as the classifier reads it.

    otherwise: the probability of anything but one digit, spread over the prediction's ten.
    """
    digits = (np.array(prediction.probabilities) - otherwise / 10).clip(0)
    probabilities = (*digits.tolist(), *[0.0] * len(SIGNS))
    present = float(digits.sum().clip(1e-9, 1 - 1e-9))
    symbols = np.log((np.array(probabilities) / present).clip(1e-12))
    arc = Arc(0, math.log(present / (1 - present)), symbols, (0.0, 0.0, 0.0, 0.0))

    def to_symbol(text: str, _: Arc) -> Symbol:
        confidence = probabilities[SYMBOLS.index(text)]
        return Symbol(text, confidence, probabilities, prediction.box, prediction.frame)

    return Column([arc], [arc], to_symbol)
