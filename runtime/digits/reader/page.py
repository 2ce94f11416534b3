"""All the symbols of a page, in reading order."""

import numpy as np

from digits.reader.detections import Detections, Integers, concatenate
from digits.reader.lattice import LEAST_STEPS, PAGE_STEPS, Arc, best_path, build_lattice
from digits.reader.lines import nearest_digits, text_lines
from digits.reader.looks import glance, look_around
from digits.reader.peaks import Grey, MapsFn
from digits.reader.suppression import settle, suppress


def read_page(page: Grey, maps: MapsFn) -> list[list[list[Arc]]]:
    """Read a page: lines from top to bottom, in each its columns, in each its symbols.

    page: uint8 [height, width]. maps: see `peaks.MapsFn`. Empty where no digit is found.
    """
    lines = build_lattices(find_symbols(page, maps))
    return [[best_path(lattice) for lattice in line] for line in lines]


def find_symbols(page: Grey, maps: MapsFn) -> Detections:
    """The places of a page where a symbol may be; arguments as for `read_page`."""
    return settle(suppress(look_around(page, maps)))


def glance_symbols(page: Grey, maps: MapsFn, height: float) -> Detections:
    """The same, seen in one look that suits symbols of this height, in pixels of the page."""
    return settle(suppress(glance(page, maps, height)))


def build_lattices(detections: Detections) -> list[list[list[Arc]]]:
    """The lattices of columns, line by line: those with a digit on their best path."""
    sure = detections.are_digits & (detections.scores > 0)
    digits, others = detections.select(sure), detections.select(~sure)
    nearest = nearest_digits(others, digits)
    order = np.argsort(nearest, kind="stable")
    firsts = np.searchsorted(nearest[order], np.arange(len(digits.scores)))
    beside = np.split(order, firsts)[1:]  # each digit; before them is what is beside none
    arcs = sum(map(len, beside)) + len(beside)
    steps = max(LEAST_STEPS, PAGE_STEPS // max(arcs, 1))

    def lattice(column: Integers) -> list[Arc]:
        alternatives = np.concatenate([beside[number] for number in column])
        chosen = concatenate([digits.select(column), others.select(alternatives)])
        return build_lattice(chosen, steps)

    lattices = [[lattice(column) for column in line] for line in text_lines(digits)]
    return [line for line in ([*filter(_has_digit, line)] for line in lattices) if line]


def _has_digit(lattice: list[Arc]) -> bool:
    return any(arc.is_digit for arc in best_path(lattice))
