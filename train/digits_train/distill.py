"""Distillation: a network learns from another one's answers.

G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", 2015.
"""

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from digits.terminal import progress_bar
from digits_train.distributed import DistributedContext, autocast, has_bfloat16
from digits_train.metrics import PREDICT_BATCH
from digits_train.models import Network
from digits_train.models.network import NONE, with_none

_TEMPERATURE = 4.0  # of teacher and student, as in the paper
_ALPHA = 0.9  # the teacher's share of the loss; the rest is the label's


@torch.no_grad()
def ask(teacher: Network, images: Tensor, dist: DistributedContext) -> Tensor:
    """The teacher's logits, float32 [n, 10], for images, uint8 [n, 1, 28, 28]."""
    teacher.eval()
    bfloat16 = teacher.mixed_precision and has_bfloat16(dist.device)
    with progress_bar() as bar, autocast(dist.device, bfloat16):
        bar.disable |= not dist.is_main
        parts = torch.split(images, PREDICT_BATCH)
        answers = [teacher(part) for part in bar.track(parts, description="asking the teacher")]
    return torch.cat(answers).float()


def preservation_loss(logits: Tensor, parent: Tensor) -> Tensor:
    """The divergence of a network's answers from those it was to keep: float32 [n].

    logits, parent: float32 [n, 10], its logits and those of the network it began as. Z. Li,
    D. Hoiem, "Learning without forgetting", ECCV 2016.
    """
    after, before = (log_softmax(with_none(each), 1) for each in (logits, parent))
    return kl_div(after, before, reduction="none", log_target=True).sum(1)


def distillation_loss(losses: Tensor, logits: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    """Mix each digit's loss with the divergence from the teacher's answer: float32 [n].

    losses: float32 [n], the student's own. logits, teacher: float32 [n, 10], the student's and the
    teacher's logits. labels: int64 [n]. Non-digits keep their loss: the teacher may not have learnt
    from any.
    """
    divergence = kl_div(
        log_softmax(with_none(logits / _TEMPERATURE), 1),
        log_softmax(with_none(teacher / _TEMPERATURE), 1),
        reduction="none",
        log_target=True,
    ).sum(1)
    alpha = torch.where(labels == NONE, 0.0, _ALPHA)
    return torch.lerp(losses, divergence * _TEMPERATURE**2, alpha)
