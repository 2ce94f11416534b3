"""The symbols of a number's text: where each of them is, and what else it may be."""

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise

import numpy as np

from digits.alignment import INVENTED, align
from digits.inference.interface import SYMBOLS
from digits.reader.detections import Floats
from digits.reader.lattice import Arc, Box, best_path, forced_path

_MIN_PROBABILITY = 0.01  # probability of a text that tells of alternatives


def symbol_boxes(text: str, lattice: Sequence[Arc], box: Box) -> list[Box]:
    """A box for each symbol of a text: the detector's, and between these for what it overlooks.

    lattice: what the detector sees of the number.
    box: where the number is.
    """
    if forced := forced_path(lattice, text):
        return [arc.box for arc in forced]
    path = best_path(lattice)
    partners = align(text, [arc.symbol for arc in path]).partners
    detected = [path[partner].box if partner != INVENTED else None for partner in partners]
    left, top, right, bottom = box
    sides = [(symbol[1], symbol[3]) for symbol in detected if symbol] or [(top, bottom)]
    top, bottom = np.median(sides, 0).tolist()
    next_lefts = [symbol[0] for symbol in detected if symbol] + [right]
    boxes = list[Box]()
    for symbol, group in groupby(detected):
        if symbol:
            boxes.append(symbol)
            next_lefts.pop(0)
        else:
            start = boxes[-1][2] if boxes else left
            edges = np.linspace(start, max(start, next_lefts[0]), len([*group]) + 1).tolist()
            boxes += [(near, top, far, bottom) for near, far in pairwise(edges)]
    return boxes


def symbol_probabilities(text: str, texts: Mapping[str, float]) -> Floats:
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
