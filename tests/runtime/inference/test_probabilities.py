import numpy as np
import pytest

from digits.inference.probabilities import are_probabilities


def random_probabilities(count: int) -> np.ndarray:
    """Softmax of random logits, float32 [count, 10]."""
    logits = np.random.default_rng(0).normal(0, 8, (count, 10))
    scores = np.exp((logits - logits.max(1, keepdims=True)).astype(np.float32))
    return np.asarray(scores / scores.sum(1, keepdims=True))


@pytest.mark.parametrize("count", [0, 1, 2, 500])
def test_softmax_output_is_accepted(count: int) -> None:
    assert are_probabilities(random_probabilities(count))


@pytest.mark.parametrize("count", [1, 2, 500])
@pytest.mark.parametrize(
    "wrong",
    [
        *([value] * 10 for value in (np.nan, np.inf, 0.0)),
        [*[1 / 9] * 9, np.nan],
        [np.inf, -np.inf, *[0.125] * 8],
        [-0.001, 0.001, *[0.125] * 8],
        [1.5, -0.5, *[0.0] * 8],
        [0.1002, *[0.1] * 9],
        [0.0998, *[0.1] * 9],
    ],
)
def test_other_numbers_are_refused(count: int, wrong: list[float]) -> None:
    answers = random_probabilities(count)
    answers[count // 2] = wrong
    assert not are_probabilities(answers)
