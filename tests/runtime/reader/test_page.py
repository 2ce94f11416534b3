import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digits.reader.page import build_lattices, find_symbols, read_page
from tests.runtime.reader.drawn import Drawn, Maps, Network, row_of, text_of

SHAPE = 600, 800


def read(drawn: list[Drawn], shape: tuple[int, int] = SHAPE) -> str:
    return text_of(read_page(np.full(shape, 255, np.uint8), Network(drawn, shape)))


def test_blank_page_has_no_lines() -> None:
    assert read([]) == ""


@pytest.mark.parametrize("height", [12, 30, 60, 110])
def test_lines_from_top_to_bottom(height: float) -> None:
    drawn = row_of("20680", 40, 30, height) + row_of("314", 60, 30 + 2 * height, height)
    assert read(drawn) == "20680\n314"
    assert read(drawn[::-1]) == "20680\n314"


def test_boxes_are_those_of_the_page() -> None:
    drawn = row_of("271", 40, 70, 90) + row_of("8", 300, 300, 20)
    lines = read_page(np.full(SHAPE, 255, np.uint8), Network(drawn, SHAPE))
    arcs = [arc for line in lines for column in line for arc in column]
    np.testing.assert_allclose([arc.box for arc in arcs], [one.box for one in drawn], atol=0.5)


@pytest.mark.parametrize("degrees", [-20, -10, -4, 4, 10, 20])
def test_sloping_lines(degrees: float) -> None:
    slope = math.tan(math.radians(degrees))
    drawn = [
        one
        for place, text in enumerate(("1234567890", "0987654321", "5050505050"))
        for one in row_of(text, 60, 250 + 48 * place, slope=slope)
    ]
    assert read(drawn) == "1234567890\n0987654321\n5050505050"


def test_bent_lines() -> None:
    bent = []
    for place, text in enumerate(("123456789012", "987654321098")):
        for symbol, box, _ in row_of(text, 60, 200 + 48 * place):
            low = 25 * math.sin((box[0] - 60) / 300 * math.pi)
            bent.append(Drawn(symbol, (box[0], box[1] + low, box[2], box[3] + low)))
    assert read(bent) == "123456789012\n987654321098"


def test_jumping_baselines() -> None:
    jumps = (0, 0.3, -0.2, 0.25, 0)
    drawn = row_of("31415926", 60, 100, jumps=jumps) + row_of("27182818", 60, 155, jumps=jumps)
    assert read(drawn) == "31415926\n27182818"


def test_uneven_sizes_and_long_tails() -> None:
    upper, lower = row_of("1749", 60, 100), row_of("0000", 60, 145)
    seven = upper[1]
    left, top, right, bottom = seven.box
    upper[1] = Drawn("7", (left, top, right, bottom + 20))  # its tail reaches into the next line
    left, top, right, bottom = upper[3].box
    upper[3] = Drawn("9", (left + 4, top + 10, right - 4, bottom))
    assert read(upper + lower) == "1749\n0000"


def test_columns() -> None:
    drawn = []
    for place, texts in enumerate((("12", "345"), ("67", "890"), ("11", "222"))):
        drawn += row_of(texts[0], 40, 100 + 50 * place)
        drawn += row_of(texts[1], 300, 104 + 50 * place)
    assert read(drawn) == "12  345\n67  890\n11  222"


@pytest.mark.parametrize(("gap", "text"), [(2.7, "45"), (3.3, "4  5")])
def test_column_gap(gap: float, text: str) -> None:
    four, five = (40, 100, 58, 130), (58 + 30 * gap, 100, 76 + 30 * gap, 130)
    assert read([Drawn("4", four), Drawn("5", five)]) == text


def test_signs_belong_to_the_line_beside_them() -> None:
    drawn = row_of("-12.50", 60, 100) + row_of("3.1", 60, 145) + row_of("-7", 400, 145)
    assert read(drawn) == "-12.50\n3.1  -7"


def test_comma_hangs_below_the_line() -> None:
    drawn = row_of("12 5", 60, 100)
    drawn.append(Drawn(".", (112, 128, 116, 134)))
    assert read(drawn) == "12.5"


