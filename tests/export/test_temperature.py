import numpy as np
import pytest

from digits_export.temperature import fit_temperature, rejection_threshold


def sample(scale: float, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax, after division by `scale`, is the true distribution of the labels."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (count, 10))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (chances.cumsum(1) > random.random((count, 1))).argmax(1)
    return logits * scale + 40, labels  # surely a digit


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_temperature_corrects_over_and_underconfidence(scale: float) -> None:
    assert fit_temperature(*sample(scale)).temperature == pytest.approx(scale, rel=0.05)


def test_outlier_prior_is_one_in_ten() -> None:
    """A network trained on a hundred digits per outlier recognizes outliers too rarely."""
    random = np.random.default_rng(0)
    share = 1 / 101
    none = random.random(100_000) < share
    looks = np.where(none, random.normal(-2, 1, 100_000), random.normal(2, 1, 100_000))
    # What it has learned: the log odds of a digit.
    logits = np.full((100_000, 10), -50.0)
    logits[:, 3] = 4 * looks + np.log((1 - share) / share)
    scaling = fit_temperature(logits[~none], np.full((~none).sum(), 3), logits[none])
    assert scaling.temperature == pytest.approx(1, rel=0.05)
    assert scaling.none_logit == pytest.approx(np.log(10), rel=0.05)


def test_temperature_has_a_minimum() -> None:
    _, labels = sample(1.0, 500)
    certain = 3.0 * (np.arange(10) == labels[:, None])
    assert fit_temperature(certain, labels).temperature == pytest.approx(0.2)


def test_threshold_rejects_the_rejection_rate() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(10), 4000).astype(np.float32)
    threshold = rejection_threshold(probabilities.max(1), 0.1)
    assert (probabilities.max(1) < threshold).mean() == pytest.approx(0.1, abs=1e-3)
