"""What exporting asks of each kind of network."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from digits.inference.interface import INTERFACES, Interface
from digits.inference.metadata import ComputeType, ModelMetadata
from digits_train.checkpoint import Checkpoint

Batches = Sequence[NDArray[np.uint8]]  # each [n, 1, height, width]
# A network's file with one compute type, as in export.json: name (fp32 or int8), compute_type
# (float or integer), bytes, the figures of its exporter, and the file. Shares are 0 to 1.
Form = dict[str, Any]


class Exporter(ABC):
    """A trained network, calibrated, and what its files are judged on.

    network: the calibrated one, which is exported. parity: the inputs on which it is compared with
    its file. calibration: those whose activations quantization covers. total: how many examples an
    error rate is of. facts: what its files' metadata say of the network alone.
    """

    metadata: ClassVar[type[ModelMetadata]]
    max_difference: ClassVar[float]  # of an output's value, between the network and its file
    max_drop: ClassVar[float]  # percentage points of `total` that quantization may cost
    judges: ClassVar[str]  # what these are

    network: nn.Module
    parity: Batches
    calibration: Batches
    total: int
    facts: dict[str, float]

    @abstractmethod
    def __init__(self, loaded: Checkpoint, data: Path | None) -> None:
        """Draw or load what a network is calibrated and judged on, and calibrate it.

        data: as for `digits export --data`.
        """
        self.loaded = loaded

    @property
    def interface(self) -> Interface:
        return INTERFACES[self.loaded.model.task]

    @property
    def int8_compute_types(self) -> tuple[ComputeType, ...]:
        """Those to judge the int8 file with, the fastest first.

        Clients in other languages run it with integer kernels by default.
        """
        return tuple(dict.fromkeys([self.loaded.model.compute_type, "integer"]))

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
    def evaluate(self, model: bytes, compute_type: ComputeType) -> dict[str, Any]:
        """The figures of a file: shares and counts. The float one comes first."""

    def error(self, form: Form) -> float:
        """The share of `total` that is wrong."""
        return 1 - float(form["validation_accuracy"])
