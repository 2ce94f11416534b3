"""The first convolution and its 2x2 max pool, computed for the pool's four places at once.

A pooled value is the largest of four of the convolution's results: those at even and odd rows and
columns. A kernel that is moved down or to the right by one, in a frame that is larger by one, gives
the result of the next row or column. So four such kernels with a stride of 2 give the four results
as channels side by side, and the pool has only to take the largest of them: the same products and
the same sums, in another order in memory.

Six channels fill less than half of the sixteen lanes in which onnxruntime convolves, twenty-four
most of them; and its pool for six channels is a slow one. Measured for LeNet-5 (onnxruntime 1.32,
AVX-512): 0.91 of the time for one digit, 0.75 for 256, and 0.75 with integer kernels.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from digits.models.graph import INPUT

PLACES = 4  # of a 2x2 pool

Floats = NDArray[np.float32]


def applies(layers: Sequence[nn.Module]) -> bool:
    """Whether a network begins with such a convolution: of one channel, not padded, pooled by 2.

    That none has a stride or a dilation of its own is known: the graph takes no others.
    """
    match list(layers[:3]):
        case [nn.Conv2d() as convolution, nn.ReLU(), nn.MaxPool2d() as pool]:
            (height, width), (down, across) = INPUT[2][1:], convolution.kernel_size
            even = (height - down + 1) % 2 == (width - across + 1) % 2 == 0
            plain = convolution.in_channels == 1 and convolution.padding == (0, 0)
            return even and plain and pool.kernel_size == 2
    return False


def weights(weight: Floats, bias: Floats) -> tuple[Floats, Floats]:
    """The kernels of the four places, filter by filter, and their biases.

    weight: float32 [filters, 1, height, width]. bias: float32 [filters]. Returns float32
    [4 · filters, 1, height + 1, width + 1] and [4 · filters].
    """
    moved = [
        np.pad(weight, ((0, 0), (0, 0), (down, 1 - down), (right, 1 - right)))
        for down in (0, 1)
        for right in (0, 1)
    ]
    return np.concatenate(np.stack(moved, 1)), np.repeat(bias, PLACES)


def original(weight: Floats, bias: Floats) -> tuple[Floats, Floats]:
    """What `weights` was made from."""
    return weight[::PLACES, :, :-1, :-1], bias[::PLACES]
