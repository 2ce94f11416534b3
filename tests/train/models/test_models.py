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


def test_normalization() -> None:
    pixels = torch.tensor([0, 255], dtype=torch.uint8)
    assert models.Normalize()(pixels).tolist() == pytest.approx([-0.42421, 2.82149], abs=1e-4)


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
