"""A training so far: all that a later process needs to continue it."""

import copy
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

import digits
from digits.errors import ModelError
from digits_train import models, optim
from digits_train.config import TrainConfig, config_from_dict
from digits_train.distributed import DistributedContext, set_threads
from digits_train.metrics import Metrics, checked
from digits_train.models import BaseNetwork


@dataclass
class Training:
    """A network in training.

    ema_model: moving average of the model, if the recipe wants one. parent: the network that is
    fine-tuned, as it was. history: the finished epochs. machines: what they were trained with.
    """

    config: TrainConfig
    model: BaseNetwork
    optimizer: torch.optim.Optimizer
    ema_model: BaseNetwork | None = None
    parent: BaseNetwork | None = None
    history: list[Metrics] = field(default_factory=list)
    machines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """The number of finished epochs."""
        return len(self.history)

    @property
    def eval_model(self) -> BaseNetwork:
        """The network to evaluate and save."""
        return self.model if self.ema_model is None else self.ema_model

    def record_machine(self, dist: DistributedContext) -> None:
        """Note what the epochs from the next one on are trained with."""
        device = dist.device.type
        self.machines.append(
            {
                "first_epoch": self.epoch + 1,
                "device": torch.cuda.get_device_name(dist.device) if device == "cuda" else device,
                "processes": dist.world_size,
                "threads": torch.get_num_threads(),  # per process
                "digits": digits.__version__,
                "torch": str(torch.__version__),  # a subclass of str, which state.pt can't hold
                "python": platform.python_version(),
            }
        )

    def summary(self) -> dict[str, Any]:
        """What run.json says before the end of the run."""
        parameters = sum(parameter.numel() for parameter in self.eval_model.parameters())
        return {**asdict(self.config), "parameters": parameters, "machines": self.machines}

    def state_dict(self) -> dict[str, Any]:
        """All of it, of types that torch.load(weights_only=True) accepts.

        It has no random state: each epoch seeds its generators afresh.
        """
        return {
            "config": asdict(self.config),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict()["state"],
            "average": self.ema_model and self.ema_model.state_dict(),
            "parent": self.parent and self.parent.state_dict(),
            "history": self.history,
            "machines": self.machines,
        }


def begin(config: TrainConfig, device: torch.device, start: BaseNetwork | None = None) -> Training:
    """Make a new network, its moving average and its optimizer, on the device.

    start: whose weights to begin with instead of random ones.
    """
    torch.manual_seed(config.seed)
    model = models.get_network(config.architecture)()
    if start is not None:
        model.load_weights(start.state_dict())
    model = model.to_device(device)
    set_threads(model.threads, device)
    ema_model = copy.deepcopy(model) if config.recipe.ema_decay else None
    return Training(config, model, optim.make_optimizer(model, config.recipe), ema_model)


def restore(path: Path, stored: dict[str, Any], device: torch.device) -> Training:
    """Undo `Training.state_dict`, on this or another kind of device. path: the file, for errors.

    Raises ModelError if a value is missing, unknown, of another type or doesn't fit the others, and
    DigitsError if it is a user's own network, which must be named again.
    """
    try:
        training = begin(config_from_dict(stored["config"]), device)
        recipe, optimizer = training.config.recipe, training.optimizer
        training.history = [checked(epoch) for epoch in stored["history"]]
        training.machines = [*stored["machines"]]
        if training.epoch > recipe.epochs:
            raise ValueError("wrong number of epochs")
        if recipe.own:
            training.parent = models.get_network(training.config.architecture)().eval()
        networks = {"model": training.model, "average": training.ema_model}
        for name, network in {**networks, "parent": training.parent}.items():
            if network:
                network.load_weights(stored[name])
        # The groups come from the recipe.
        optimizer.load_state_dict(optimizer.state_dict() | {"state": stored["optimizer"]})
        # Fused kernels don't check shapes.
        for parameter in training.model.parameters() if training.history else ():
            moments = list(optimizer.state[parameter].values())
            fit = all(value.ndim == 0 or value.shape == parameter.shape for value in moments)
            if not moments or not fit or not all(value.isfinite().all() for value in moments):
                raise ValueError("the optimizer's state doesn't fit the weights")
        return training
    except torch.cuda.OutOfMemoryError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is damaged, or of another version of digits: {error}") from error
