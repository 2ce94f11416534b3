"""What is in a checkpoint: the network, layer by layer, and how it was trained."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digits.commands import reports
from digits.text import escape_control, escape_name
from digits_train import checkpoint, models
from digits_train.checkpoint import Checkpoint
from digits_train.models import summary
from digits_train.run import checkpoint_at


@dataclass(frozen=True)
class Info:
    """What `digits info` shows of an intact checkpoint."""

    file: str
    bytes: int
    checkpoint: Checkpoint

    @property
    def about(self) -> dict[str, object]:
        """The fields of Provenance; values that are nested too deep for a table as JSON."""
        return {
            name: reports.parse_nested(json.dumps(value)) if isinstance(value, dict) else value
            for name, value in vars(self.checkpoint.provenance).items()
        }


def inspect(path: Path, network: str | None = None) -> Info:
    """Read a checkpoint, or that of a run folder.

    network: FILE.py:CLASS of a user's own network. Raises DigitsError if the checkpoint is missing,
    damaged, not ours, or of an unknown network.
    """
    if network is not None:
        models.register(network)
    path = checkpoint_at(path)
    loaded = checkpoint.load(path)
    return Info(str(path), path.stat().st_size, loaded)


def lines(info: Info) -> Iterator[str]:
    """The lines that `digits info` prints: how the network was trained, and its layers."""
    about = {"sha256": info.checkpoint.sha256, **info.about}
    yield from reports.description_lines(info.file, info.bytes, about)
    yield ""
    for line in summary.table(info.checkpoint.model):
        yield escape_control(line)


def values(info: Info) -> dict[str, Any]:
    """The checkpoint's properties for --json; `layers` has every layer, in order."""
    layers = summary.layers(info.checkpoint.model)
    return {
        "file": escape_name(info.file),
        "bytes": info.bytes,
        "sha256": info.checkpoint.sha256,
        "provenance": info.about,
        "parameters": sum(layer.parameters for layer in layers),
        "layers": [layer._asdict() for layer in layers],
    }
