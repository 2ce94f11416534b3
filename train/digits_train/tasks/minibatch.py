"""What the training loop passes between a task's methods."""

from typing import Any, NamedTuple

from torch import Tensor


class Minibatch(NamedTuple):
    """What a process learns from in one step.

    inputs: [n, 1, height, width], on the device. targets: what `loss` compares the outputs with.
    size: number of training examples in the batch, over all processes.
    """

    inputs: Tensor
    targets: Any
    size: int


class Loss(NamedTuple):
    """objective: a scalar; summed over all processes, what the step reduces.

    sums: float32 [k]: what the epoch's means are of, the loss first, over the training examples.
    """

    objective: Tensor
    sums: Tensor
