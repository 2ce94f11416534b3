import pytest
import torch

from digits.errors import DigitsError
from digits_train import models


def test_lenet5_has_the_parameters_of_the_textbook() -> None:
    sizes = {name: p.numel() for name, p in models.LeNet5().named_parameters()}
    assert sizes == {
        "conv1.weight": 150,
        "conv1.bias": 6,
        "conv2.weight": 2400,
        "conv2.bias": 16,
        "fc1.weight": 30720,
        "fc1.bias": 120,
        "fc2.weight": 10080,
        "fc2.bias": 84,
        "fc3.weight": 840,
        "fc3.bias": 10,
    }
    assert sum(sizes.values()) == 44_426


@pytest.mark.parametrize("architecture", models.ARCHITECTURES)
@pytest.mark.parametrize("batch", [1, 5])
def test_pixels_in_logits_out(architecture: str, batch: int) -> None:
    images = torch.randint(0, 256, (batch, 1, 28, 28), dtype=torch.uint8)
    logits = models.build(architecture).eval()(images)
    assert logits.shape == (batch, 10)
    assert logits.dtype == torch.float32
    assert logits.min() < 0  # no softmax among the layers


def test_normalization() -> None:
    pixels = torch.tensor([0, 255], dtype=torch.uint8)
    low, high = models.Normalize()(pixels).tolist()
    assert low == pytest.approx(-0.1307 / 0.3081)
    assert high == pytest.approx((1 - 0.1307) / 0.3081)


def test_an_unknown_network_is_an_error() -> None:
    with pytest.raises(DigitsError, match="no network called 'resnet'; there is: lenet5"):
        models.build("resnet")
