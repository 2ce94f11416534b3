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

    lattice: of the number. region: where that is.
    """
    if forced := forced_path(lattice, text):
        return [arc.box for arc in forced]
    path = best_path(lattice)
    partners = align(text, [arc.symbol for arc in path]).partners
    seen = [path[partner].box for partner in partners if partner != INVENTED]
    tops, bottoms = zip(*((box[1], box[3]) for box in seen or [region]), strict=True)
    top, bottom = float(np.median(tops)), float(np.median(bottoms))
    known = [path[partner].box if partner != INVENTED else None for partner in partners]
    lefts = [box[0] for box in known if box] + [region[2]]
    boxes = list[Box]()
    for box, group in groupby(known):
        count = len([*group])
        if box:
            boxes.append(box)
            lefts.pop(0)
        else:
            left = boxes[-1][2] if boxes else region[0]
            edges = np.linspace(left, max(left, lefts[0]), count + 1).tolist()
            boxes += [(start, top, end, bottom) for start, end in pairwise(edges)]
    return boxes


def alternatives(text: str, texts: Mapping[str, float]) -> Floats:
    """How likely each of SYMBOLS is in the place of each of a text's: float64 [n, 12].

    texts: the probabilities of all likely texts. The rest of a row is the probability of nothing.
    """
    table = np.zeros((len(text), len(SYMBOLS)))
    for other, probability in texts.items():
        if probability > _MIN_PROBABILITY or other == text:
            for symbol, partner in zip(other, align(other, text).partners, strict=True):
                if partner != INVENTED:
                    table[partner, SYMBOLS.index(symbol)] += probability
    return table
