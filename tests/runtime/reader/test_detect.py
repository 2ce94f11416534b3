import math

import numpy as np
import pytest

from digits.inference.interface import SYMBOLS
from digits.reader.detect import find_columns, find_symbols, read_symbols, single_digit_vote
from digits.reader.detections import concatenate
from digits.reader.lines import text_lines
from tests.drawings import Box, Drawn, Network, detections, row_of, text_of

SHAPE = 600, 800


def ambiguous(wide: float) -> list[Drawn]:
    ones = [Drawn("1", (61, 100, 71, 130), 3.5), Drawn("1", (79, 100, 89, 130), 3.5)]
    return [Drawn("4", (60, 100, 90, 130), wide), *ones]


def inside(large: float) -> list[Drawn]:
    four = row_of("12", 100, 100, 20) + row_of("34", 100, 140, 20)
    return [Drawn("8", (80, 90, 150, 170), large), *(symbol._replace(score=2.0) for symbol in four)]


def sloping(degrees: float) -> list[Drawn]:
    slope = math.tan(math.radians(degrees))
    return row_of("1234567890", 60, 250, slope=slope) + row_of("0987654321", 60, 298, slope=slope)


BEND = tuple(0.8 * math.sin(0.25 * index) for index in range(12))
LONE_SIGN = Drawn("-", (300, 300, 312, 312)), Drawn(".", (300, 300, 312, 312))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("drawn", "text"),
    [
        ([], ""),
        (row_of("20680", 40, 30, 12) + row_of("314", 60, 54, 12), "20680\n314"),
        (
            row_of("123456789012", 60, 200, jumps=BEND)
            + row_of("987654321098", 60, 248, jumps=BEND),
            "123456789012\n987654321098",
        ),
        # The 5 is as near to the line of 12 in height, but further away.
        (row_of("12", 40, 100) + row_of("34", 200, 121) + row_of("5", 248, 104), "12\n345"),
        # Signs belong to the line beside them.
        (
            row_of("-12.50", 60, 100) + row_of("3.1", 60, 145) + row_of("-7", 400, 145),
            "-12.50\n3.1  -7",
        ),
        ([*row_of("12 5", 60, 100), Drawn(".", (112, 128, 116, 134))], "12.5"),  # a low comma
        *(([sign], "") for sign in LONE_SIGN),
        *(([sign, *row_of("42", 60, 100)], "42") for sign in LONE_SIGN),
        (sloping(-20), "1234567890\n0987654321"),
        (ambiguous(9.0), "4"),
        (inside(16.0), "8"),
    ],
)
@pytest.mark.usefixtures("whole_pages")
def test_text_of_a_page(drawn: list[Drawn], text: str) -> None:
    for order in (drawn, drawn[::-1]):
        assert text_of(read_symbols(np.full(SHAPE, 255, np.uint8), Network(order, SHAPE))) == text


def test_improbable_symbol_is_nothing_but_an_alternative() -> None:
    drawn = [*row_of("42", 60, 100), Drawn("7", (108, 100, 126, 130), -1.0)]
    page, network = np.full(SHAPE, 255, np.uint8), Network(drawn, SHAPE)
    assert text_of(read_symbols(page, network)) == "42"
    [[column]] = find_columns(find_symbols(page, network))
    assert text_of([[column]]) == "427"


@pytest.mark.parametrize("score", [-2.0, 0.0, 3.0, 500.0])
def test_digits_are_as_probable_as_their_log_odds_say(score: float) -> None:
    present = 1 / (1 + np.exp(-score))
    alone = single_digit_vote(detections([(0, 0, 24, 40)], [score], symbol=7))
    assert alone.digits[7] == pytest.approx(0.89 * present, abs=0.02)
    assert alone.digits.sum() + alone.none == pytest.approx(1)
    two = single_digit_vote(detections([(0, 0, 24, 40), (40, 0, 64, 40)], [30, min(score, 20)]))
    assert two.several == pytest.approx(present, abs=1e-3)


def test_what_is_not_reported_may_still_be_there() -> None:
    """With less than the least probability that is reported."""
    vote = single_digit_vote(detections([], []))
    assert vote.box is None and 0.94 < vote.none < 0.96 and np.ptp(vote.digits) == 0


@pytest.mark.parametrize(
    ("box", "symbol"),
    [
        ((6, 0, 30, 40), "4"),  # in the same place
        ((40, 0, 49, 15), "2"),  # dirt
        ((40, 0, 94, 90), "2"),  # the edge of a sheet
        ((40, 0, 64, 40), "."),
    ],
)
def test_what_is_no_second_digit(box: Box, symbol: str) -> None:
    nine = detections([(0, 0, 24, 40)], [7.0], symbol=9)
    vote = single_digit_vote(concatenate([nine, detections([box], [6.0], SYMBOLS.index(symbol))]))
    assert vote.several == 0
    assert vote.digits[9] == pytest.approx(0.89 / (1 + np.exp(-7)), abs=0.02)


@pytest.mark.parametrize(
    ("box", "is_part"),
    [
        ((20, 18, 40, 23), True),
        ((20, -8, 40, -3), False),  # a line above
        ((20, 54, 40, 59), False),
        ((80, 18, 100, 23), False),  # behind it
        ((-50, 18, -30, 23), False),  # far away
    ],
)
def test_digit_with_a_minus_is_no_single_digit(box: Box, is_part: bool) -> None:
    five, minus = detections([(50, 0, 74, 40)], [7.0], 5), detections([box], [6.0], 10)
    vote = single_digit_vote(concatenate([minus, five] if box[0] < 50 else [five, minus]))
    assert (vote.several > 0.99) == is_part and (vote.digits[5] > 0.8) != is_part


@pytest.mark.parametrize(("gap", "columns"), [(2.8, 1), (3.2, 2)])
def test_gaps_are_measured_along_the_line(gap: float, columns: int) -> None:
    """In heights of a digit."""
    first = np.arange(0, 300, 30)  # digits that are 30 high and 20 wide, 10 apart
    along = np.concatenate([first, 290 + 30 * gap + first]) / math.hypot(1, 0.2)
    boxes = [(x, 0.2 * x, x + 20, 0.2 * x + 30) for x in along.tolist()]
    [line] = text_lines(detections(boxes, [6.0] * len(boxes)))
    assert len(line) == columns
