"""The fit of the ranker's weights."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from digits.data.mnist import Split
from digits.vision import ranker
from digits_train import fit_ranker
from tests.train.conftest import small_materials


@pytest.mark.slow
def test_fit_reduces_the_loss_and_follows_the_gradient(train_slice: Split) -> None:
    drawn = fit_ranker.samples(small_materials(train_slice, 200), range(16))
    point = np.random.default_rng(0).normal(0, 0.1, len(ranker.FEATURES + ranker.SEVERAL_FEATURES))
    error = check_grad(
        lambda weights: fit_ranker.loss_and_gradient(weights, drawn)[0],
        lambda weights: fit_ranker.loss_and_gradient(weights, drawn)[1],
        point,
    )
    _, gradient = fit_ranker.loss_and_gradient(point, drawn)
    assert error < 1e-5 * np.linalg.norm(gradient)
    before, _ = fit_ranker.loss_and_gradient(np.zeros_like(point), drawn)
    after, _ = fit_ranker.loss_and_gradient(fit_ranker.fit_ranker(drawn), drawn)
    assert after < 0.9 * before
