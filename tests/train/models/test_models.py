import numpy as np
import pytest
import torch

from digits_train import models
from digits_train.models.network import NONE, probabilities, with_none


def test_vgg16_pads_with_paper_to_32() -> None:
    vgg = models.VGG16().eval()
    paper = torch.zeros(1, 1, 28, 28)
    features = vgg.conv1_1(vgg.normalize(vgg.pad(paper)))  # type: ignore[operator]
    assert features.shape == (1, 64, 32, 32)
    assert (features == features[:, :, :1, :1]).all()  # the border looks like the middle


@pytest.mark.parametrize("architecture", ["lenet5", "vgg16"])
@pytest.mark.parametrize("batch", [1, 5])
def test_pixels_in_logits_out(architecture: str, batch: int) -> None:
    torch.manual_seed(0)  # of a thousand networks one gives ten logits that are all positive
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


def test_none_comes_last_and_is_shared_evenly() -> None:
    logits = torch.arange(20.0).reshape(2, 10)
    eleven = with_none(logits, -3.0)
    assert torch.equal(eleven[:, :NONE], logits)
    assert eleven[:, NONE].tolist() == [-3.0, -3.0]
    assert with_none(logits)[:, NONE].tolist() == [0.0, 0.0]

    sure, none = torch.full((2, 10), -20.0).unbind()
    sure[4] = 20
    rows = probabilities(torch.stack([sure, none])).numpy()
    assert rows.sum(1) == pytest.approx(np.ones(2))
    assert rows[0] == pytest.approx(np.eye(10)[4], abs=1e-6)
    assert rows[1] == pytest.approx(np.full(10, 0.1), abs=1e-6)

    three = torch.tensor([[3.0] + [0.0] * 9])
    confidence = [float(probabilities(three, none).max()) for none in (-9.0, 0.0, 3.0, 9.0)]
    assert confidence == sorted(confidence, reverse=True)
    assert confidence[0] - confidence[-1] > 0.5
