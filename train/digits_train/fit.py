"""The training loop."""

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from digits.data.mnist import Split
from digits.errors import DigitsError
from digits_train.distill import distillation_loss
from digits_train.examples import Examples, Pool
from digits_train.models import Network
from digits_train.models.network import with_none
from digits_train.optimize import (
    learning_rate,
    measure_statistics,
    set_learning_rate,
    update_average,
)
from digits_train.prefetch import prefetched
from digits_train.recipe import Recipe
from digits_train.world import World

_PREDICT_BATCH = 1000  # digits at a time when nothing is learnt
_SHORT = 1000  # steps, in which moving averages are not yet to be trusted
_PROBE = 100  # digits that show whether the network still gives numbers
_DIVERGED = 3 * math.log(10)  # nats, three times the loss of guessing

OnStep = Callable[[int, int, Tensor], None]


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training digits gave. Losses are mean cross-entropy in nats.

    So it is with a teacher too, though there the network minimises something else.
    """

    number: int  # from 1
    train_loss: float
    train_accuracy: float  # 0 to 1, of the batches as they were trained on
    validation_loss: float | None  # None where no digits were kept back
    validation_accuracy: float | None
    seconds: float  # training and validation
    images_per_second: float  # training alone


@dataclass
class Training:
    """A network on its way: everything that a later process needs to go on from here."""

    model: Network
    optimizer: torch.optim.Optimizer
    seed: int
    average: Network | None = None  # moving average of the model, where the recipe wants one
    epoch: int = 0  # finished epochs

    @property
    def result(self) -> Network:
        """The network to evaluate and keep."""
        return self.model if self.average is None else self.average

    def state(self) -> dict[str, Any]:
        """All that changes while training, of types that torch.load(weights_only=True) takes.

        There is no random state in it: each epoch starts its generators afresh.
        """
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict()["state"],
            "average": self.average.state_dict() if self.average else None,
            "epoch": self.epoch,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what `state()` returned, on this or another kind of device.

        Raises ValueError when something in it isn't finite or doesn't fit the network, and whatever
        PyTorch raises.
        """
        self.model.load_weights(state["model"])
        described = self.optimizer.state_dict()
        # The groups come from the recipe, and fused kernels don't look at shapes.
        self.optimizer.load_state_dict(described | {"state": state["optimizer"]})
        for parameter in self.model.parameters() if state["epoch"] else ():
            moments = list(self.optimizer.state[parameter].values())
            fit = all(value.ndim == 0 or value.shape == parameter.shape for value in moments)
            if not moments or not fit or not all(value.isfinite().all() for value in moments):
                raise ValueError("the optimizer's state doesn't fit the weights")
        if self.average:
            self.average.load_weights(state["average"])
        self.epoch = state["epoch"]


@dataclass(frozen=True)
class Resources:
    """What a training has at its disposal; none of it is changed."""

    world: World
    bfloat16: bool = False
    compiled: bool = False
    teacher: Network | None = None
    teacher_bfloat16: bool = False
    pools: Sequence[Pool] = ()  # what the recipe wants beside the digits


def fit(
    training: Training,
    recipe: Recipe,
    train: Split,
    validation: Split | None,
    using: Resources,
    on_step: OnStep | None = None,
) -> Iterator[Epoch]:
    """Train epoch by epoch. Yields after each, so that the caller can save, draw or stop there.

    All digits lie on the device as uint8 tensors. The same seed on the same CPU with the same
    number of threads gives the same weights, bit for bit. Another number of processes gives them
    within rounding where the network has no batch norm and no dropout, which see a process's
    own share of the batch.

    on_step is called after each step with the number of digits seen in this epoch, that in this
    process, and the sums of the latter's losses and right answers: float32 [2], on the device,
    where reading them waits for it.

    Raises DigitsError when an epoch's loss says that the training diverged.
    """
    world = using.world
    examples = Examples.of(train, using.pools, world.device)
    probe = Split(train.images[:_PROBE], train.labels[:_PROBE])
    forward = _forward(training.model, using)
    while training.epoch < recipe.epochs:
        started = time.perf_counter()
        loss, accuracy = _epoch(training, recipe, examples, forward, using, on_step)
        seconds = time.perf_counter() - started
        _settle(training, recipe, examples.images[: len(train)], using)
        # The loss of the last step is from before it changed the weights.
        finite = predict(training.result, probe).isfinite().all()
        if not (loss < _DIVERGED and finite):
            seen = f"the loss is {loss:.4g}" if finite else "the network's answers are no numbers"
            raise DigitsError(
                f"{seen} in epoch {training.epoch + 1}: the training diverged;"
                " a smaller --learning-rate may help"
            )
        training.epoch += 1
        measured = _validate(training.result, validation, using) if world.leads else (None, None)
        yield world.broadcast(
            Epoch(
                training.epoch,
                loss,
                accuracy,
                *measured,
                seconds=time.perf_counter() - started,
                images_per_second=len(train) / seconds,
            )
        )


