"""The symbols of a number's text: where each of them is, and what else it may be."""

from collections.abc import Mapping

import numpy as np

from digits.alignment import UNMATCHED, align
from digits.inference.interface import CROP_HEIGHT, SYMBOLS
from digits.reader import ctc
from digits.reader.crops import MARGINS
from digits.reader.detections import Box, Floats
from digits.reader.looks import NetworkOutputs

_STEP = 4  # pixels of a crop to a step of the recognizer
_MIN_PROBABILITY = 0.01  # probability of a text that tells of alternatives


def symbol_boxes(text: str, views: NetworkOutputs) -> list[Box]:
    """A box for each symbol of a text: the detector's; where it overlooks one, as high as a digit.

    The recognizer says where a symbol is: between the middles of its neighbours.
    """
    region = views.region
    height = (region.bottom - region.top) / (1 + MARGINS.above + MARGINS.below)
    pixels = _STEP * (region.bottom - region.top) / CROP_HEIGHT  # of the page, a step
    middles = region.left + pixels * ctc.align(views.log_probs[0], text)
    edges = [region.left, *((middles[1:] + middles[:-1]) / 2).tolist(), region.right]
    boxes = list[Box]()
    for n, (symbol, x) in enumerate(zip(text, middles.tolist(), strict=True)):
        centres = views.detections.centres[:, 0]
        inside = views.detections.select((centres > edges[n]) & (centres < edges[n + 1]))
        if len(inside.scores):
            merits = inside.scores + inside.symbols[:, SYMBOLS.index(symbol)]
            boxes.append(tuple(inside.boxes[merits.argmax()].tolist()))
        else:
            y, half = region.line_y(x), height / 2
            left, right = max(edges[n], x - half), min(edges[n + 1], x + half)
            boxes.append((left, y - half, right, y + half))
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
                if partner != UNMATCHED:
                    table[partner, SYMBOLS.index(symbol)] += probability
    return table
