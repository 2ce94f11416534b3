"""What each kind of network reads and outputs, and what it may cost."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

from digits.inference.operators import OPERATORS, READER_OPERATORS, Operator

# Of a classifier: name, type and shape, without the batch.
INPUT = ("images", "tensor(uint8)", [1, 28, 28])
OUTPUT = ("probabilities", "tensor(float)", [10])

PAGE_MULTIPLE, PAGE_MIN_SIDE = 8, 32  # pixels: of height and width of a page
PAGE_MAX_SIDE, PAGE_MAX_PIXELS = 8192, 5 << 20
STRIDE = 4  # pixels between neighbouring cells of a reader's output
SYMBOLS = "0123456789-."  # that a reader finds; a decimal comma is a "." too

# VGG-16, our largest classifier, takes 0.3 billion products and up to 1.6 million values for a
# digit; a convolution unfolds 0.6 million.
_DIGIT_VALUES, _DIGIT_PRODUCTS = 1 << 23, 1 << 31
# For each pixel of a page, the reader takes 6,103 products and 67 values, at most 22 at once.
_PIXEL_LIVE, _PIXEL_VALUES, _PIXEL_PRODUCTS = 32, 80, 12_000

# An x86 processor without VNNI adds two products of uint8 and int8 in int16, which saturates above
# 32,767. 2 · 255 · 64 is 32,640: seven bits give the same sums everywhere.
QMAX = 64  # of the weights of an int8 classifier


class Tensor(NamedTuple):
    """An input or an output. shape: without the batch; a text stands for any length."""

    name: str
    dtype: str
    shape: Sequence[int | str]

    def sized(self, lengths: Mapping[str, int]) -> tuple[int, ...]:
        """The shape when the texts stand for these lengths."""
        return tuple(lengths[side] if isinstance(side, str) else side for side in self.shape)


class Size(NamedTuple):
    """An input's size, at which the graph is checked.

    lengths: of the dimensions that have a name. max_live: values that are needed at any
    moment, with those that a convolution unfolds. max_values: in all tensors. All limits are for
    one input.
    """

    lengths: Mapping[str, int]
    max_live: int
    max_values: int
    max_products: int


class Interface(NamedTuple):
    """A kind of network."""

    input: Tensor
    outputs: tuple[Tensor, ...]
    operators: Mapping[str, Operator]
    sizes: tuple[Size, ...]


CLASSIFIER = Interface(
    Tensor(*INPUT),
    (Tensor(*OUTPUT),),
    OPERATORS,
    (Size({}, _DIGIT_VALUES, _DIGIT_VALUES, _DIGIT_PRODUCTS),),
)


def _page(height: int, width: int) -> Size:
    lengths = {"height": height, "width": width}
    cells = {"rows": height // STRIDE, "columns": width // STRIDE}
    pixels = height * width
    limits = (limit * pixels for limit in (_PIXEL_LIVE, _PIXEL_VALUES, _PIXEL_PRODUCTS))
    return Size(lengths | cells, *limits)


# All operators turn lengths into about linear functions of them, so a tensor's size per pixel is
# largest, and smallest, at a corner of what is allowed.
READER = Interface(
    Tensor("page", "tensor(uint8)", [1, "height", "width"]),
    (
        Tensor("centres", "tensor(float)", [1, "rows", "columns"]),
        Tensor("symbols", "tensor(float)", [len(SYMBOLS), "rows", "columns"]),
        Tensor("boxes", "tensor(float)", [4, "rows", "columns"]),
    ),
    READER_OPERATORS,
    tuple(_page(*sides) for sides in product((PAGE_MIN_SIDE, PAGE_MAX_SIDE), repeat=2)),
)
