"""A checkpoint, as `digits train` writes it."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from digits_train import checkpoint
from digits_train.checkpoint import Provenance
from digits_train.experiment import default_experiment
from digits_train.models import LeNet5


@cache
def saved() -> bytes:
    """A checkpoint."""
    torch.manual_seed(0)
    about = Provenance("0.0", default_experiment("lenet5", "classic"), 5, 50_000, 0.99)
    with TemporaryDirectory() as folder:
        path = Path(folder, "file")
        checkpoint.save(path, LeNet5(), about)
        return path.read_bytes()
