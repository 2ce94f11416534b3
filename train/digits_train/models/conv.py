"""A convolution for small feature maps, as matrix multiplications."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

MIN_BATCH = 32  # for fewer pictures, rearranging the weights takes most of the time
HAS_AMX = bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)())  # PyTorch 2.4 doesn't have it


class SmallMapConv2d(nn.Conv2d):
    """A 3x3 convolution with padding 1 and no bias, faster with AMX on small maps.

    oneDNN takes the pictures one by one, so that a 4x4 or 2x2 map fills a fraction of an AMX tile.
    Here the windows of the whole batch are the rows of one matrix. Forward and backward, 160
    digits, 512 channels, bfloat16, one core with AMX: 20 instead of 139 ms at 2x2, 54 instead of
    153 ms at 4x4; 256 channels at 8x8: 105 instead of 45 ms. With AVX-512 alone: 71 instead of
    51 ms at 2x2, so there, and in float32, it is PyTorch's.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """maps: [batch, inputs, height, width]. Returns [batch, outputs, height, width]."""
        # Exporting folds batch norm into a bias.
        if self.bias is not None or not _is_faster(maps):
            return super().forward(maps)
        dtype = torch.get_autocast_dtype("cpu")
        tensors = maps.to(dtype), self.weight.to(dtype)
        return _Convolution.apply(*tensors)  # type: ignore[no-any-return, no-untyped-call]


def _is_faster(maps: Tensor) -> bool:
    mixed = maps.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    return HAS_AMX and mixed and len(maps) >= MIN_BATCH


class _Convolution(torch.autograd.Function):
    """Has its own gradient: that of _windows sums what overlaps, slower and less exactly."""

    @staticmethod
    def forward(context: Any, maps: Tensor, weight: Tensor) -> Tensor:
        context.save_for_backward(maps, weight)
        return _convolve(maps, weight)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        maps, weight = context.saved_tensors
        rows = gradient.permute(0, 2, 3, 1).flatten(0, 2)
        of_weight = (rows.T @ _windows(maps)).view(len(weight), 3, 3, -1).permute(0, 3, 1, 2)
        return _convolve(gradient, weight.flip(2, 3).transpose(0, 1)), of_weight


def _convolve(maps: Tensor, weight: Tensor) -> Tensor:
    batch, _, height, width = maps.shape
    matrix = weight.permute(2, 3, 1, 0).flatten(0, 2)
    return (_windows(maps) @ matrix).view(batch, height, width, -1).permute(0, 3, 1, 2)


def _windows(maps: Tensor) -> Tensor:
    """The 3x3 pixels around each, 0 beyond the edge: [batch*height*width, 3*3*channels]."""
    padded = pad(maps, (1, 1, 1, 1)).permute(0, 2, 3, 1)
    windows = padded.unfold(1, 3, 1).unfold(2, 3, 1).permute(0, 1, 2, 4, 5, 3)
    return windows.reshape(-1, 9 * maps.shape[1])
