"""The training loop."""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from digits.errors import DigitsError
from digits_train.checkpoint import TrainState
from digits_train.distributed import DistributedContext, autocast
from digits_train.metrics import Metrics
from digits_train.optim import clip_gradients, learning_rate, update_ema
from digits_train.tasks.task import Task

_SHORT = 1000  # steps, too few for batch norm's moving averages to settle

StepCallback = Callable[[int, float, Tensor], None]


def fit(
    state: TrainState,
    task: Task,
    dist: DistributedContext,
    bfloat16: bool = False,
    on_step: StepCallback | None = None,
) -> Iterator[Metrics]:
    """Train epoch by epoch. Yields after each, so that the caller can save, draw or stop there.

    The same seed on the same CPU with the same number of threads gives the same weights, bit for
    bit. Another number of processes gives them within rounding unless the network has batch norm or
    dropout, which see a process's own share of the batch.

    bfloat16: for convolutions and products; otherwise all is float32. on_step is called after each
    step with the number of examples seen in this epoch, the number seen in this process, and the
    latter's `Loss.sums`, on the device, where reading them waits for it.

    Raises DigitsError if the training diverges.
    """
    network: nn.Module = state.model
    if dist.world_size > 1:
        network = nn.parallel.DistributedDataParallel(network)
    while state.epoch < task.recipe.epochs:
        started = time.perf_counter()
        means = _train_epoch(network, state, task, dist, bfloat16, on_step)
        trained = time.perf_counter()
        if task.recipe.epochs * task.steps < _SHORT:
            with autocast(dist.device, bfloat16):
                task.settle(state.eval_model)
        _check_convergence(state, task, means[0])
        state.epoch += 1
        measured = None
        if dist.is_main:
            with autocast(dist.device, bfloat16):
                measured = task.measure(state.eval_model, state.epoch, means)
            seconds, rate = time.perf_counter() - started, task.examples / (trained - started)
            measured = replace(measured, seconds=seconds, images_per_second=rate)
        measured = dist.broadcast(measured)
        assert measured is not None
        yield measured


def _train_epoch(
    network: nn.Module,
    state: TrainState,
    task: Task,
    dist: DistributedContext,
    bfloat16: bool,
    on_step: StepCallback | None,
) -> list[float]:
    """One pass over the examples. Returns the means of `Loss.sums`."""
    optimizer, recipe = state.optimizer, task.recipe
    rng = _seed(state, dist)
    sums = torch.zeros((), device=dist.device)
    seen, seen_here = 0, 0.0
    network.train()
    batches = task.batches(state.epoch, rng, dist, state.eval_model)
    for step, batch in enumerate(batches, state.epoch * task.steps):
        with autocast(dist.device, bfloat16):
            outputs = network(batch.inputs)
        loss = task.loss(outputs, batch)
        optimizer.zero_grad()
        # DDP averages gradients over the processes; this makes it the mean over the batch.
        (loss.objective * dist.world_size).backward()  # type: ignore[no-untyped-call]
        clip_gradients(state.model, recipe)
        # The middle of the step: at its ends, the first or the last one would learn nothing.
        progress = (step + 0.5) / (recipe.epochs * task.steps)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, progress)
        optimizer.step()
        if state.ema_model is not None and recipe.ema_decay is not None:
            update_ema(state.ema_model, state.model, recipe.ema_decay, step)

        sums = sums + loss.sums
        seen, seen_here = seen + batch.size, seen_here + loss.examples
        if on_step is not None:
            on_step(seen, seen_here, sums)
    means: list[float] = (dist.all_reduce(sums) / task.examples).tolist()
    return means


def _check_convergence(state: TrainState, task: Task, loss: float) -> None:
    """Raise DigitsError if the training has diverged. loss: the epoch's mean."""
    # The last step's loss is from before it changed the weights.
    finite = task.probe(state.eval_model).isfinite().all()
    if not (loss < task.divergence and finite):
        reason = f"loss {loss:.4g}" if finite else "NaN or infinite logits"
        raise DigitsError(
            f"training diverged in epoch {state.epoch + 1}: {reason}; try a smaller --learning-rate"
        )


def _seed(state: TrainState, dist: DistributedContext) -> torch.Generator:
    """A generator for an epoch's order and augmentation, the same in all processes.

    Dropout draws from torch's global generator, seeded differently in each process.
    """

    def number(*parts: object) -> int:
        return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little")

    torch.manual_seed(number(state.seed, state.epoch, dist.rank))
    return torch.Generator(dist.device).manual_seed(number(state.seed, state.epoch))
