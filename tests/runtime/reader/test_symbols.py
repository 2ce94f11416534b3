import numpy as np
import pytest

from digits.reader.lattice import Box
from digits.reader.symbols import symbol_boxes, symbol_probabilities
from tests.drawings import lattice, views


def box(left: float, right: float, top: float = 10, bottom: float = 40) -> Box:
    return left, top, right, bottom


ONE, TWO, THREE = box(0, 16), box(20, 36), box(40, 56)  # of a lattice, in a region 10 wider


@pytest.mark.parametrize(
    ("detected", "text", "boxes"),
    [
        ("123", "123", [ONE, TWO, THREE]),
        ("123", "193", [ONE, TWO, THREE]),
        ("123", "13", [ONE, THREE]),
        ("123", "1293", [ONE, TWO, box(36, 40), THREE]),
        ("123", "0123", [box(-10, 0), ONE, TWO, THREE]),
        ("123", "12345", [ONE, TWO, THREE, box(56, 63), box(63, 70)]),
        ("", "12", [box(-10, 0, 0, 50), box(0, 10, 0, 50)]),
        ("123", "", []),
    ],
)
def test_each_symbol_has_a_box(detected: str, text: str, boxes: list[Box]) -> None:
    number_views = views(lattice(detected))
    assert symbol_boxes(text, number_views.lattice, number_views.box) == boxes


def test_symbol_probabilities_are_those_of_likely_texts() -> None:
    table = symbol_probabilities("12", {"12": 0.6, "13": 0.2, "2": 0.1, "99": 1e-4, "1.2": 0.05})
    expected = np.zeros((2, 12))
    expected[0, 1], expected[1, 2], expected[1, 3] = 0.85, 0.75, 0.2
    np.testing.assert_allclose(table, expected)
    assert symbol_probabilities("4", {}).sum() == 0 and symbol_probabilities(
        "", {"1": 1.0}
    ).shape == (0, 12)
