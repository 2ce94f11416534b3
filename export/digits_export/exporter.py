"""What exporting asks of each kind of network."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import nn

from digits.inference.interface import INTERFACES, Interface
from digits.inference.metadata import Kernels
from digits_export.report import Scaling, Variant
from digits_train.checkpoint import Checkpoint

Batches = Sequence[NDArray[np.uint8]]  # each [n, 1, height, width]


class Exporter(ABC):
    """A trained network, calibrated, and what its files are judged on.

    network: the calibrated one, which is exported. scaling: its calibration. parity: the inputs on
    which it is compared with its file. calibration: those whose activations quantization covers.
    total: how many examples an error rate is of.
    """

    metadata: ClassVar[Any]  # a class of `digits.inference.metadata`
    max_difference: ClassVar[float]  # of an output's value, between the network and its file
    max_drop: ClassVar[float]  # percentage points of `total` that quantization may cost
    judges: ClassVar[str]  # what these are
    columns: ClassVar[Mapping[str, str]]  # how to format a variant as the row of a table

    network: nn.Module
    scaling: Scaling
    parity: Batches
    calibration: Batches
    total: int

    def __init__(self, loaded: Checkpoint) -> None:
        self.loaded = loaded

    @classmethod
    @abstractmethod
    def prepare(cls, loaded: Checkpoint, data: Path | None) -> Self:
        """Draw or load what a network is calibrated and judged on, and calibrate it.

        data: as for `digits export --data`.
        """

    @property
    def interface(self) -> Interface:
        return INTERFACES[self.loaded.model.task]

    @property
    def int8_kernels(self) -> tuple[Kernels, ...]:
        """Those to judge the int8 file with, the fastest first.

        Clients in other languages run it with integer kernels by default.
        """
        return tuple(dict.fromkeys([self.loaded.model.kernels, "integer"]))

    @property
    def quantization(self) -> str:
        """How the int8 file is made."""
        inputs = sum(map(len, self.calibration))
        floats = "".join(f"; {layer} float" for layer in self.loaded.model.float_layers)
        return (
            f"int8, static (QDQ): weights per channel, activations minmax over {inputs:,} inputs"
            f"{floats}"
        )

    @abstractmethod
    def evaluate(self, model: bytes, name: str, kernels: Kernels) -> dict[str, float]:
        """The figures of a file, of which the float one comes first."""

    @abstractmethod
    def error(self, variant: Variant) -> float:
        """The share of `total` that is wrong."""

    @abstractmethod
    def describe(self, variant: Variant, exact: Variant) -> dict[str, Any]:
        """The metadata that only this kind of file has. exact: the float file's figures."""
