"""What all networks share."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from digits_train.models import LeNet5
from digits_train.models.network import NONE, probabilities, with_none


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


def test_loss_is_cross_entropy_with_a_class_of_none() -> None:
    logits, labels = torch.randn(4, 10), torch.tensor([3, 1, 4, NONE])
    expected = cross_entropy(torch.cat([logits, torch.zeros(4, 1)], 1), labels, reduction="none")
    torch.testing.assert_close(LeNet5.loss(logits, labels), expected)
