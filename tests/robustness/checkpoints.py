"""Checkpoints and training states: whole ones, and forged ones whose SHA-256s are valid."""

import json
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch

from digits_train import checkpoint
from digits_train.checkpoint import Provenance, Tensors
from digits_train.distributed import CPU
from digits_train.experiment import default_experiment
from digits_train.models import LeNet5
from digits_train.structs import to_dict
from digits_train.training import begin

EVIL_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 2**70, float("nan"), "lenet5\0", "\ud800", {"a": [{}]}, "vgg16"),
)
_EXPERIMENT = default_experiment("lenet5", "classic", seed=3)
_METRICS = "number train_loss validation_loss validation_accuracy seconds images_per_second"


class Contents(NamedTuple):
    """What a file holds."""

    values: dict[str, Any]
    tensors: Tensors

    def sealed(self) -> bytes:
        """The file, with its SHA-256, which anybody can compute."""
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(10_000)
        try:
            with TemporaryDirectory() as folder:
                path = Path(folder, "file")
                checkpoint.write(path, self.tensors, self.values)
                return path.read_bytes()
        finally:
            sys.setrecursionlimit(before)

    def text(self) -> bytes:
        return json.dumps(self.values).encode()

    def with_text(self, text: bytes) -> bytes:
        """The file, with these values if they are any."""
        try:
            return self._replace(values=json.loads(text)).sealed()
        except ValueError:
            return text

    def changed(self, path: Sequence[str], value: Any) -> "Contents":
        """With another value in the place where these keys lead."""
        values = group = json.loads(self.text())
        *groups, name = path
        for key in groups:
            group = group[key]
        group[name] = value
        return self._replace(values=values)

    def forged(self, *groups: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield files with strange values: each in each of these groups in groups, or alone."""
        for group in groups:
            fields = self.values
            for key in group:
                fields = fields[key]
            for field in fields:
                for value in EVIL_VALUES:
                    changed = self.changed([*group, field], value)
                    yield f"{field} {value!r}", changed.sealed()
            yield f"unknown field in {group}", self.changed([*group, "self"], 1).sealed()
        for field, value in self.values.items():
            yield f"{field} alone", self._replace(values={field: value}).sealed()
        for field in ("recipe", "data_sha256"):
            for depth in (900, 960, 980, 3000):
                deep = self._nested(field, depth)
                yield f"{field} {depth} deep", deep.sealed()

    def _nested(self, field: str, depth: int) -> "Contents":
        """Its keys would clear a terminal."""
        value: Any = "\x1b[31m"
        for _ in range(depth):
            value = {"\x1b[2J": value}
        return self.changed(["experiment", field], value)


@cache
def saved() -> Contents:
    """A checkpoint as `checkpoint.save` writes it."""
    torch.manual_seed(0)
    provenance = Provenance("0.0", _EXPERIMENT, 5, 50_000, 0.99)
    return Contents(to_dict(provenance), LeNet5().state_dict())


@cache
def state() -> Contents:
    """A state as `Training.save` writes it after a step."""
    training = begin(_EXPERIMENT, CPU.device)
    training.model(torch.zeros(2, 1, 28, 28)).sum().backward()
    training.optimizer.step()
    training.step, training.history = 1, [dict.fromkeys(_METRICS.split(), 1.0)]
    with TemporaryDirectory() as folder:
        training.save(Path(folder, "file"))
        values, tensors, _ = checkpoint.read(Path(folder, "file"))
    return Contents(values, tensors)


def with_strange_tensors() -> Iterator[tuple[str, bytes]]:
    """Yield states whose tensors don't fit the network or its optimizer."""
    values, tensors = state()
    for name in ("model.conv1.weight", "optimizer.0.exp_avg"):
        tensor = tensors[name]
        for changed in (tensor[:1], tensor.flatten(), tensor * float("nan")):
            title = f"{name} {[*changed.shape]} {changed.flatten()[0]}"
            yield title, Contents(values, tensors | {name: changed}).sealed()
    for group in ("model.fc1.bias", "optimizer.0."):
        rest = {name: tensor for name, tensor in tensors.items() if not name.startswith(group)}
        yield f"no {group}", Contents(values, rest).sealed()
    for name in ("model.conv9.weight", "optimizer.x.exp_avg", "optimizer."):
        yield name, Contents(values, tensors | {name: torch.ones(1)}).sealed()
