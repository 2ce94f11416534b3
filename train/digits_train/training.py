"""A training so far: all that a later process needs to continue it."""

import copy
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from msgspec import Struct
from torch import Tensor

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


class State(Struct, forbid_unknown_fields=True):
    """What a state says beside its tensors; see `Training`."""

    experiment: Experiment
    step: int
    history: list[dict[str, Any]]
    machines: list[dict[str, Any]]


@dataclass
class Training:
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
    def eval_model(self) -> BaseNetwork:
        """The network to evaluate and save."""
        return self.model if self.ema_model is None else self.ema_model

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
        state = State(self.experiment, self.step, self.history, self.machines)
        checkpoint.write(path, tensors, to_dict(state))

    def networks(self) -> dict[str, BaseNetwork]:
        """Those that there are, by their names in a state."""
        average = {} if self.ema_model is None else {"average": self.ema_model}
        return {"model": self.model, **average}


def begin(
    experiment: Experiment, device: torch.device, start: BaseNetwork | None = None
) -> Training:
    """Make a new network, its moving average and its optimizer, on the device.

    start: whose weights to begin with instead of random ones.
    """
    torch.manual_seed(experiment.seed)
    model = models.get_network(experiment.network)()
    if start is not None:
        model.load_weights(start.state_dict())
    model = model.to_device(device)
    set_threads(model.threads, device)
    ema_model = copy.deepcopy(model) if experiment.recipe.ema_decay else None
    return Training(experiment, model, optim.make_optimizer(model, experiment.recipe), ema_model)


def restore(path: Path, state: State, tensors: Tensors, device: torch.device) -> Training:
    """Make a training of what `Training.save` wrote, on this or another kind of device.

    path: the file, for errors. Raises ModelError if the tensors don't fit, or if it is a user's own
    network, which must be named again.
    """
    try:
        if state.experiment.fonts != LIST_SHA256:
            raise ValueError("it draws with other fonts")
        training = begin(state.experiment, device)
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


def _load_optimizer(training: Training, tensors: Mapping[str, Tensor]) -> None:
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
