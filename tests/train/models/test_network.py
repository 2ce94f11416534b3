import numpy as np
import pytest
import torch

from digits_train.models.network import NONE, probabilities, with_none


def test_none_comes_last() -> None:
    logits = torch.arange(20.0).reshape(2, 10)
    eleven = with_none(logits, -3.0)
    assert torch.equal(eleven[:, :NONE], logits)
    assert eleven[:, NONE].tolist() == [-3.0, -3.0]
    assert with_none(logits)[:, NONE].tolist() == [0.0, 0.0]


def test_probabilities_of_non_digits_are_equal() -> None:
    sure, none = torch.full((2, 10), -20.0).unbind()
    sure[4] = 20
    rows = probabilities(torch.stack([sure, none]))
    assert rows.sum(1).numpy() == pytest.approx(np.ones(2))
    assert rows[0].numpy() == pytest.approx(np.eye(10)[4], abs=1e-6)
    assert rows[1].numpy() == pytest.approx(np.full(10, 0.1), abs=1e-6)


def test_higher_none_logit_lowers_confidence() -> None:
    logits = torch.tensor([[3.0] + [0.0] * 9])
    confidence = [float(probabilities(logits, none).max()) for none in (-9.0, 0.0, 3.0, 9.0)]
    assert confidence == sorted(confidence, reverse=True)
    assert confidence[0] - confidence[-1] > 0.5
