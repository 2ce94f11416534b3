"""Finished weights to start a training from."""

from pathlib import Path
from typing import NamedTuple

from digits.errors import DigitsError
from digits_train import checkpoint
from digits_train.models import BaseNetwork
from digits_train.run import checkpoint_at


class Pretrained(NamedTuple):
    """A network on the CPU, in evaluation mode. sha256: of its checkpoint."""

    network: str
    model: BaseNetwork
    sha256: str


def load_pretrained(source: Path, network: str | None) -> Pretrained:
    """The network whose weights a training starts from.

    source: a run folder, or its checkpoint. network: the name of the only one accepted; None for
    any. Raises DigitsError if it is another network's, or can't be used.
    """
    path = checkpoint_at(source)
    loaded = checkpoint.load(path)
    name = loaded.provenance.experiment.network
    if network not in (None, name):
        raise DigitsError(f"{path} is a {name}: a {network} can't start from its weights")
    return Pretrained(name, loaded.model, loaded.sha256)
