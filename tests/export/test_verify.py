"""What stops an export."""

from functools import partial

import numpy as np
import pytest
from onnx import parser

from digits.errors import ModelError
from digits_export import verify


@pytest.mark.parametrize("wrong", [0.01, np.nan])
def test_parity_is_the_largest_difference_of_all_inputs(wrong: float) -> None:
    inputs = [np.zeros((size, 1, 28, 28), np.uint8) for size in (1, 7, 256)]

    def answers(images: np.ndarray, difference: float = 0) -> list[np.ndarray]:
        probabilities = np.full((len(images), 10), 0.3, np.float32)
        if len(images) == 7:
            probabilities[5, 4] += difference
        return [probabilities]

    def compare(difference: float) -> float:
        exported = partial(answers, difference=difference)
        return verify.check_parity(exported, answers, inputs, 1e-5)

    assert compare(5e-6) == pytest.approx(5e-6, rel=0.01)
    with pytest.raises(ModelError, match=r"disagrees .* of shape \[7, 1, 28, 28\]"):
        compare(wrong)


@pytest.mark.parametrize("source", ["nowhere", "images"])
def test_invalid_graph_is_an_error(source: str) -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 18]> g (uint8[n] images) => (float[n] y)'
        f"{{ x = Cast<to = 1>(images) y = Relu({source}) }}"
    )
    with pytest.raises(ModelError, match="not valid ONNX"):
        verify.serialize(model)


@pytest.mark.parametrize(("points", "allowed"), [(0, 0), (0.05, 1), (25, 1), (26, 2)])
def test_errors_are_rounded_up_to_whole_digits(points: float, allowed: int) -> None:
    """Or of a few hundred pictures, none might change."""
    verify.check_errors(1 / 4, (1 + allowed) / 4, 4, points, "pages", force=False)
    with pytest.raises(
        ModelError, match=f"raises the error rate on pages from 25.00% to {25 * (2 + allowed)}.00%"
    ):
        verify.check_errors(1 / 4, (2 + allowed) / 4, 4, points, "pages", force=False)
    verify.check_errors(1 / 4, (2 + allowed) / 4, 4, points, "pages", force=True)