@pytest.mark.parametrize("sign", ["-", "."])
def test_lone_sign_is_nothing(sign: str) -> None:
    alone = Drawn(sign, (300, 300, 312, 312))
    assert read([alone]) == ""
    assert read([alone, *row_of("42", 60, 100)]) == "42"


def test_improbable_symbol_is_nothing_but_an_alternative() -> None:
    drawn = row_of("42", 60, 100)
    faint = Drawn("7", (108, 100, 126, 130), -1.0)
    page, network = np.full(SHAPE, 255, np.uint8), Network([*drawn, faint], SHAPE)
    assert text_of(read_page(page, network)) == "42"
    [[lattice]] = build_lattices(find_symbols(page, network))
    assert text_of([[lattice.arcs]]) == "427"


@pytest.mark.parametrize(("wide", "text"), [(9.0, "4"), (5.0, "11")])
def test_best_path_weighs_one_against_two(wide: float, text: str) -> None:
    four = Drawn("4", (60, 100, 90, 130), wide)
    ones = [Drawn("1", (61, 100, 71, 130), 3.5), Drawn("1", (79, 100, 89, 130), 3.5)]
    assert read([four, *ones]) == text


@pytest.mark.parametrize(("large", "text"), [(16.0, "8"), (4.0, "12\n34")])
def test_large_symbol_or_the_small_ones_in_it(large: float, text: str) -> None:
    small = row_of("12", 100, 100, 20) + row_of("34", 100, 140, 20)
    small = [one._replace(score=2.0) for one in small]
    assert read([Drawn("8", (80, 90, 150, 170), large), *small]) == text


def test_digit_may_have_much_smaller_neighbours() -> None:
    small = [Drawn(one.symbol, one.box) for one in row_of("123456", 300, 100, 15)]
    assert read(row_of("9", 60, 60, 120) + small) == "9\n123456" or read(small) == "123456"


def test_probabilities_sum_to_that_of_a_symbol() -> None:
    page = np.full(SHAPE, 255, np.uint8)
    drawn = [one._replace(score=1.0) for one in row_of("42", 60, 100)]
    [[[four, two]]] = read_page(page, Network(drawn, SHAPE))
    for arc, symbol in ((four, 4), (two, 2)):
        assert arc.probabilities.argmax() == symbol
        assert arc.probabilities.sum() == pytest.approx(1 / (1 + math.exp(-arc.score)))
        assert arc.probabilities.shape == (12,)


def noise(page: np.ndarray) -> Maps:
    """What a network might say of noise: everything everywhere."""
    random = np.random.default_rng(0)
    height, width = (max(32, -(-side // 8) * 8) // 4 for side in page.shape)
    shape = height, width
    return (
        random.normal(0, 3, shape).astype(np.float32),
        random.normal(0, 3, (12, *shape)).astype(np.float32),
        random.normal(0, 1, (4, *shape)).astype(np.float32),
    )


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


def test_noise_takes_bounded_time() -> None:
    start = time.process_time()
    lines = read_page(np.zeros((2048, 2048), np.uint8), noise)
    assert time.process_time() - start < 20  # it takes 1 s
    assert sum(len(column) for line in lines for column in line) > 100


def test_no_digit_of_a_full_page_is_lost() -> None:
    shape = 1000, 1000
    rows = [f"{row:02}" * 40 for row in range(66)]
    drawn = [one for row, text in enumerate(rows) for one in row_of(text, 8, 4 + 15 * row, 12)]
    assert read(drawn, shape) == "\n".join(rows)


def test_uneven_digits_do_not_tilt_the_page() -> None:
    """Their heights differ by chance; a column far to the right was once in another line."""
    drawn = row_of("2718", 60, 100, jumps=(0, 0.15, 0.1, 0.25)) + row_of("28", 500, 100)
    drawn += row_of("459", 60, 220, jumps=(0, 0.1, 0.15))
    assert read(drawn) == "2718  28\n459"
