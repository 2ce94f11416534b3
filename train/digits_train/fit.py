"""The training loop."""

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from digits.data.mnist import Split
from digits.errors import DigitsError
from digits_train.checkpoint import TrainState
from digits_train.config import Recipe
from digits_train.distill import distillation_loss
from digits_train.distributed import DistributedContext, autocast
from digits_train.examples import Examples, Pool, prefetch
from digits_train.metrics import PREDICT_BATCH, EpochMetrics, loss_and_accuracy, predict
from digits_train.models import Network
from digits_train.models.network import with_none
from digits_train.optim import learning_rate, measure_bn_statistics, update_ema

_SHORT = 1000  # steps, too few for batch norm's moving averages to settle
_PROBE_SIZE = 100  # digits to check for NaN logits
_DIVERGED = 3 * math.log(10)  # nats, three times the loss of guessing

StepCallback = Callable[[int, int, Tensor], None]


@dataclass(frozen=True)
class TrainContext:
    """What a training uses and doesn't change."""

    distributed: DistributedContext
    bfloat16: bool = False
    compiled: bool = False
    pools: Sequence[Pool] = ()  # what the recipe adds to the digits
    teacher_logits: Tensor | None = None  # for the digits, then the pools: see `Examples`


def fit(
    state: TrainState,
    recipe: Recipe,
    train: Split,
    validation: Split | None,
    ctx: TrainContext,
    on_step: StepCallback | None = None,
) -> Iterator[EpochMetrics]:
    """Train epoch by epoch. Yields after each, so that the caller can save, draw or stop there.

    All digits are on the device as uint8 tensors. The same seed on the same CPU with the same
    number of threads gives the same weights, bit for bit. Another number of processes gives them
    within rounding unless the network has batch norm or dropout, which see a process's own share of
    the batch.

    on_step is called after each step with the number of digits seen in this epoch, the number seen
    in this process, and the latter's summed losses and correct answers: float32 [2], on the device,
    where reading them waits for it.

    Raises DigitsError if the training diverges.
    """
    dist = ctx.distributed
    examples = Examples.of(train, ctx.pools, dist.device, ctx.teacher_logits)
    probe = Split(train.images[:_PROBE_SIZE], train.labels[:_PROBE_SIZE])
    forward = _wrap_model(state.model, ctx)
    while state.epoch < recipe.epochs:
        started = time.perf_counter()
        loss, accuracy = _epoch(state, recipe, examples, forward, ctx, on_step)
        seconds = time.perf_counter() - started
        _settle_bn(state, recipe, examples.images[: len(train)], ctx)
        # The last step's loss is from before it changed the weights.
        finite = predict(state.eval_model, probe).isfinite().all()
        if not (loss < _DIVERGED and finite):
            reason = f"loss {loss:.4g}" if finite else "NaN or infinite logits"
            raise DigitsError(
                f"training diverged in epoch {state.epoch + 1}: {reason};"
                " try a smaller --learning-rate"
            )
        state.epoch += 1
        validated = _validate(state.eval_model, validation, ctx) if dist.is_main else (None, None)
        yield dist.broadcast(
            EpochMetrics(
                state.epoch,
                loss,
                accuracy,
                *validated,
                seconds=time.perf_counter() - started,
                images_per_second=len(train) / seconds,
            )
        )


def _epoch(
    state: TrainState,
    recipe: Recipe,
    examples: Examples,
    forward: nn.Module,
    ctx: TrainContext,
    on_step: StepCallback | None,
) -> tuple[float, float]:
    """One pass over the digits. Returns mean loss and accuracy."""
    dist, optimizer, digits = ctx.distributed, state.optimizer, examples.ends[0]
    rng = _seed(state, dist)
    order = torch.randperm(digits, generator=rng, device=dist.device)
    steps = recipe.steps(digits)
    sums = torch.zeros(2, device=dist.device)
    seen = seen_here = 0
    forward.train()
    # Nearly equal batches: a last one of a few digits would be noise, and too small to normalise.
    parts = torch.tensor_split(order, steps)
    make = partial(examples.batch, recipe, state.epoch, rng, dist)
    for step, batch in enumerate(prefetch(make, parts), state.epoch * steps):
        x, y, weights, trained, teacher = batch
        with autocast(dist.device, ctx.bfloat16):
            logits = forward(x).float()
        losses = cross_entropy(with_none(logits), y, reduction="none")
        objective = losses if teacher is None else distillation_loss(losses, logits, teacher, y)
        total = (objective * weights).sum()
        optimizer.zero_grad()
        # DDP averages gradients over the processes; this makes it the mean over the batch.
        (total * dist.world_size).backward()  # type: ignore[no-untyped-call]
        # The middle of the step: at its ends, the first or the last one would learn nothing.
        progress = (step + 0.5) / (recipe.epochs * steps)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, progress)
        optimizer.step()
        if state.ema_model is not None and recipe.ema_decay is not None:
            update_ema(state.ema_model, state.model, recipe.ema_decay, step)

        correct = (logits.argmax(1) == y)[trained].sum()
        sums += torch.stack([losses.detach()[trained].sum(), correct])
        seen, seen_here = seen + len(parts[step % steps]), seen_here + int(trained.sum())
        if on_step is not None:
            on_step(seen, seen_here, sums)
    loss, accuracy = (dist.all_reduce(sums) / digits).tolist()
    return loss, accuracy


def _settle_bn(state: TrainState, recipe: Recipe, images: Tensor, ctx: TrainContext) -> None:
    """Measure batch norm's statistics if the training is too short for them to settle."""
    if recipe.epochs * recipe.steps(len(images)) < _SHORT:
        with autocast(ctx.distributed.device, ctx.bfloat16):
            measure_bn_statistics(state.eval_model, images, PREDICT_BATCH)


def _wrap_model(model: Network, ctx: TrainContext) -> nn.Module:
    """The model as it is called in training: compiled, and averaging gradients over processes."""
    forward: nn.Module = model
    if ctx.compiled:
        forward = torch.compile(forward)  # type: ignore[assignment]
    if ctx.distributed.world_size > 1:
        forward = nn.parallel.DistributedDataParallel(forward)
    return forward


def _seed(state: TrainState, dist: DistributedContext) -> torch.Generator:
    """A generator for an epoch's order and augmentation, the same in all processes.

    Dropout draws from torch's global generator, seeded differently in each process.
    """

    def number(*parts: object) -> int:
        return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little")

    torch.manual_seed(number(state.seed, state.epoch, dist.rank))
    return torch.Generator(dist.device).manual_seed(number(state.seed, state.epoch))


def _validate(
    model: Network, validation: Split | None, ctx: TrainContext
) -> tuple[float | None, float | None]:
    if validation is None:
        return None, None
    with autocast(ctx.distributed.device, ctx.bfloat16):
        return loss_and_accuracy(predict(model, validation), validation)
