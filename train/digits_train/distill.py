"""Learning from another network's answers.

G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", 2015.
"""

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from digits_train.models.network import NONE, with_none

_TEMPERATURE = 4.0  # of teacher and student, as in the paper
_TRUST = 0.9  # in the teacher rather than the label


def distillation_loss(losses: Tensor, logits: Tensor, taught: Tensor, labels: Tensor) -> Tensor:
    """For each digit, little of its loss and much of the distance from the teacher's answer.

    losses: float32 [n], the student's own. logits, taught: float32 [n, 10], the student's and the
    teacher's. labels: int64 [n]. What is no digit keeps its loss: the teacher may not have learnt
    from any. Returns float32 [n].
    """
    distance = kl_div(
        log_softmax(with_none(logits / _TEMPERATURE), 1),
        log_softmax(with_none(taught / _TEMPERATURE), 1),
        reduction="none",
        log_target=True,
    ).sum(1)
    trust = torch.where(labels == NONE, 0.0, _TRUST)
    return torch.lerp(losses, distance * _TEMPERATURE**2, trust)
