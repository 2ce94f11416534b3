"""What networks see on a page that a test has drawn, and what they might say of a number."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pytest

from digits.inference.detector_model import DetectorModel
from digits.inference.interface import (
    MAX_DIGIT_HEIGHT,
    MIN_DIGIT_HEIGHT,
    PAGE_MULTIPLE,
    STRIDE,
    SYMBOLS,
)
from digits.inference.recognizer_model import RecognizerModel
from digits.reader.detections import Detections
from digits.reader.lattice import Arc
from digits.reader.opinions import Views, Weights
from digits.reader.pyramid import BOX_UNIT

NOTHING = -8.0  # log odds
MARGIN = 16  # pixels of paper that are added around a page
SIGN_SIZE = {"-": 10, ".": 7}  # of a digit, by the sign's height

UNSEEN = np.zeros((0, len(SYMBOLS) + 1))  # where the recognizer can't look
EVEN = Weights(1.0, 1.0, 1e-9, 1e-9)  # of detector and recognizer, and slips

Maps = tuple[np.ndarray, np.ndarray, np.ndarray]
Box = tuple[float, float, float, float]


class Drawn(NamedTuple):
    """A symbol, its box on the page, and the log odds that it is there."""

    symbol: str
    box: Box
    score: float = 6.0


def maps_of(page: np.ndarray, symbols: Iterable[Drawn], logit: float = 8) -> Maps:
    """Return what a detector that sees these symbols answers: of two in a cell, the surer one.

    logit: by how much it prefers a symbol to the others.
    """
    rows, columns = (max(32, side + -side % PAGE_MULTIPLE) // STRIDE for side in page.shape)
    centres = np.full((rows, columns), NOTHING, np.float32)
    classes, boxes = (np.zeros((count, rows, columns), np.float32) for count in (12, 4))
    for symbol, (left, top, right, bottom), score in symbols:
        x, y = (left + right) / 2, (top + bottom) / 2
        row, column = int(y / STRIDE), int(x / STRIDE)
        if centres[row, column] >= score:
            continue
        centres[row, column] = score
        classes[:, row, column] = [logit * (symbol == each) for each in SYMBOLS]
        boxes[:, row, column] = (
            (x - STRIDE * (column + 0.5)) / BOX_UNIT,
            (y - STRIDE * (row + 0.5)) / BOX_UNIT,
            np.log((right - left) / BOX_UNIT),
            np.log((bottom - top) / BOX_UNIT),
        )
    return centres, classes, boxes


class Network:
    """Sees each symbol whose digits are 10 to 60 pixels high at the scale at which it looks."""

    def __init__(self, drawn: list[Drawn], shape: tuple[int, int]) -> None:
        self.drawn, self.shape = drawn, shape
        self.shapes: list[tuple[int, ...]] = []  # of what it was shown

    def __call__(self, page: np.ndarray) -> Maps:
        self.shapes.append(page.shape)
        scale = (np.array(page.shape[::-1]) - 2 * MARGIN) / self.shape[::-1]
        visible = []
        for symbol, box, score in self.drawn:
            left, top, right, bottom = (np.array(box) * np.tile(scale, 2) + MARGIN).tolist()
            height = (bottom - top) * SIGN_SIZE.get(symbol, 1)
            if MIN_DIGIT_HEIGHT <= height <= MAX_DIGIT_HEIGHT:
                visible.append(Drawn(symbol, (left, top, right, bottom), score))
        return maps_of(page, visible)


def show(
    patch: pytest.MonkeyPatch,
    drawn: list[Drawn],
    shape: tuple[int, ...],
    recognized: np.ndarray = UNSEEN,
) -> None:
    """Let every detector see what is drawn, whatever the picture of this shape shows.

    recognized: what every recognizer says of each crop.
    """
    answer(patch, Network(drawn, (shape[0], shape[1])), recognized)


def answer(
    patch: pytest.MonkeyPatch, maps: Callable[[np.ndarray], Maps], recognized: np.ndarray = UNSEEN
) -> None:
    """Let every detector answer these maps, and every recognizer say this of each crop."""
    patch.setattr(DetectorModel, "maps", lambda self, page: maps(page))
    says = [recognized]
    patch.setattr(RecognizerModel, "log_probabilities", lambda self, crops: says * len(crops))
    patch.setattr(Weights, "from_metadata", lambda _: EVEN)


def detections(
    boxes: Sequence[tuple[float, ...]], scores: Sequence[float], symbol: int = 3
) -> Detections:
    """Return detections of one symbol, with a probability of 89 %."""
    symbols = np.log(np.full((len(boxes), 12), 0.01))
    symbols[:, symbol] = np.log(0.89)
    corners = np.array(boxes, np.float64).reshape(-1, 4)
    return Detections(np.array(scores, np.float64), symbols, corners)


def arc(start: int, score: float, symbols: Mapping[str, float]) -> Arc:
    """Return an arc of symbols with these probabilities; the others share the rest."""
    others = (1 - sum(symbols.values())) / (len(SYMBOLS) - len(symbols))
    values = np.array([symbols.get(symbol, others) for symbol in SYMBOLS])
    box = 20.0 * start, 10.0, 20.0 * start + 16, 40.0
    return Arc(start, score, np.log(values.clip(1e-12)), box)


def lattice(sure: str, *doubtful: Mapping[str, float]) -> list[Arc]:
    """Return an arc for each of some symbols: first those that are sure."""
    symbols = [*({symbol: 0.999} for symbol in sure), *doubtful]
    return [arc(index, 7.0, alternatives) for index, alternatives in enumerate(symbols)]


def steps(sure: str, *doubtful: Mapping[str, float]) -> np.ndarray:
    """Return what a recognizer says of such symbols: each at a step, and a blank behind it.

    doubtful: the rest is the probability of nothing.
    """
    rows = np.full((2 * (len(sure) + len(doubtful)) or 1, len(SYMBOLS) + 1), 1e-6)
    for row, symbols in zip(rows[::2], [*({s: 0.999} for s in sure), *doubtful], strict=False):
        row[[*map(SYMBOLS.index, symbols)]] = [*symbols.values()]
    rows[:, -1] += 1 - rows.sum(1)
    return np.asarray(np.log(rows))


def views(detected: Sequence[Arc], recognized: np.ndarray = UNSEEN) -> Views:
    return Views(detected, recognized, (-10.0, 0.0, 20.0 * len(detected) + 10, 50.0))


def row_of(
    text: str,
    left: float,
    top: float,
    height: float = 30,
    slope: float = 0,
    jumps: tuple[float, ...] = (0,),
) -> list[Drawn]:
    """Draw symbols in a row that descends by a slope; by the jumps, each in turn is lower."""
    drawn = []
    for index, symbol in enumerate(text):
        x = left + 0.8 * height * index
        y = top + slope * (x - left) + jumps[index % len(jumps)] * height
        wide, upper, lower = {"-": (0.5, 0.45, 0.55), ".": (0.15, 0.85, 1)}.get(symbol, (0.6, 0, 1))
        if symbol != " ":
            box = x, y + upper * height, x + wide * height, y + lower * height
            drawn.append(Drawn(symbol, box))
    return drawn


def text_of(lines: list) -> str:  # type: ignore[type-arg]
    """Return the most probable symbols, a line per line, two blanks between columns."""
    return "\n".join(
        "  ".join("".join(arc.symbol for arc in column) for column in line) for line in lines
    )
