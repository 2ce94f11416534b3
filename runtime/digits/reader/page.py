"""All the symbols of a page, in reading order."""

import numpy as np

from digits.reader.detections import Detections, Integers
from digits.reader.lattice import Arc, Lattice, best_path, build_lattice
from digits.reader.lines import nearest_digits, text_lines
from digits.reader.looks import look_around
from digits.reader.peaks import Grey, MapsFn
from digits.reader.suppression import settle, suppress


def read_page(page: Grey, maps: MapsFn) -> list[list[list[Arc]]]:
    """Read a page: lines from top to bottom, in each its columns, in each its symbols.

    page: uint8 [height, width]. maps: see `peaks.MapsFn`. Empty where no digit is found.
    """
    paths = [[best_path(column) for column in line] for line in find_lattices(page, maps)]
    read = [[column for column in line if any(arc.is_digit for arc in column)] for line in paths]
    return [line for line in read if line]


def find_lattices(page: Grey, maps: MapsFn) -> list[list[Lattice]]:
    """The lattice of each column of each line; arguments as for `read_page`."""
    found = settle(suppress(look_around(page, maps)))
    sure = found.are_digits & (found.scores > 0)
    digits, others = found.select(sure), found.select(~sure)
    lines = text_lines(digits)
    nearest = nearest_digits(others.boxes, digits.boxes)
    return [[_lattice(column, digits, others, nearest) for column in line] for line in lines]


def _lattice(
    column: Integers, digits: Detections, others: Detections, nearest: Integers
) -> Lattice:
    """The lattice of a column's digits and of what is nearest to one of them."""
    alternatives = others.select(np.isin(nearest, column))
    parts = zip(digits.select(column), alternatives, strict=True)
    return build_lattice(Detections(*(np.concatenate(arrays) for arrays in parts)))
