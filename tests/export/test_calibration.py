import numpy as np
import pytest
import torch

from digits.data.mnist import Split
from digits_export import calibration


def drawn(scale: float, count: int = 20_000) -> tuple[torch.Tensor, Split]:
    """Logits whose softmax, after division by `scale`, is the true distribution of the labels."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (count, 10))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (chances.cumsum(1) > random.random((count, 1))).argmax(1).astype(np.uint8)
    split = Split(np.zeros((count, 28, 28), np.uint8), labels)
    return torch.tensor(logits * scale, dtype=torch.float32), split


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_over_and_underconfidence(scale: float) -> None:
    assert calibration.temperature(*drawn(scale)) == pytest.approx(scale, rel=0.05)


def test_digits_known_by_heart_don_t_drive_it_to_zero() -> None:
    _, split = drawn(1.0, 500)
    certain = 3 * torch.nn.functional.one_hot(torch.tensor(split.labels.astype(int)), 10).float()
    assert calibration.temperature(certain, split) == pytest.approx(0.2)


def test_the_threshold_turns_away_the_agreed_share() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(10), 4000).astype(np.float32)
    threshold = calibration.rejection_threshold(probabilities)
    assert (probabilities.max(1) < threshold).mean() == pytest.approx(
        calibration.REJECTED, abs=1e-3
    )
