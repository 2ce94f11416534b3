import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digits.constraints.automaton import State
from digits.constraints.checks import CHECKS
from digits.inference.interface import SYMBOLS
from digits.reader.detections import concatenate
from digits.reader.page import build_lattices, find_symbols, read_page, weigh
from digits.reader.search import search
from tests.runtime.reader.drawn import Box, Drawn, Maps, Network, cells, detections, row_of, text_of

SHAPE = 600, 800


def read(drawn: list[Drawn], shape: tuple[int, int] = SHAPE) -> str:
    return text_of(read_page(np.full(shape, 255, np.uint8), Network(drawn, shape)))


def tailed_seven() -> list[Drawn]:
    """Its tail reaches into the next line; the 9 is small."""
    first, seven, four, nine = row_of("1749", 60, 100)
    left, top, right, bottom = seven.box
    seven = Drawn("7", (left, top, right, bottom + 20))
    left, top, right, bottom = nine.box
    return [first, seven, four, Drawn("9", (left + 4, top + 10, right - 4, bottom))]


def ambiguous(wide: float) -> list[Drawn]:
    """One wide digit, or two narrow ones in it."""
    ones = [Drawn("1", (61, 100, 71, 130), 3.5), Drawn("1", (79, 100, 89, 130), 3.5)]
    return [Drawn("4", (60, 100, 90, 130), wide), *ones]


def inside(large: float) -> list[Drawn]:
    """One large digit, or four small ones in it."""
    four = row_of("12", 100, 100, 20) + row_of("34", 100, 140, 20)
    return [Drawn("8", (80, 90, 150, 170), large), *(symbol._replace(score=2.0) for symbol in four)]


def sloping(degrees: float) -> list[Drawn]:
    slope = math.tan(math.radians(degrees))
    rows = enumerate(THREE_LINES.split())
    return [
        symbol for row, text in rows for symbol in row_of(text, 60, 250 + 48 * row, slope=slope)
    ]


THREE_LINES = "1234567890\n0987654321\n5050505050"
BEND = tuple(0.8 * math.sin(0.25 * index) for index in range(12))
LONE_SIGN = Drawn("-", (300, 300, 312, 312)), Drawn(".", (300, 300, 312, 312))


@pytest.mark.parametrize(
    ("drawn", "text"),
    [
        ([], ""),
        *(
            (
                row_of("20680", 40, 30, height) + row_of("314", 60, 30 + 2 * height, height),
                "20680\n314",
            )
            for height in (12, 110)
        ),
        (
            row_of("123456789012", 60, 200, jumps=BEND)
            + row_of("987654321098", 60, 248, jumps=BEND),
            "123456789012\n987654321098",
        ),
        (tailed_seven() + row_of("0000", 60, 145), "1749\n0000"),
        (row_of("12", 40, 100) + row_of("345", 300, 104) + row_of("67", 40, 150), "12  345\n67"),
        (row_of("4", 40, 100) + row_of("5", 139, 100), "45"),  # 2.7 heights apart
        (row_of("4", 40, 100) + row_of("5", 157, 100), "4  5"),
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
        *((sloping(degrees), THREE_LINES) for degrees in (-20, -4, 10)),
        (ambiguous(9.0), "4"),
        (ambiguous(5.0), "11"),
        (inside(16.0), "8"),
        (inside(4.0), "12\n34"),
        # Heights of digits differ by chance; a column far to the right was once in another line.
        (
            row_of("2718", 60, 100, jumps=(0, 0.15, 0.1, 0.25))
            + row_of("28", 500, 100)
            + row_of("459", 60, 220, jumps=(0, 0.1, 0.15)),
            "2718  28\n459",
        ),
    ],
)
def test_text_of_a_page(drawn: list[Drawn], text: str) -> None:
    assert read(drawn) == text
    assert read(drawn[::-1]) == text


def test_improbable_symbol_is_nothing_but_an_alternative() -> None:
    drawn = [*row_of("42", 60, 100), Drawn("7", (108, 100, 126, 130), -1.0)]
    page, network = np.full(SHAPE, 255, np.uint8), Network(drawn, SHAPE)
    assert text_of(read_page(page, network)) == "42"
    [[lattice]] = build_lattices(find_symbols(page, network))
    assert text_of([[lattice]]) == "427"


@pytest.mark.parametrize("score", [-2.0, 0.0, 3.0, 500.0])
def test_digits_are_as_probable_as_their_log_odds_say(score: float) -> None:
    present = 1 / (1 + np.exp(-score))
    alone = weigh(detections([(0, 0, 24, 40)], [score], symbol=7))
    assert alone.probabilities[7] == pytest.approx(0.89 * present)
    assert alone.probabilities.sum() + alone.none == pytest.approx(1)
    two = weigh(detections([(0, 0, 24, 40), (40, 0, 64, 40)], [30, min(score, 20)]))
    assert two.several == pytest.approx(present, abs=1e-3)


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
    evidence = weigh(concatenate([nine, detections([box], [6.0], SYMBOLS.index(symbol))]))
    assert evidence.several == 0
    assert evidence.probabilities[9] == pytest.approx(0.89 / (1 + np.exp(-7)))


def noise(page: np.ndarray) -> Maps:
    """What a network might say of noise: everything everywhere."""
    random = np.random.default_rng(0)
    centres, symbols, boxes = (
        random.normal(0, deviation, (*channels, *cells(page))).astype(np.float32)
        for deviation, channels in ((3, ()), (3, (12,)), (1, (4,)))
    )
    return centres, symbols, boxes


@settings(max_examples=40)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 90))))
def test_any_maps_give_valid_symbols(page: np.ndarray) -> None:
    height, width = page.shape
    for line in read_page(page, noise):
        assert line
        for column in line:
            assert any(arc.is_digit for arc in column)
            for arc in column:
                assert arc.score > 0
                assert np.isfinite(arc.probabilities).all()
                left, top, right, bottom = arc.box
                assert left < right and top < bottom
                assert 0 < left + right < 2 * width and 0 < top + bottom < 2 * height


def test_many_places_are_weighed_in_parts() -> None:
    lines = read_page(np.zeros((400, 400), np.uint8), noise)
    assert sum(len(column) for line in lines for column in line) > 100


def test_search_of_a_dense_page_takes_bounded_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """400 doubtful digits, 80 a line: for Luhn's check digit, up to 100 states at each."""
    monkeypatch.setattr("digits.reader.page.PAGE_STEPS", 100_000)
    steps = 0

    class Counting:
        start, accepts = CHECKS["luhn"].start, CHECKS["luhn"].accepts

        def step(self, state: State, symbol: str) -> State | None:
            nonlocal steps
            steps += 1
            return CHECKS["luhn"].step(state, symbol)

    boxes = [(10 * x, 16 * y, 10 * x + 8, 16 * y + 14) for y in range(5) for x in range(80)]
    lines = build_lattices(detections(boxes, [2.0] * len(boxes)))
    lattices = [lattice for line in lines for lattice in line]
    assert sum(map(len, lattices)) == 400
    assert not any(search(lattice, Counting()).symbols for lattice in lattices)
    assert 10_000 < steps <= 100_000
