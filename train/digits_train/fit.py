"""The training loop."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from digits.errors import DigitsError
from digits.mnist import Split
from digits_train.augment import augment
from digits_train.models import Network
from digits_train.recipe import Recipe

_PREDICT_BATCH = 1000  # digits at a time when nothing is learnt

OnStep = Callable[[int, Tensor, Tensor], None]


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training digits gave. Losses are mean cross-entropy in nats."""

    number: int  # from 1
    train_loss: float
    train_accuracy: float  # 0 to 1, of the batches as they were trained on
    validation_loss: float
    validation_accuracy: float
    seconds: float  # training and validation
    images_per_second: float  # training alone


@dataclass
class Training:
    """A network on its way: everything that a later process needs to go on from here."""

    model: Network
    optimizer: torch.optim.Optimizer
    epoch: int = 0  # finished epochs

    def state(self) -> dict[str, Any]:
        """All that changes while training, of types that torch.load(weights_only=True) takes."""
        device = next(self.model.parameters()).device
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "rng": torch.get_rng_state(),
        }
        if device.type == "cuda":
            state["cuda_rng"] = torch.cuda.get_rng_state(device)
        elif device.type == "mps":
            state["mps_rng"] = torch.mps.get_rng_state()
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what `state()` returned, on this or another kind of device."""
        device = next(self.model.parameters()).device
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = state["epoch"]
        torch.set_rng_state(state["rng"])
        if device.type == "cuda" and "cuda_rng" in state:
            torch.cuda.set_rng_state(state["cuda_rng"], device)
        elif device.type == "mps" and "mps_rng" in state:
            torch.mps.set_rng_state(state["mps_rng"])


def fit(
    training: Training,
    recipe: Recipe,
    train: Split,
    validation: Split,
    on_step: OnStep | None = None,
) -> Iterator[Epoch]:
    """Train epoch by epoch, on the device that the model is on.

    Yields after each epoch, so that the caller can save, draw or stop there. All digits lie on the
    device as uint8 tensors. All randomness comes from torch's global generators: the same seed on
    the same CPU with the same number of threads gives the same weights, bit for bit.

    on_step is called after each step with the number of digits seen in this epoch, and the sums
    of their losses and of right answers (both on the device: reading them waits for it).

    Raises DigitsError when the loss of an epoch is not a finite number.
    """
    model, optimizer = training.model, training.optimizer
    device = next(model.parameters()).device
    images, labels = tensors(train, device)
    steps_per_epoch = math.ceil(len(images) / recipe.batch_size)

    while training.epoch < recipe.epochs:
        started = time.perf_counter()
        model.train()
        loss_sum = torch.zeros((), device=device)
        right = torch.zeros((), device=device)
        order = torch.randperm(len(images), device=device)
        for step, batch in enumerate(torch.split(order, recipe.batch_size)):
            progress = (training.epoch * steps_per_epoch + step) / (recipe.epochs * steps_per_epoch)
            set_learning_rate(optimizer, learning_rate(recipe, progress))
            x, y = images[batch], labels[batch]
            if recipe.augmentation is not None:
                x = augment(x, recipe.augmentation)
            logits = model(x)
            loss = cross_entropy(logits, y)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

            loss_sum += loss.detach() * len(batch)
            right += (logits.argmax(1) == y).sum()
            if on_step is not None:
                on_step(min((step + 1) * recipe.batch_size, len(images)), loss_sum, right)

        train_loss, train_accuracy = loss_sum.item() / len(images), right.item() / len(images)
        train_seconds = time.perf_counter() - started
        if not math.isfinite(train_loss):
            raise DigitsError(
                f"the loss is {train_loss} in epoch {training.epoch + 1}: the training diverged;"
                " a smaller --learning-rate may help"
            )
        validation_loss, validation_accuracy = measure(predict(model, validation), validation)
        training.epoch += 1
        yield Epoch(
            training.epoch,
            train_loss,
            train_accuracy,
            validation_loss,
            validation_accuracy,
            time.perf_counter() - started,
            len(images) / train_seconds,
        )


def learning_rate(recipe: Recipe, progress: float) -> float:
    """The learning rate after `progress` (0 to 1) of all steps."""
    if recipe.schedule == "constant":
        return recipe.learning_rate
    return recipe.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = value


@torch.inference_mode()
def predict(model: nn.Module, split: Split) -> Tensor:
    """The logits of all digits of a split: float32 [n, 10], on the CPU."""
    model.eval()
    device = next(model.parameters()).device
    images, _ = tensors(split, device)
    return torch.cat([model(batch) for batch in torch.split(images, _PREDICT_BATCH)]).float().cpu()


def measure(logits: Tensor, split: Split) -> tuple[float, float]:
    """Mean cross-entropy in nats, and accuracy (0 to 1), of logits [n, 10]."""
    labels = torch.from_numpy(split.labels.astype("int64"))
    accuracy = (logits.argmax(1) == labels).float().mean()
    return cross_entropy(logits, labels).item(), accuracy.item()


def tensors(split: Split, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images as uint8 [n, 1, 28, 28] and labels as int64 [n], on the device."""
    images = torch.tensor(split.images, device=device).unsqueeze(1)
    return images, torch.tensor(split.labels, device=device, dtype=torch.int64)
