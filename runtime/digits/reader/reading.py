"""Read the numbers of a page: the detector finds the digits, both networks say which they are."""

import math
from collections.abc import Sequence
from functools import partial
from numbers import Real
from typing import NamedTuple

import numpy as np

from digits.constraints.constraints import Constraints
from digits.images import picture
from digits.images.grey import Grey
from digits.images.picture import GreyImage
from digits.inference.detector_model import DetectorModel
from digits.inference.interface import SYMBOLS
from digits.inference.model import Model
from digits.prediction import SIGNS, Number, Reading, Symbol
from digits.reader.classify import Weights, are_disputed, classify, classify_inks
from digits.reader.detections import DIGITS, SAME, Detections, overlaps
from digits.reader.lattice import Arc, best_path
from digits.reader.numbers import NumberReading, read_number
from digits.reader.page import Lattices, build_lattices, find_symbols, weigh
from digits.vision.candidates import examine_alone
from digits.vision.ranker import Ranking, log_odds

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
        asked = Constraints() if constraints is None else constraints  # some are false
        return cls(asked, max_errors or MAX_ERRORS)


def read_numbers(model: Model, detector: DetectorModel, page: GreyImage, rules: Rules) -> Reading:
    """Read all numbers of a page that was loaded with PAGE_MAX_SIDE; see `Classifier`."""
    temperature = detector.metadata.number_temperature
    lines: list[tuple[Number, ...]] = []
    for lattices in find_lattices(model, detector, page):
        read = (read_number(lattice, rules.constraints, temperature) for lattice in lattices)
        line = [reading for reading in read if reading.symbols]  # not signs alone
        if line:
            row, columns = len(lines) + 1, enumerate(line, 1)
            lines.append(tuple(to_number(page, each, (row, i), rules) for i, each in columns))
    return Reading(tuple(lines))


def find_lattices(model: Model, detector: DetectorModel, page: GreyImage) -> Lattices:
    """The lattices of the columns of each line that have a digit; as for `read_numbers`."""
    detections = find_symbols(page.pixels, detector.maps)
    lines = build_lattices(detections)
    seen = [arc for line in lines for lattice in line for arc in best_path(lattice)]
    if len(seen) < 2 and (alone := _find_digit(model, page, detections, seen)) is not None:
        return alone
    return classify_digits(model, detector, page.pixels, lines)


def classify_digits(model: Model, detector: DetectorModel, page: Grey, lines: Lattices) -> Lattices:
    """What both networks say of the symbols in lattices. page: uint8 [height, width]."""
    weights = Weights(detector.metadata.detector_weight, detector.metadata.classifier_weight)
    return classify(lines, page, partial(classify_inks, model), weights)


def _find_digit(
    model: Model, page: GreyImage, detections: Detections, seen: Sequence[Arc]
) -> Lattices | None:
    """The one digit of a picture, as both networks see it; None if it is for the detector to say.

    Without paper around it, the detector often overlooks a digit. seen: what it doesn't overlook.
    """
    small = picture.reduce(page, picture.DIGIT_MAX_SIDE)
    [alone] = examine_alone(model, [small])
    if not alone.hypotheses:
        return None
    evidence = weigh(detections)
    examined = alone.combine(evidence)
    # Several digits of which the detector sees none are something else.
    if examined.ranking.none + examined.ranking.several * (not seen) > 0.5:
        return []
    box = np.array(small.to_original(examined.box)) / page.downscale
    # One that the detector sees may be a small part of the picture. Where it holds none possible,
    # the classifier makes up digits, as on blank paper.
    boxes = [arc.box for arc in seen] or detections.select(detections.are_digits).boxes
    shared, _ = overlaps(np.array(boxes, np.float64).reshape(-1, 4), box)
    if not (shared > SAME).any():
        return None
    classified = alone.ranking.probabilities
    disputed = bool(are_disputed(evidence.probabilities, classified))
    arc = digit_arc(0, examined.ranking, tuple(box.tolist()))
    return [[[arc._replace(disputed=disputed, frame=examined.frames[examined.likeliest])]]]


def digit_arc(start: int, ranking: Ranking, box: tuple[float, float, float, float]) -> Arc:
    """The only digit of a picture, in this box."""
    probabilities, _, several, none = ranking
    digits = (probabilities - (several + none) / DIGITS).clip(1e-12)
    symbols = np.log(np.append(digits / digits.sum(), [1e-12] * len(SIGNS)))
    return Arc(start, log_odds(float(digits.sum())), symbols, box)


def to_number(
    page: GreyImage, reading: NumberReading, where: tuple[int, int], rules: Rules
) -> Number:
    """The number that is read on a page. where: its line and column."""
    is_likely = reading.satisfies and reading.probability >= 1 - rules.max_errors
    is_accepted = is_likely and not any(arc.disputed for _, arc in reading.symbols)
    return Number(
        reading.text if reading.satisfies else "",
        reading.probability,
        "accepted" if is_accepted else "review" if reading.satisfies else "unreadable",
        reading.runner_up,
        reading.unconstrained,
        tuple(_to_symbol(page, symbol, arc) for symbol, arc in reading.symbols),
        *where,
    )


def _to_symbol(page: GreyImage, text: str, arc: Arc) -> Symbol:
    probabilities = tuple(arc.probabilities.tolist())
    (left, top, right, bottom), (height, width) = arc.box, page.pixels.shape
    near = max(math.floor(left), 0), max(math.floor(top), 0)
    box = page.to_original((*near, min(math.ceil(right), width), min(math.ceil(bottom), height)))
    return Symbol(text, probabilities[SYMBOLS.index(text)], probabilities, box, arc.frame)
