"""What is in a checkpoint: the network, layer by layer, and where it comes from."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digits.commands import tables
from digits.names import escape_name
from digits.terminal import printable
from digits_train import checkpoint, models, run
from digits_train.checkpoint import Checkpoint
from digits_train.models import summary


@dataclass(frozen=True)
class Info:
    """What `digits info` shows of a checkpoint, which is intact."""

    file: str
    bytes: int
    checkpoint: Checkpoint

    @property
    def about(self) -> dict[str, object]:
        """The fields of Provenance. What a stranger has nested too deep is shown as JSON."""
        return {
            name: tables.parse_nested(json.dumps(value)) if isinstance(value, dict) else value
            for name, value in vars(self.checkpoint.provenance).items()
        }


def inspect(path: Path, network: str | None = None) -> Info:
    """Look into a checkpoint, or into that of a run folder.

    network: FILE.py:CLASS, where it is one of the user's own. Raises DigitsError when the
    checkpoint is missing, damaged, not ours, or of a network that isn't known.
    """
    if network is not None:
        models.add(network)
    path = run.checkpoint_at(path)
    loaded = checkpoint.load(path)
    return Info(str(path), path.stat().st_size, loaded)


def lines(info: Info) -> Iterator[str]:
    """The lines that `digits info` prints: where the network comes from, and its layers."""
    about = {"sha256": info.checkpoint.sha256, **info.about}
    yield from tables.described(info.file, info.bytes, about)
    yield ""
    for line in summary.table(info.checkpoint.model):
        yield printable(line)


def values(info: Info) -> dict[str, Any]:
    """The same as values; `layers` has each layer, in the order in which a digit meets them."""
    layers = summary.layers(info.checkpoint.model)
    return {
        "file": escape_name(info.file),
        "bytes": info.bytes,
        "sha256": info.checkpoint.sha256,
        "provenance": info.about,
        "parameters": sum(layer.parameters for layer in layers),
        "layers": [layer._asdict() for layer in layers],
    }
