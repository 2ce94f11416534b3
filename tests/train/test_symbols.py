"""What was found on a page, paired with what is there."""

import numpy as np
import pytest

from digits_train.symbols import (
    DOUBTFUL,
    INVENTED,
    NOTHING,
    Box,
    LabelledPage,
    Match,
    Truth,
    confusion_matrix,
)

Symbols = list[tuple[Box, int]]
ONE, TWO = (20, 20, 26, 50), (60, 20, 80, 50)
FOUR, SEVEN = (20, 20, 44, 50), (36, 20, 60, 50)  # touching: their centres are in each other's box
TRUTH: Symbols = [(ONE, 1), (TWO, 2)]


def labelled(symbols: Symbols) -> Truth:
    boxes = np.array([box for box, _ in symbols], np.float32).reshape(-1, 4)
    return Truth(boxes, np.array([symbol for _, symbol in symbols], np.int64))


def match(detections: Symbols, truth: Symbols, *doubtful: Box) -> Match:
    page = LabelledPage(np.zeros((96, 96), np.uint8), labelled(truth), doubtful)
    return page.match(*labelled(detections))


@pytest.mark.parametrize(
    ("detections", "truth", "counts"),
    [
        ([], TRUTH, (0, 2, 0, 0)),
        ([(ONE, 1)], [], (0, 0, 1, 0)),
        ([(ONE, 7), (TWO, 2)], TRUTH, (1, 0, 0, 1)),
        ([*TRUTH, (TWO, 2)], TRUTH, (2, 0, 1, 0)),  # no symbol is there twice
        ([((24, 20, 30, 50), 1), (TWO, 2)], TRUTH, (2, 0, 0, 0)),  # a cell beside the middle
        ([((29, 20, 35, 50), 1), (TWO, 2)], TRUTH, (1, 1, 1, 0)),
        ([((-30, -30, -10, -10), 5), ((200, 200, 240, 240), 5)], TRUTH, (0, 2, 2, 0)),
        ([(SEVEN, 7), (FOUR, 4)], [(FOUR, 4), (SEVEN, 7)], (2, 0, 0, 0)),
    ],
)
def test_counts(detections: Symbols, truth: Symbols, counts: tuple[int, int, int, int]) -> None:
    matched = match(detections, truth)
    score = matched.score
    right = score.symbols - score.missed - score.wrong
    assert (right, score.missed, score.invented, score.wrong) == counts
    table = confusion_matrix([matched, matched])
    missed, invented = int(table[:, NOTHING].sum()), int(table[NOTHING].sum())
    assert (missed, invented) == (2 * counts[1], 2 * counts[2])


def test_what_is_doubtful_is_no_error() -> None:
    found: Symbols = [((10, 82, 20, 94), 5), ((10, 60, 20, 70), 5)]
    matched = match(found, TRUTH, (0, 80, 96, 96))
    assert matched.partners.tolist() == [DOUBTFUL, INVENTED]
    assert matched.score == (2, 2, 0, 1) and matched.missed.tolist() == [0, 1]
