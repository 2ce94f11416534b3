import numpy as np
import pytest

from digits.reader.boxes import symbol_boxes, symbol_probabilities
from tests.drawings import steps, views


def test_each_symbol_has_a_box() -> None:
    """The detector's, or where the recognizer sees a symbol that the detector overlooks."""
    # The symbols are at steps 0, 5 and 7; a step is four pixels of a crop that is 48 high.
    rows = np.concatenate([steps("1"), np.repeat(steps(""), 3, 0), steps("2"), steps("3")])
    seen = views(rows, scores=(7.0, 7.0))  # at 0 to 16 and 20 to 36
    middles = [4 * 40 / 48 * (step + 0.5) for step in (0, 5, 7)]
    boxes = symbol_boxes("123", seen)
    assert (boxes[0], boxes[2]) == ((0, 10, 16, 30), (20, 10, 36, 30))
    assert len(boxes) == 3 and all(
        left < middle < right for (left, _, right, _), middle in zip(boxes, middles, strict=True)
    )
    assert symbol_boxes("", seen) == []


def test_symbol_probabilities_are_those_of_likely_texts() -> None:
    table = symbol_probabilities("12", {"12": 0.6, "13": 0.2, "2": 0.1, "99": 1e-4, "1.2": 0.05})
    expected = np.zeros((2, 12))
    expected[0, 1], expected[1, 2], expected[1, 3] = 0.85, 0.75, 0.2
    np.testing.assert_allclose(table, expected)
    assert symbol_probabilities("4", {}).sum() == pytest.approx(0)
    assert symbol_probabilities("", {"1": 1.0}).shape == (0, 12)
