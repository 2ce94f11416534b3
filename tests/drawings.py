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
from digits.inference.recognizer_model import CropReading, RecognizerModel
from digits.reader import crops
from digits.reader.decode import Calibration
from digits.reader.detect import read_symbols
from digits.reader.detections import Detections
from digits.reader.looks import LOOKS, NetworkOutputs, stack
from digits.reader.pyramid import BOX_UNIT

NOTHING = -8.0  # log odds
MARGIN = 16  # pixels of paper that are added around a page
SIGN_SIZE = {"-": 10, ".": 7}  # of a digit, by the sign's height

EVEN = Calibration(1.0, 0.0)
NO_STEPS = np.zeros((0, len(SYMBOLS) + 1), np.float32)  # what a recognizer says of nothing
WHOLE = 40.0  # log odds of a recognizer that surely sees all of a number

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
    recognized: np.ndarray | None = None,
    whole: float = WHOLE,
) -> None:
    """Let every detector see what is drawn, whatever the picture of this shape shows.

    recognized: what every recognizer says of each crop; by default what the detector sees there.
    whole: log odds that this is all of one number.
    """
    network = Network(drawn, (shape[0], shape[1]))
    if recognized is not None:
        answer(patch, network, recognized, whole)
        return
    lines = read_symbols(np.full(shape[:2], 255, np.uint8), network)
    texts = [column.text for line in lines for column in line for _ in LOOKS]
    outputs = [CropReading(steps(text), whole) for text in texts]
    answer(patch, network)
    patch.setattr(RecognizerModel, "read", lambda self, crops: outputs[: len(crops)])


def answer(
    patch: pytest.MonkeyPatch,
    maps: Callable[[np.ndarray], Maps],
    recognized: np.ndarray = NO_STEPS,
    whole: float = WHOLE,
) -> None:
    """Let every detector answer these maps, and every recognizer say this of each crop."""
    patch.setattr(DetectorModel, "maps", lambda self, page: maps(page))
    says = [CropReading(recognized, whole)]
    patch.setattr(RecognizerModel, "read", lambda self, crops: says * len(crops))
    patch.setattr(Calibration, "load", lambda networks: EVEN)


def detections(
    boxes: Sequence[tuple[float, ...]], scores: Sequence[float], symbol: int = 3
) -> Detections:
    """Return detections of one symbol, with a probability of 89 %."""
    symbols = np.log(np.full((len(boxes), 12), 0.01))
    symbols[:, symbol] = np.log(0.89)
    corners = np.array(boxes, np.float64).reshape(-1, 4)
    return Detections(np.array(scores, np.float64), symbols, corners)


def steps(sure: str, *doubtful: Mapping[str, float]) -> np.ndarray:
    """Return what a recognizer says of such symbols: each at a step, and a blank behind it.

    doubtful: the rest is the probability of nothing.
    """
    rows = np.full((2 * (len(sure) + len(doubtful)) or 1, len(SYMBOLS) + 1), 1e-6)
    for row, symbols in zip(rows[::2], [*({s: 0.999} for s in sure), *doubtful], strict=False):
        row[[*map(SYMBOLS.index, symbols)]] = [*symbols.values()]
    rows[:, -1] += 1 - rows.sum(1)
    return np.asarray(np.log(rows))


def views(
    *looks: np.ndarray,
    scores: Sequence[float] | None = None,
    second_opinion: Sequence[np.ndarray] = (),
    whole: float = WHOLE,
) -> NetworkOutputs:
    """Return what networks see of a number in a region of 120 x 40 pixels.

    looks: of the recognizer. scores: log odds of digits that the detector sees there, 20 pixels
    apart, but doesn't read; by default one for each symbol of `steps`, rather surely. whole: log
    odds that this is all of one number.
    """
    if scores is None:
        scores = [9.0] * (len(looks[0]) // 2)
    boxes = [(20.0 * n, 10.0, 20.0 * n + 16, 30.0) for n in range(len(scores))]
    seen = detections(boxes, scores)._replace(
        symbols=np.log(np.tile([0.0998] * 10 + [0.001] * 2, (len(scores), 1)))
    )
    region = crops.region_of_box((0.0, 0.0, 120.0, 40.0))
    return NetworkOutputs(seen, region, stack(looks), whole, stack(second_opinion))


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


def text_of(lines: Sequence[Sequence[Detections]]) -> str:
    """Return the most probable symbols, a line per line, two blanks between columns."""
    return "\n".join("  ".join(column.text for column in line) for line in lines)
