import torch
from torch.nn.functional import cross_entropy

from digits_train.distill import distillation_loss
from digits_train.models.network import NONE, with_none


def test_a_tenth_of_the_loss_and_nine_of_the_distance() -> None:
    """T² times the divergence at T = 4, of eleven classes."""
    generator = torch.Generator().manual_seed(0)
    logits, taught = (5 * torch.randn(50, 10, generator=generator) for _ in range(2))
    labels = torch.randint(0, 10, (50,), generator=generator)
    losses = cross_entropy(logits, labels, reduction="none")
    p, q = (with_none(z / 4).softmax(1) for z in (taught, logits))
    expected = 0.1 * losses + 0.9 * 16 * (p * (p / q).log()).sum(1)
    torch.testing.assert_close(distillation_loss(losses, logits, taught, labels), expected)


def test_what_is_no_digit_keeps_its_loss() -> None:
    logits, taught = torch.randn(2, 4, 10)
    losses = torch.tensor([1.0, 2.0, 3.0, 4.0])
    labels = torch.tensor([NONE, 3, NONE, 4])
    found = distillation_loss(losses, logits, taught, labels)
    assert found[[0, 2]].tolist() == [1.0, 3.0]
    assert (found[[1, 3]] != losses[[1, 3]]).all()
