"""A checkpoint and a training state, as `digits train` writes them."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from digits_train import checkpoint
from digits_train.checkpoint import Provenance
from digits_train.distributed import CPU
from digits_train.experiment import default_experiment
from digits_train.models import LeNet5
from digits_train.state import init_state

_EXPERIMENT = default_experiment("lenet5", "classic", seed=3)
_METRICS = "number train_loss validation_loss validation_accuracy seconds images_per_second"


@cache
def saved() -> bytes:
    """A checkpoint."""
    torch.manual_seed(0)
    with TemporaryDirectory() as folder:
        path = Path(folder, "file")
        checkpoint.save(path, LeNet5(), Provenance("0.0", _EXPERIMENT, 5, 50_000, 0.99))
        return path.read_bytes()


@cache
def state() -> bytes:
    """A state after a step."""
    training = init_state(_EXPERIMENT, CPU.device)
    training.model(torch.zeros(2, 1, 28, 28)).sum().backward()
    training.optimizer.step()
    training.step, training.history = 1, [dict.fromkeys(_METRICS.split(), 1.0)]
    with TemporaryDirectory() as folder:
        path = Path(folder, "file")
        training.save(path)
        return path.read_bytes()
