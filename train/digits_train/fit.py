"""The training loop."""

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from digits.errors import DigitsError
from digits_train.distributed import DistributedContext
from digits_train.metrics import Metrics
from digits_train.optim import clip_gradients, learning_rate, update_ema
from digits_train.tasks import Task
from digits_train.training import Training

# Steps, too few for batch norm's moving averages to forget the random network at the beginning
# (VGG-16, 140 pictures, 24 steps: 14 % of the training digits are read right, with this 82 %).
_SHORT = 200


def fit(
    training: Training,
    task: Task,
    on_step: Callable[[int], object] = lambda examples: None,
) -> Iterator[Metrics]:
    """Train epoch by epoch. Yields each, so that the caller can save, draw or stop there.

    The same seed on the same CPU with the same number of threads gives the same weights, bit for
    bit. Another number of processes gives them within rounding unless the network has batch norm or
    dropout, which see a process's own share of the batch.

    on_step is called after each step with its number of examples, over all processes. Raises
    DigitsError if the training diverges.
    """
    network: nn.Module = training.model
    dist = task.dist
    if dist.world_size > 1:
        network = nn.parallel.DistributedDataParallel(network)
    while training.epoch < task.recipe.epochs:
        started = time.perf_counter()
        means = _train_epoch(network, training, task, on_step)
        trained = time.perf_counter()
        with _autocast(training, task):
            if task.recipe.epochs * task.steps < _SHORT:
                update_bn([task.samples.to(dist.device)], training.eval_model)
            epoch = dist.run_on_main(partial(_measure, training, task, means, started, trained))
        training.history.append(epoch)
        yield epoch


def _train_epoch(
    network: nn.Module, training: Training, task: Task, on_step: Callable[[int], object]
) -> list[float]:
    """One pass over the examples. Returns the means of the sums."""
    optimizer, recipe, dist = training.optimizer, task.recipe, task.dist
    rng = _seed(training, dist)
    sums = torch.zeros((), device=dist.device)
    network.train()
    batches: Iterator[Any] = task.batches(training.epoch, rng, training.eval_model)
    for step, batch in enumerate(batches, training.epoch * task.steps):
        with _autocast(training, task):
            outputs = network(batch.inputs)
        objective, batch_sums = task.loss(outputs, batch)
        optimizer.zero_grad()
        # DDP averages gradients over the processes; this makes it the mean over the batch.
        (objective * dist.world_size).backward()  # type: ignore[no-untyped-call]
        clip_gradients(training.model, recipe)
        # The middle of the step: at its ends, the first or the last one would learn nothing.
        progress = (step + 0.5) / (recipe.epochs * task.steps)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, progress)
        optimizer.step()
        if training.ema_model is not None and recipe.ema_decay is not None:
            update_ema(training.ema_model, training.model, recipe.ema_decay, step)
        sums = sums + batch_sums
        on_step(batch.size)
    means: list[float] = (dist.all_reduce(sums) / task.examples).tolist()
    return means


def _autocast(training: Training, task: Task) -> torch.autocast:
    bfloat16 = training.config.precision == "bfloat16"
    return torch.autocast(task.dist.device.type, torch.bfloat16, enabled=bfloat16)


def _measure(
    training: Training, task: Task, means: list[float], started: float, trained: float
) -> Metrics:
    """Validate the network. Raises DigitsError if the training has diverged."""
    number, validated = training.epoch + 1, task.validate(training.eval_model)
    # The last step's training loss is from before it changed the weights.
    loss, validation_loss = means[0], validated["validation_loss"]
    if not (loss < task.divergence and math.isfinite(validation_loss)):
        raise DigitsError(
            f"training diverged in epoch {number}: loss {loss:.4g}, validation loss"
            f" {validation_loss:.4g}; try a smaller --learning-rate"
        )
    seconds, rate = time.perf_counter() - started, task.examples / (trained - started)
    times = {"seconds": seconds, "images_per_second": rate}
    return {"number": number, **dict(zip(task.means, means, strict=True)), **validated, **times}


def _seed(training: Training, dist: DistributedContext) -> torch.Generator:
    """A generator for an epoch's order and augmentation, the same in all processes.

    Dropout draws from torch's global generator, seeded differently in each process.
    """
    epoch = f"{training.config.seed} {training.epoch}"
    torch.manual_seed(Random(f"{epoch} {dist.rank}").getrandbits(63))
    shared = Random(epoch).getrandbits(63)
    return torch.Generator(dist.device).manual_seed(shared)
