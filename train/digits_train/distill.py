"""Distillation: a network learns from the answers of others.

G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", 2015. Teachers and
student see the same changed picture each time, which teaches a small network more than fixed
answers do (L. Beyer et al., "Knowledge distillation: a good teacher is patient and consistent",
CVPR 2022).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from digits_train.distributed import autocast, has_bfloat16
from digits_train.models import Network
from digits_train.models.network import with_none


@torch.no_grad()
def ask(teachers: Sequence[Network], images: Tensor) -> Tensor:
    """The mean of the teachers' probabilities of the ten digits and of none: float32 [n, 11].

    images: [n, 1, 28, 28], 0 to 255, on the teachers' device.
    """
    answers = []
    for teacher in teachers:
        bfloat16 = teacher.mixed_precision and has_bfloat16(images.device)
        with autocast(images.device, bfloat16):
            logits = teacher(images)
        answers.append(with_none(logits.float()).softmax(1))
    return torch.stack(answers).mean(0)


def kl_divergence(logits: Tensor, answers: Tensor) -> Tensor:
    """The Kullback-Leibler divergence of a network's answers from its teachers': float32 [n].

    logits: float32 [n, 10]. answers: float32 [n, 11], probabilities.
    """
    return kl_div(log_softmax(with_none(logits), 1), answers, reduction="none").sum(1)
