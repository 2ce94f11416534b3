from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import check_grad

from digits.vision import ranker
from digits_train import fit_ranker
from digits_train.camera.materials import Materials
from digits_train.camera.single import SEVERAL

pytestmark = pytest.mark.slow


def test_fit_reduces_the_loss_and_follows_the_gradient(materials: Materials) -> None:
    drawn = fit_ranker.samples(materials, range(12))
    assert min(drawn.labels) < SEVERAL <= max(drawn.labels)
    start = np.zeros(len(ranker.FEATURES) + len(ranker.SEVERAL_FEATURES))
    for point in (start, np.random.default_rng(0).normal(0, 0.1, len(start))):
        error = check_grad(
            lambda fitted: fit_ranker.loss_and_gradient(fitted, drawn)[0],
            lambda fitted: fit_ranker.loss_and_gradient(fitted, drawn)[1],
            point,
        )
        assert error < 1e-5
    before, _ = fit_ranker.loss_and_gradient(start, drawn)
    after, _ = fit_ranker.loss_and_gradient(fit_ranker.fit_ranker(drawn), drawn)
    assert after < 0.9 * before


@pytest.mark.usefixtures("mnist_subset")
def test_weights_are_written_as_a_module(
    materials: Materials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_ranker, "PICTURES", 12)
    monkeypatch.setattr(fit_ranker, "make_materials", lambda half, *_: materials)
    monkeypatch.setattr(fit_ranker, "TABLE", tmp_path / "weights.py")
    fit_ranker.main()
    written: dict[str, tuple[float, ...]] = {}
    exec((tmp_path / "weights.py").read_text(), written)
    assert len(written["RANKER"]) == len(ranker.FEATURES)
    assert len(written["SEVERAL"]) == len(ranker.SEVERAL_FEATURES)
