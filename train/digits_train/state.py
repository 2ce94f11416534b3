"""The state of a training: all that a later process needs to continue it."""

import copy
import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import torch
from msgspec import Struct
from torch import Tensor, nn

import digits
from digits.errors import DigitsError, ModelError
from digits_train import checkpoint, models, optim
from digits_train.camera.fonts import LIST_SHA256
from digits_train.checkpoint import Tensors
from digits_train.distributed import DistributedContext, set_threads
from digits_train.experiment import Experiment
from digits_train.models import BaseNetwork
from digits_train.structs import to_dict

# A row of metrics.csv: number (of finished epochs or steps), train_loss, validation_loss,
# validation_accuracy, seconds, images_per_second, and what a task adds (`digits_train.tasks`).
Metrics = dict[str, float]


class SavedState(Struct, forbid_unknown_fields=True):
    """What a state's file says beside its tensors; see `TrainState`."""

    experiment: Experiment
    step: int
    history: list[dict[str, Any]]
    machines: list[dict[str, Any]]


@dataclass
class TrainState:
    """A network in training.

    ema_model: moving average of the model, if the recipe wants one. step: how many are finished.
    history: what each validation measured. machines: what it was trained with.
    """

    experiment: Experiment
    model: BaseNetwork
    optimizer: torch.optim.Optimizer
    ema_model: BaseNetwork | None = None
    step: int = 0
    history: list[Metrics] = field(default_factory=list)
    machines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @property
    def eval_model(self) -> BaseNetwork:
        """The network to evaluate and save."""
        return self.model if self.ema_model is None else self.ema_model

    def autocast(self) -> torch.autocast:
        """What the forward pass is computed in: with bfloat16, if the experiment says so."""
        is_short = self.experiment.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=is_short)

    def update(self, loss: Tensor, steps: int) -> None:
        """Take a step down the gradient of a loss. steps: how many the training has."""
        recipe = self.experiment.recipe
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if recipe.max_gradient_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), recipe.max_gradient_norm)
        # The middle of the step: at its ends, the first or the last one would learn nothing.
        rate = optim.learning_rate(recipe, (self.step + 0.5) / steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        if self.ema_model is not None and recipe.ema_decay is not None:
            optim.update_ema(self.ema_model, self.model, recipe.ema_decay, self.step)
        self.step += 1

    def seed(self, rank: int) -> None:
        """Seed torch's global generator, which dropout draws from, otherwise in each process."""
        name = f"{self.experiment.seed} {self.step} {rank}"
        torch.manual_seed(Random(name).getrandbits(63))

    def check_losses(self, measured: Metrics, limit: float = math.inf) -> None:
        """Raise DigitsError if the training has diverged. limit: of the training loss."""
        # The last step's training loss is from before it changed the weights.
        loss, validation_loss = measured["train_loss"], measured["validation_loss"]
        if not (loss < limit and math.isfinite(validation_loss)):
            raise DigitsError(
                f"training diverged before {self.experiment.recipe.unit} {measured['number']}: loss"
                f" {loss:.4g}, validation loss {validation_loss:.4g}; try a smaller --set"
                " recipe.learning_rate"
            )

    def record_machine(self, dist: DistributedContext) -> None:
        """Note what the steps from the next one on are trained with."""
        device = dist.device.type
        self.machines.append(
            {
                "first_step": self.step + 1,
                "device": torch.cuda.get_device_name(dist.device) if device == "cuda" else device,
                "processes": dist.world_size,
                "threads": torch.get_num_threads(),  # per process
                "digits": digits.__version__,
                "torch": str(torch.__version__),
                "python": platform.python_version(),
            }
        )

    def summary(self) -> dict[str, Any]:
        """What run.json says before the end of the run."""
        parameters = sum(parameter.numel() for parameter in self.eval_model.parameters())
        return {**to_dict(self.experiment), "parameters": parameters, "machines": self.machines}

    def save(self, path: Path) -> None:
        """Write all of it. It has no random state: generators are seeded by the step's number.

        Raises DigitsError if the file can't be written.
        """
        tensors = dict[str, Tensor]()
        for name, network in self.networks().items():
            tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
        for number, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{key}": value for key, value in moments.items()}
        state = SavedState(self.experiment, self.step, self.history, self.machines)
        checkpoint.write(path, tensors, to_dict(state))

    def networks(self) -> dict[str, BaseNetwork]:
        """Those that there are, by their names in a state."""
        average = {} if self.ema_model is None else {"average": self.ema_model}
        return {"model": self.model, **average}


def init_state(
    experiment: Experiment, device: torch.device, pretrained: BaseNetwork | None = None
) -> TrainState:
    """Make a new network, and all that trains it, on the device.

    pretrained: whose weights to begin with instead of random ones.
    """
    torch.manual_seed(experiment.seed)
    model = models.get_network(experiment.network)()
    if pretrained is not None:
        model.load_weights(pretrained.state_dict())
    set_threads(model.threads, device)
    return make_state(experiment, model.to_device(device))


def make_state(experiment: Experiment, model: BaseNetwork) -> TrainState:
    """Make a network's moving average and its optimizer, where it is."""
    ema_model = copy.deepcopy(model) if experiment.recipe.ema_decay else None
    return TrainState(experiment, model, optim.make_optimizer(model, experiment.recipe), ema_model)


def load_state(path: Path, state: SavedState, tensors: Tensors, device: torch.device) -> TrainState:
    """Make a training of what `TrainState.save` wrote, on this or another kind of device.

    path: the file, for errors. Raises ModelError if the tensors don't fit, or if it is a user's own
    network, which must be named again.
    """
    try:
        if state.experiment.fonts != LIST_SHA256:
            raise ValueError("it draws with other fonts")
        training = init_state(state.experiment, device)
        training.step, training.history = state.step, state.history
        training.machines = state.machines
        for name, network in training.networks().items():
            network.load_weights(_subset(tensors, name))
        _load_optimizer(training, _subset(tensors, "optimizer"))
        return training
    except torch.cuda.OutOfMemoryError:
        raise
    except DigitsError as error:
        raise ModelError(f"{path} can't be used: {error}") from error
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is damaged, or of another version of digits: {error}") from error


def _subset(tensors: Mapping[str, Tensor], group: str) -> dict[str, Tensor]:
    """The tensors of a group, without its name."""
    names = [name for name in tensors if name.startswith(f"{group}.")]
    return {name.removeprefix(f"{group}."): tensors[name] for name in names}


def _load_optimizer(training: TrainState, tensors: Mapping[str, Tensor]) -> None:
    """Give the optimizer its moments."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = tensor
    optimizer = training.optimizer
    # The groups come from the recipe.
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
    # A file has no memory layouts, which fused kernels don't check.
    for parameter, moments in optimizer.state.items():
        for key, value in moments.items():
            if value.ndim:
                moments[key] = torch.empty_like(parameter).copy_(value)
