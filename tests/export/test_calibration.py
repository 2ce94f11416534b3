"""How sure classifiers and detectors are, corrected."""

from unittest.mock import Mock

import numpy as np
import pytest

from digits_export.detector_calibration import UNSCALED, fit_scaling, labelled_detections
from digits_export.temperature import fit_temperature, rejection_threshold
from digits_train.symbols import LabelledPage, Truth
from tests.export.detector_pages import drawn_page, ink_maps


def sample(scale: float, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax, after division by `scale`, is the true distribution of the labels."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (count, 10))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (chances.cumsum(1) > random.random((count, 1))).argmax(1)
    return logits * scale + 40, labels  # surely a digit


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_temperature_corrects_over_and_underconfidence(scale: float) -> None:
    logits, labels = sample(scale)
    assert fit_temperature(logits, labels).temperature == pytest.approx(scale, rel=0.05)


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


def test_threshold_rejects_the_rejection_rate() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(10), 4000).astype(np.float32)
    threshold = rejection_threshold(probabilities.max(1), 0.1)
    assert (probabilities.max(1) < threshold).mean() == pytest.approx(0.1, abs=1e-3)


def without(page: LabelledPage, missing: int, is_doubtful: bool = False) -> LabelledPage:
    """The page as if one of its symbols were something else, or doubtful."""
    others = np.arange(len(page.truth.symbols)) != missing
    truth, doubtful = (
        Truth(*(part[chosen] for part in page.truth)) for chosen in (others, ~others)
    )
    return page._replace(truth=truth, doubtful=doubtful.boxes.tolist() if is_doubtful else ())


def test_detections_are_right_or_invented_unless_doubtful() -> None:
    pages = [without(drawn_page(0), 1), drawn_page(1), without(drawn_page(2), 0, True)]
    labels: list[int] = []
    for page in pages:
        detections, truth = labelled_detections(page, ink_maps)
        labels += truth[detections.scores > 0].tolist()
        assert (detections.symbols[detections.scores > 0].argmax(1) == 7).all()
    assert sorted(labels) == [-1] + 7 * [7]


def test_overconfident_maps_are_corrected() -> None:
    """A fourth of what looks like a seven is none; the maps are always as sure."""
    blank, maps = [drawn_page(0, 0)], Mock(side_effect=ink_maps)
    labelled_detections(blank[0], maps)
    looks = maps.call_count
    assert fit_scaling([], maps) == fit_scaling(blank, maps) == UNSCALED
    assert maps.call_count == 2 * looks  # another round would see the same
    pages = [without(drawn_page(seed), seed % 4) for seed in range(40)]
    scaling = fit_scaling(pages, ink_maps)
    labelled = [labelled_detections(page, ink_maps, scaling) for page in pages]
    scores = np.concatenate([detections.scores for detections, _ in labelled])
    labels = np.concatenate([truth for _, truth in labelled])
    share = (labels[scores > 0] >= 0).mean()
    given = 1 / (1 + np.exp(-scores[scores > 0]))
    assert given.mean() == pytest.approx(share, abs=0.05)
    assert 0.5 < share < 0.8
    assert scaling.temperature < 0.3  # no seven is read as another digit
