import numpy as np
import pytest
import torch

from digits.data.mnist import Split
from digits.errors import ModelError
from digits_export import calibrate as module
from digits_export import graph
from digits_export.calibrate import CalibrationMethod, calibrate
from digits_train.models import LeNet5, Network


def test_minmax_covers_the_calibration_images(network: Network, train_slice: Split) -> None:
    images = train_slice.images[:250, None]
    largest = calibrate(graph.build(network), images)
    assert set(largest) == {"relu1", "relu2", "relu3", "relu4"}
    with torch.inference_mode():
        ink = network.get_submodule("normalize")(torch.tensor(images))
        seen = network.get_submodule("conv1")(ink).max().item()
    assert largest["relu1"] == pytest.approx(seen, rel=1e-4)


@pytest.mark.parametrize("method", ["entropy", "percentile"])
def test_entropy_and_percentile_clip(
    network: Network, train_slice: Split, method: CalibrationMethod
) -> None:
    model, images = graph.build(network), train_slice.images[:250, None]
    all_of_them, most = calibrate(model, images), calibrate(model, images, method)
    assert most.keys() == all_of_them.keys()
    assert all(0.1 * all_of_them[name] < most[name] <= all_of_them[name] for name in most)
    assert most != all_of_them


def test_percentile_matches_numpy() -> None:
    values = np.random.default_rng(0).exponential(size=200_000)
    histogram = np.histogram(values, 2048, (0, values.max()))[0]
    cut = module._percentile(histogram) / 2048 * values.max()
    assert cut == pytest.approx(np.percentile(values, 99.99), rel=0.01)


def test_entropy_clips_a_single_outlier() -> None:
    assert module._entropy(np.full(2048, 100)) == 2048
    values = np.random.default_rng(0).exponential(size=200_000)
    assert module._entropy(np.repeat([0, 50], [300, 1748])) > 300  # or no value is left
    lonely = np.histogram([*values, 10 * values.max()], 2048)[0]
    assert module._entropy(lonely) / 2048 * 10 * values.max() < 1.5 * values.max()


def test_kl_divergence_matches_its_formula() -> None:
    """Two levels of two bins each: quantized 2 2 3 3 of exact 1 3 2 4 (and 6 clipped into it)."""
    histogram = np.array([1, 3, 2, 4, 6])
    exact, quantized = np.array([1, 3, 2, 10]) / 16, np.array([2, 2, 3, 3]) / 10
    expected = (exact * np.log(exact / quantized)).sum()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_NUM_QUANTIZED_BINS", 2)
        assert module._kl_divergence(histogram, 4) == pytest.approx(expected)


def test_dead_network_is_an_error(train_slice: Split) -> None:
    network = LeNet5().eval()
    with torch.no_grad():
        network.get_parameter("conv1.weight").fill_(0)
        network.get_parameter("conv1.bias").fill_(-1)
    with pytest.raises(ModelError, match="relu1 is never positive"):
        calibrate(graph.build(network), train_slice.images[:5, None])
