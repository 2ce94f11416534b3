"""A training so far: all that a later process needs to continue it."""

import copy
import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import digits
from digits.errors import DigitsError, ModelError
from digits_train import checkpoint, models, optim
from digits_train.camera.fonts import LIST_SHA256
from digits_train.distributed import DistributedContext, set_threads
from digits_train.experiment import Experiment
from digits_train.models import BaseNetwork
from digits_train.structs import from_dict, to_dict

# A row of metrics.csv: these columns, and what a task adds (`digits_train.tasks`).
Metrics = dict[str, float]
_COMMON = {
    "number",  # of finished epochs or steps
    *("train_loss", "validation_loss"),  # means over the examples
    "validation_accuracy",  # 0 to 1
    "seconds",  # of training and validation
    "images_per_second",  # of training alone
}


@dataclass
class Training:
    """A network in training.

    ema_model: moving average of the model, if the recipe wants one. step: how many are finished.
    history: what each validation measured.
    machines: what it was trained with.
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
        values = {
            "experiment": to_dict(self.experiment),
            "step": self.step,
            "history": self.history,
            "machines": self.machines,
        }
        checkpoint.write(path, tensors, values)

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


def restore(
    path: Path, values: dict[str, Any], tensors: Mapping[str, Tensor], device: torch.device
) -> Training:
    """Make a training of what `Training.save` wrote, on this or another kind of device.

    path: the file, for errors. Raises ModelError if a value is missing, unknown, of another type or
    doesn't fit the others, or if it is a user's own network, which must be named again.
    """
    try:
        training = begin(from_dict(Experiment, values["experiment"]), device)
        if training.experiment.fonts != LIST_SHA256:
            raise ValueError("it draws with other fonts")
        training.step = int(values["step"])
        training.history = [_checked(row) for row in values["history"]]
        training.machines = [*values["machines"]]
        if training.step < 0 or bool(training.step) != bool(training.history):
            raise ValueError("wrong number of steps")
        for name, network in training.networks().items():
            network.load_weights(_subset(tensors, name))
        _load_optimizer(training, _subset(tensors, "optimizer"))
        return training
    except torch.cuda.OutOfMemoryError:
        raise
    except DigitsError as error:
        raise ModelError(f"{path} can't be used: {error}") from error
    except (LookupError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is damaged, or of another version of digits: {error}") from error


def _subset(tensors: Mapping[str, Tensor], group: str) -> dict[str, Tensor]:
    """The tensors of a group, without its name."""
    names = [name for name in tensors if name.startswith(f"{group}.")]
    return {name.removeprefix(f"{group}."): tensors[name] for name in names}


def _load_optimizer(training: Training, tensors: Mapping[str, Tensor]) -> None:
    """Give the optimizer its moments. Raises ValueError if they don't fit the weights."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = tensor
    optimizer = training.optimizer
    # The groups come from the recipe.
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
    # Fused kernels check neither shapes nor memory layouts, of which a file has none.
    for parameter in training.model.parameters() if training.step else ():
        moments = optimizer.state[parameter]
        fit = all(value.ndim == 0 or value.shape == parameter.shape for value in moments.values())
        if not moments or not fit or not all(value.isfinite().all() for value in moments.values()):
            raise ValueError("the optimizer's state doesn't fit the weights")
        for key, value in moments.items():
            if value.ndim:
                moments[key] = torch.empty_like(parameter).copy_(value)


def _checked(row: Metrics) -> Metrics:
    """Raises ValueError, TypeError or AttributeError if a row isn't one of metrics.csv."""
    if not (row.keys() >= _COMMON and all(map(math.isfinite, row.values()))):
        raise ValueError("metrics are missing")
    return row