def _epoch(
    training: Training,
    recipe: Recipe,
    examples: Examples,
    forward: nn.Module,
    using: Resources,
    on_step: OnStep | None,
) -> tuple[float, float]:
    """One pass over the digits. Returns mean loss and accuracy."""
    world, optimizer, digits = using.world, training.optimizer, examples.ends[0]
    generator = _seed(training, world)
    order = torch.randperm(digits, generator=generator, device=world.device)
    steps = recipe.steps(digits)
    sums = torch.zeros(2, device=world.device)
    seen = mine = 0
    forward.train()
    # All but equal batches: a last one of a few digits would be noise, and too small to normalise.
    parts = torch.tensor_split(order, steps)
    make = partial(examples.batch, recipe, generator, world)
    for number, (x, y, weights, trained) in enumerate(
        prefetched(make, parts), training.epoch * steps
    ):
        with _precision(using, using.bfloat16):
            logits = forward(x).float()
        losses = cross_entropy(with_none(logits), y, reduction="none")
        objective = losses if using.teacher is None else _distil(losses, logits, x, y, using)
        total = (objective * weights).sum()
        optimizer.zero_grad()
        # DDP averages the gradients of all processes: this makes that the mean over the batch.
        (total * world.size).backward()  # type: ignore[no-untyped-call]
        # The middle of the step: at its ends, the first or the last one would learn nothing.
        progress = (number + 0.5) / (recipe.epochs * steps)
        set_learning_rate(optimizer, learning_rate(recipe, progress))
        optimizer.step()
        if training.average is not None and recipe.average is not None:
            update_average(training.average, training.model, recipe.average, number)

        right = (logits.argmax(1) == y)[trained].sum()
        sums += torch.stack([losses.detach()[trained].sum(), right])
        seen, mine = seen + len(parts[number % steps]), mine + int(trained.sum())
        if on_step is not None:
            on_step(seen, mine, sums)
    loss, accuracy = (world.all_reduce(sums) / digits).tolist()
    return loss, accuracy


def _settle(training: Training, recipe: Recipe, images: Tensor, using: Resources) -> None:
    """Measure batch norm's statistics where the training ends before they have settled."""
    if recipe.epochs * recipe.steps(len(images)) < _SHORT:
        with _precision(using, using.bfloat16):
            measure_statistics(training.result, images, _PREDICT_BATCH)


def _forward(model: Network, using: Resources) -> nn.Module:
    """The model as it is called in training: compiled, and sharing its gradients."""
    forward: nn.Module = model
    if using.compiled:
        forward = torch.compile(forward)  # type: ignore[assignment]
    if using.world.size > 1:
        forward = nn.parallel.DistributedDataParallel(forward)
    return forward


def _precision(using: Resources, bfloat16: bool) -> AbstractContextManager[object]:
    return torch.autocast(using.world.device.type, torch.bfloat16) if bfloat16 else nullcontext()


def _seed(training: Training, world: World) -> torch.Generator:
    """The order and augmentation of an epoch, the same in all processes.

    Dropout draws from torch's global generator, which is another in each process.
    """

    def number(*parts: object) -> int:
        return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little")

    torch.manual_seed(number(training.seed, training.epoch, world.rank))
    generator = torch.Generator(world.device)
    return generator.manual_seed(number(training.seed, training.epoch))


def _distil(losses: Tensor, logits: Tensor, x: Tensor, y: Tensor, using: Resources) -> Tensor:
    assert using.teacher is not None
    with torch.no_grad(), _precision(using, using.teacher_bfloat16):
        taught = using.teacher(x).float()
    return distillation_loss(losses, logits, taught, y)


def _validate(
    model: Network, validation: Split | None, using: Resources
) -> tuple[float | None, float | None]:
    if validation is None:
        return None, None
    with _precision(using, using.bfloat16):
        return measure(predict(model, validation), validation)


@torch.inference_mode()
def predict(model: nn.Module, split: Split) -> Tensor:
    """The logits of all digits of a split: float32 [n, 10], on the CPU."""
    model.eval()
    images, _ = tensors(split, next(model.parameters()).device)
    return torch.cat([model(batch) for batch in torch.split(images, _PREDICT_BATCH)]).float().cpu()


def measure(logits: Tensor, split: Split) -> tuple[float, float]:
    """Mean cross-entropy in nats, and accuracy (0 to 1), of logits [n, 10]."""
    labels = torch.from_numpy(split.labels.astype("int64"))
    accuracy = (logits.argmax(1) == labels).float().mean()
    return cross_entropy(with_none(logits), labels).item(), accuracy.item()


def tensors(split: Split, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images as uint8 [n, 1, 28, 28] and labels as int64 [n], on the device."""
    images = torch.tensor(split.images, device=device).unsqueeze(1)
    return images, torch.tensor(split.labels, device=device, dtype=torch.int64)
