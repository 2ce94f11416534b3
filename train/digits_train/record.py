"""A training so far, and the files that it writes down about itself."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

import digits
from digits.errors import DigitsError, ModelError
from digits_train import checkpoint, models, prepare
from digits_train.checkpoint import Provenance, TrainState
from digits_train.config import TrainConfig, config_from_dict, from_dict, to_dict
from digits_train.distributed import DistributedContext
from digits_train.metrics import DetectionMetrics, EpochMetrics, Metrics
from digits_train.run import RunDir


@dataclass(frozen=True)
class Environment:
    """What the epochs from `first_epoch` on were trained with."""

    first_epoch: int
    device: str
    processes: int
    threads: int  # per process
    digits: str  # a version, as are the next two
    torch: str
    python: str

    @classmethod
    def current(cls, first_epoch: int, dist: DistributedContext) -> "Environment":
        cuda = dist.device.type == "cuda"
        return cls(
            first_epoch,
            torch.cuda.get_device_name(dist.device) if cuda else dist.device.type,
            dist.world_size,
            torch.get_num_threads(),
            digits.__version__,
            str(torch.__version__),  # a subclass of str, which state.pt can't hold
            platform.python_version(),
        )


@dataclass
class Training:
    """A training so far. history: its finished epochs. environments: what they ran on."""

    config: TrainConfig
    state: TrainState
    history: list[Metrics]
    environments: list[Environment]

    def save_state(self, run: RunDir) -> None:
        """Write state.pt: all that `--resume` needs, even if the other files are lost."""
        stored = {
            "plan": to_dict(self.config),
            "training": self.state.state_dict(),
            "history": [asdict(epoch) for epoch in self.history],
            "machines": [asdict(environment) for environment in self.environments],
        }
        checkpoint.save_state(run.state, stored)

    def save(self, run: RunDir, training_digits: int) -> None:
        """Write all files of a run after an epoch; a kill between them loses nothing."""
        self.save_state(run)
        config = self.config
        provenance = Provenance(
            architecture=config.architecture,
            digits_version=digits.__version__,
            recipe=to_dict(config.recipe),
            seed=config.seed,
            epoch=self.state.epoch,
            data_sha256=config.data_sha256,
            training_digits=training_digits,
            validation_accuracy=self.history[-1].validation_accuracy,
            init=config.init,
        )
        checkpoint.save(run.checkpoint, self.state.eval_model, provenance)
        run.write_metrics(self.history)
        run.write_summary(self.summary())

    def summary(self) -> dict[str, Any]:
        """What run.json says before the end of the run."""
        parameters = self.state.eval_model.parameters()
        return {
            **to_dict(self.config),
            "parameters": sum(parameter.numel() for parameter in parameters),
            "machines": [asdict(environment) for environment in self.environments],
        }


def restore(path: Path, stored: dict[str, Any], device: torch.device) -> Training:
    """Undo `Training.save_state`. path: that of state.pt, for errors. stored: what it holds.

    Raises ModelError if a value is missing, unknown, of another type or doesn't fit the others, and
    DigitsError if it is a user's own network, which must be named again.
    """
    with _damage_reported(path):
        config = config_from_dict(stored["plan"])
    network = models.get_network(config.architecture)
    with _damage_reported(path):
        if type(config.recipe) is not type(network.recipes["default"]):
            raise ValueError("the recipe is another network's")
        kind: type[Metrics] = EpochMetrics if network.task == "classification" else DetectionMetrics
        history = [from_dict(kind, epoch) for epoch in stored["history"]]
        environments = [from_dict(Environment, values) for values in stored["machines"]]
        state = prepare.create_state(config, device)
        state.load_state_dict(stored["training"])
        if state.epoch != len(history) or state.epoch > config.recipe.epochs:
            raise ValueError("wrong number of epochs")
    return Training(config, state, history, environments)


@contextmanager
def _damage_reported(path: Path) -> Iterator[None]:
    """Turn what the use of unfitting values raises into a ModelError."""
    try:
        yield
    except torch.cuda.OutOfMemoryError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, RuntimeError, DigitsError) as error:
        cause = f": {error}" if isinstance(error, ValueError) else ""
        raise ModelError(f"{path} is damaged, or of another version of digits{cause}") from error
