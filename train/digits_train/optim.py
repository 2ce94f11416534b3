"""The optimizer, its learning rate, and the moving average of the weights."""

import math

import torch
from torch import nn

from digits_train.recipes import BaseRecipe

_DECAY = 0.2  # share of the steps


def make_optimizer(model: nn.Module, recipe: BaseRecipe) -> torch.optim.Optimizer:
    """AdamW or SGD, with weight decay on kernels and matrices alone, fused where possible."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    fused = parameters[0].device.type in ("cpu", "cuda")
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            groups, recipe.learning_rate, momentum=0.9, nesterov=True, fused=fused
        )
    return torch.optim.AdamW(groups, recipe.learning_rate, (0.9, recipe.beta2), fused=fused)


def learning_rate(recipe: BaseRecipe, progress: float) -> float:
    """The learning rate after `progress` (0 to 1) of all steps.

    Linear warm-up, then constant, half a cosine down to zero (I. Loshchilov, F. Hutter, "SGDR",
    ICLR 2017, without restarts), or constant with a short way down at the end (A. Hägele et al.,
    "Scaling laws and compute-optimal training beyond fixed training durations", 2024).
    """
    if progress < recipe.warmup_fraction:
        return recipe.learning_rate * progress / recipe.warmup_fraction
    if recipe.schedule == "constant":
        return recipe.learning_rate
    if recipe.schedule == "wsd":
        return recipe.learning_rate * min(1.0, (1 - progress) / _DECAY)
    decayed = (progress - recipe.warmup_fraction) / (1 - recipe.warmup_fraction)
    return recipe.learning_rate * (1 + math.cos(math.pi * decayed)) / 2


@torch.no_grad()
def update_ema(ema_model: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights and batch norm statistics towards the model's.

    An exponential moving average (B. Polyak, A. Juditsky, 1992) with a smaller decay in the first
    steps (from 0), or it would keep the random start for thousands of them.
    """
    # Not torch's AveragedModel: its first update copies, integer buffers are averaged too, and the
    # names of its weights, which are stored, begin with "module.".
    weight = 1 - min(decay, (1 + step) / (10 + step))
    pairs = zip(ema_model.state_dict().values(), model.state_dict().values(), strict=True)
    for average, latest in pairs:
        if average.is_floating_point():
            average.lerp_(latest, weight)
        else:
            average.copy_(latest)  # batch norm's count of batches
