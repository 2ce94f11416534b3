"""Combine what the classifier reads in the detector's boxes with what the detector says of them.

Their errors differ: the detector sees the page around a digit, the classifier its strokes.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.images.grey import Grey
from digits.inference.model import Model
from digits.inference.probabilities import log_softmax
from digits.reader.detections import DIGITS, Floats
from digits.reader.page import Lattices
from digits.vision.components import ink_box
from digits.vision.frame import to_mnist
from digits.vision.ink import Ink

# The ink of n digits, each cropped to its edges, to probabilities: float32 [n, 10].
ClassifyFn = Callable[[Sequence[Ink]], NDArray[np.float32]]

_CHUNK = 256  # digits at a time, so that memory hardly grows with them
_LEAST = np.log(1e-6)  # of a probability: neither network rules a digit out alone
_SURE = 0.9  # where both are so sure of different digits, a person has to look
_MOST_AREA = 20.0  # pages: what boxes have together that a forged network draws everywhere
_MARGIN = 0.03  # of a box's sides, for ends of strokes that it cuts off
_AROUND = 0.25  # of the longer side: most of the pixels so near a digit are paper
_QUANTILES = np.array([0.05, 0.5, 0.95])  # of dark ink, paper and light ink
_FAINT = 0.15  # of full ink: the paper's grain and its lines


class Weights(NamedTuple):
    """The exponents of the two networks' probabilities; the exporter of detectors fits them."""

    detector: float
    classifier: float


def classify(lines: Lattices, page: Grey, classify_inks: ClassifyFn, weights: Weights) -> Lattices:
    """Combine what the detector says of each arc's digits with what the classifier says.

    How likely it is that anything is there, and a digit rather than a sign, stays what the detector
    says; a place without ink stays as it is.
    """
    arcs = [arc for line in lines for lattice in line for arc in lattice]
    boxes = np.array([arc.box for arc in arcs]).reshape(-1, 4)
    if (boxes[:, 2:] - boxes[:, :2]).prod(1).sum() > _MOST_AREA * page.size:
        return lines  # cutting them out would take minutes
    inks = cut_inks(page, boxes)
    inked = [index for index, ink in enumerate(inks) if ink.size]
    if not inked:
        return lines
    answers = classify_inks([inks[index] for index in inked])
    read = np.array([arcs[index].symbols for index in inked])
    both = np.append(combine(read[:, :DIGITS], answers, weights), read[:, DIGITS:], 1)
    disputed = are_disputed(np.exp(read[:, :DIGITS]), answers).tolist()
    for index, symbols, doubt in zip(inked, both, disputed, strict=True):
        arcs[index] = arcs[index]._replace(symbols=symbols, disputed=doubt)
    combined = iter(arcs)
    return [[[next(combined) for _ in lattice] for lattice in line] for line in lines]


def classify_inks(model: Model, inks: Sequence[Ink]) -> NDArray[np.float32]:
    """The probabilities of n digits, float32 [n, 10], by their ink; see `to_mnist`."""
    parts = (inks[first : first + _CHUNK] for first in range(0, len(inks), _CHUNK))
    return np.concatenate([model.probabilities(to_mnist(part)[0]) for part in parts])


def are_disputed(read: Floats, answers: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Whether both networks are sure, of different digits. Gets probabilities: [..., 10]."""
    are_sure = np.minimum(read.max(-1), answers.max(-1)) > _SURE
    disputed: NDArray[np.bool_] = are_sure & (read.argmax(-1) != answers.argmax(-1))
    return disputed


def combine(symbols: Floats, answers: NDArray[np.float32], weights: Weights) -> Floats:
    """The combined log probabilities of the digits, float64 [n, 10], with the detector's sum.

    symbols: float64 [n, 10], the detector's log probabilities. answers: float32 [n, 10].
    """
    shares = log_softmax(np.tensordot(weights, evidence(symbols, answers), 1))
    return np.asarray(shares + np.logaddexp.reduce(symbols, 1, keepdims=True))


def evidence(symbols: Floats, answers: NDArray[np.float32]) -> Floats:
    """What `combine` weighs: log probabilities of digits by either network, float64 [2, n, 10]."""
    with np.errstate(divide="ignore"):
        classified = np.log(answers.astype(np.float64))
    return np.stack([log_softmax(symbols), classified]).clip(_LEAST)


def cut_inks(page: Grey, boxes: Floats) -> list[Ink]:
    """Cut the ink out of each box: uint8, 255 = full ink, cropped to its edges; else empty.

    page: uint8 [height, width]. boxes: float64 [n, 4]. Whether ink is dark or light is what most of
    the contrast in all boxes says.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    levels = np.zeros((len(boxes), len(_QUANTILES)))  # of what is around each box
    for index, pixels in enumerate(_cut(page, boxes, _AROUND * sides.max(1, keepdims=True))):
        places = (_QUANTILES * (pixels.size - 1)).astype(int)
        levels[index] = np.partition(pixels, places, axis=None)[places]
    dark, paper, light = levels.T
    is_dark = (paper - dark).sum() >= (light - paper).sum()
    contrast = dark - paper if is_dark else light - paper
    cut = zip(_cut(page, boxes, _MARGIN * sides), paper, contrast, strict=True)
    return [_ink((pixels - middle) / (full or 1)) for pixels, middle, full in cut]


def _cut(page: Grey, boxes: Floats, margins: Floats) -> list[Grey]:
    """What is in boxes with margins; at least a pixel of each side."""
    sides = np.array(page.shape[::-1])
    near = np.floor(boxes[:, :2] - margins).clip(0, sides - 1).astype(int)
    far = np.ceil(boxes[:, 2:] + margins).clip(near + 1, sides).astype(int)
    corners = np.concatenate([near, far], 1).tolist()
    return [page[top:bottom, left:right] for left, top, right, bottom in corners]


def _ink(relative: Floats) -> Ink:
    """relative: float64 [h, w]; 0 is paper, 1 what is darkest nearby, or lightest."""
    ink = relative.clip(0)
    full = np.partition(ink, last := int(0.95 * (ink.size - 1)), axis=None)[last]
    if not full:
        return np.zeros((0, 0), np.uint8)
    ink[ink < _FAINT * full] = 0
    return np.asarray(ink[ink_box(ink).pixels] * (255 / ink.max()), np.uint8)
