"""The symbols of a number's text: where each of them is, and what else it may be."""

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise

import numpy as np

from digits.alignment import INVENTED, align
from digits.inference.interface import SYMBOLS
from digits.reader.detections import Floats
from digits.reader.lattice import Arc, Box, best_path, forced_path

_MIN_PROBABILITY = 0.01  # probability of a text that tells of alternatives


def locate(text: str, lattice: Sequence[Arc], region: Box) -> list[Box]:
    """A box for each symbol of a text: the detector's, and between these for what it overlooks.

    lattice: what the detector sees of the number.
    region: where the number is.
    """
    if forced := forced_path(lattice, text):
        return [arc.box for arc in forced]
    path = best_path(lattice)
    partners = align(text, [arc.symbol for arc in path]).partners
    detected = [path[partner].box if partner != INVENTED else None for partner in partners]
    rows = [(box[1], box[3]) for box in detected if box] or [(region[1], region[3])]
    top, bottom = np.median(rows, 0).tolist()
    next_lefts = [box[0] for box in detected if box] + [region[2]]
    boxes = list[Box]()
    for box, group in groupby(detected):
        if box:
            boxes.append(box)
            next_lefts.pop(0)
        else:
            left = boxes[-1][2] if boxes else region[0]
            edges = np.linspace(left, max(left, next_lefts[0]), len([*group]) + 1).tolist()
            boxes += [(start, top, end, bottom) for start, end in pairwise(edges)]
    return boxes


def alternatives(text: str, texts: Mapping[str, float]) -> Floats:
    """How likely each of SYMBOLS is in the place of each symbol of a text: float64 [n, 12].

    texts: the probabilities of all likely texts.

    What a row lacks to 1 is the probability that there is no symbol.
    """
    table = np.zeros((len(text), len(SYMBOLS)))
    for other, probability in texts.items():
        if probability > _MIN_PROBABILITY or other == text:
            for symbol, partner in zip(other, align(other, text).partners, strict=True):
                if partner != INVENTED:
                    table[partner, SYMBOLS.index(symbol)] += probability
    return table
