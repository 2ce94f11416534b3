"""What a run writes down about itself."""

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

import digits
from digits.errors import DigitsError
from digits_train import checkpoint
from digits_train.checkpoint import Provenance, TrainState
from digits_train.config import TrainConfig, to_dict
from digits_train.distributed import DistributedContext
from digits_train.metrics import Metrics
from digits_train.run import RunDir

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


@dataclass(frozen=True)
class Environment:
    """What the epochs from `first_epoch` on were trained with."""

    first_epoch: int
    device: str
    processes: int
    threads: int  # per process
    compiled: bool
    digits: str  # a version, as are the next two
    torch: str
    python: str


def current_environment(first_epoch: int, dist: DistributedContext, compiled: bool) -> Environment:
    cuda = dist.device.type == "cuda"
    return Environment(
        first_epoch,
        torch.cuda.get_device_name(dist.device) if cuda else dist.device.type,
        dist.world_size,
        torch.get_num_threads(),
        compiled,
        digits.__version__,
        str(torch.__version__),  # a subclass of str, which state.pt can't hold
        platform.python_version(),
    )


def save_state(
    run: RunDir,
    config: TrainConfig,
    state: TrainState,
    history: Sequence[Metrics],
    environments: list[Environment],
) -> None:
    """Write state.pt: all that `--resume` needs, even if the other files are lost."""
    checkpoint.save_state(
        run.state,
        {
            "plan": to_dict(config),
            "training": state.state_dict(),
            "history": [asdict(epoch) for epoch in history],
            "machines": [asdict(environment) for environment in environments],
        },
    )


def save_checkpoint(
    run: RunDir, config: TrainConfig, state: TrainState, training_digits: int, epoch: Metrics
) -> None:
    """Write checkpoint.safetensors: the network after this epoch, and how it was trained."""
    checkpoint.save(
        run.checkpoint,
        state.eval_model,
        Provenance(
            architecture=config.architecture,
            digits_version=digits.__version__,
            recipe=to_dict(config.recipe),
            seed=config.seed,
            epoch=state.epoch,
            data_sha256=config.data_sha256,
            training_digits=training_digits,
            validation_accuracy=epoch.validation_accuracy,
            teacher=config.teacher,
            init=config.init,
        ),
    )


def run_metadata(
    config: TrainConfig, model: nn.Module, environments: list[Environment]
) -> dict[str, Any]:
    """What is known of a run before its end."""
    return {
        **to_dict(config),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "machines": [asdict(environment) for environment in environments],
    }


class TensorBoardLogger:
    """Logs epochs for TensorBoard into a folder; does nothing without one.

    In a resumed run it logs the finished epochs again: a kill may have lost some of them.
    """

    def __init__(self, folder: Path | None, history: Sequence[Metrics]) -> None:
        # TensorBoard discards what other files say of the steps from purge_step on.
        self._writer = _summary_writer()(str(folder), purge_step=1) if folder else None
        for epoch in history:
            self.add(epoch)

    @staticmethod
    def check() -> None:
        """Raise DigitsError if tensorboard isn't installed."""
        _summary_writer()

    def __enter__(self) -> "TensorBoardLogger":
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer:
            self._writer.close()

    def add(self, epoch: Metrics) -> None:
        if self._writer:
            for name, value in asdict(epoch).items():
                if value is not None and name != "number":
                    self._writer.add_scalar(name.replace("_", "/", 1), value, epoch.number)
            self._writer.flush()


def _summary_writer() -> type["SummaryWriter"]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise DigitsError("--tensorboard needs tensorboard: pip install tensorboard") from error
    return SummaryWriter
