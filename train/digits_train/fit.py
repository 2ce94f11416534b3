"""The training loop."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from digits.errors import DigitsError
from digits_train.optim import learning_rate, update_ema
from digits_train.tasks.task import AnyTask
from digits_train.training import Metrics, Training


def fit(
    training: Training, task: AnyTask, on_step: Callable[[], object] = lambda: None
) -> Iterator[Metrics]:
    """Train to the end. Yields what each validation measures, so that the caller can save.

    The same experiment on the same CPU with the same numbers of threads and processes gives the
    same weights, bit for bit, interrupted or not. on_step is called after each step. Raises
    DigitsError if the training diverges.
    """
    network: nn.Module = training.model
    dist = task.dist
    if dist.world_size > 1:
        network = nn.parallel.DistributedDataParallel(network)
    with closing(task.batches(training)) as batches:
        while training.step < task.steps:
            started = time.perf_counter()
            steps = min(task.interval - training.step % task.interval, task.steps - training.step)
            _seed(training, dist.rank)
            means, examples = _train(network, training, task, batches, steps, on_step)
            trained = time.perf_counter()
            with _autocast(training, task):
                measure = partial(_measure, training, task, means, started)
                measured = dist.run_on_main(measure)
            measured["images_per_second"] = examples / (trained - started)
            training.history.append(measured)
            yield measured


def _train(
    network: nn.Module,
    training: Training,
    task: AnyTask,
    batches: Iterator[Any],
    steps: int,
    on_step: Callable[[], object],
) -> tuple[Metrics, int]:
    """Train for some steps. Returns the means of the losses, and how many examples were seen."""
    optimizer, recipe, dist = training.optimizer, training.experiment.recipe, task.dist
    totals, examples = dict[str, Tensor](), 0
    network.train()
    for _ in range(steps):
        batch = next(batches)
        with _autocast(training, task):
            outputs = network(batch.inputs)
        loss, sums = task.loss(training.model, outputs, batch)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if recipe.max_gradient_norm is not None:
            nn.utils.clip_grad_norm_(training.model.parameters(), recipe.max_gradient_norm)
        # The middle of the step: at its ends, the first or the last one would learn nothing.
        progress = (training.step + 0.5) / task.steps
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, progress)
        optimizer.step()
        if training.ema_model is not None and recipe.ema_decay is not None:
            update_ema(training.ema_model, training.model, recipe.ema_decay, training.step)
        totals = {name: totals.get(name, 0) + value for name, value in sums.items()}
        examples += batch.size
        training.step += 1
        on_step()
    count = torch.tensor(float(examples), device=dist.device)
    *reduced, count_of_all = dist.all_reduce(torch.stack([*totals.values(), count])).tolist()
    means = {name: total / count_of_all for name, total in zip(totals, reduced, strict=True)}
    return means, round(count_of_all)


def _autocast(training: Training, task: AnyTask) -> torch.autocast:
    bfloat16 = training.experiment.precision == "bfloat16"
    return torch.autocast(task.dist.device.type, torch.bfloat16, enabled=bfloat16)


def _measure(training: Training, task: AnyTask, means: Metrics, started: float) -> Metrics:
    """Validate the network. Raises DigitsError if the training has diverged."""
    unit = training.experiment.recipe.unit
    number = training.step if unit == "step" else training.step // task.interval
    validated = task.validate(training.eval_model)
    # The last step's training loss is from before it changed the weights.
    loss, validation_loss = means["train_loss"], validated["validation_loss"]
    if not (loss < task.divergence and math.isfinite(validation_loss)):
        raise DigitsError(
            f"training diverged before {unit} {number}: loss {loss:.4g}, validation loss"
            f" {validation_loss:.4g}; try a smaller --set recipe.learning_rate"
        )
    seconds = time.perf_counter() - started
    return {"number": number, **means, **validated, "seconds": seconds}


def _seed(training: Training, rank: int) -> None:
    """Seed torch's global generator, which dropout draws from, otherwise in each process."""
    name = f"{training.experiment.seed} {training.step} {rank}"
    torch.manual_seed(Random(name).getrandbits(63))
