"""What each kind of network reads and outputs."""

from collections.abc import Sequence
from typing import NamedTuple

# Pixels of a page for the detector.
PAGE_MULTIPLE, PAGE_MIN_SIDE = 16, 32
DETECTOR_MAX_SIDE, PAGE_MAX_PIXELS = 8192, 5 << 20
STRIDE = 4  # pixels between neighbouring cells of a detector's output
# Pixels: a detector finds digits of these heights. A page is scaled so that its digits have them.
MIN_DIGIT_HEIGHT, MAX_DIGIT_HEIGHT = 10.0, 60.0
SYMBOLS = "0123456789-."  # that a detector finds; a decimal comma is a "." too

# Pixels of a crop for the recognizer: its height, and what the width of a batch is a multiple of.
# 20 digits with room fit into the largest width.
CROP_HEIGHT, CROP_MULTIPLE, CROP_MAX_WIDTH = 48, 16, 1024
CROP_PAPER, CROP_INK = 64, 192  # levels of a crop; darker ink than most is up to 255


class Tensor(NamedTuple):
    """An input or an output. shape: without the batch; a text in it stands for any length."""

    name: str
    dtype: str
    shape: Sequence[int | str]


class Interface(NamedTuple):
    """A kind of network."""

    input: Tensor
    outputs: tuple[Tensor, ...]


def add_batch(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The tensors with the batch in their shapes, as in a file."""
    return [tensor._replace(shape=["batch", *tensor.shape]) for tensor in tensors]


def describe(tensors: Sequence[Tensor]) -> str:
    """The names, types and shapes as text."""
    return "; ".join(f"{name}, {dtype}, {shape}" for name, dtype, shape in tensors)


CLASSIFIER = Interface(
    Tensor("images", "tensor(uint8)", [1, 28, 28]),
    (Tensor("probabilities", "tensor(float)", [10]),),
)
DETECTOR = Interface(
    Tensor("page", "tensor(uint8)", [1, "height", "width"]),
    (
        Tensor("centres", "tensor(float)", [1, "rows", "columns"]),
        Tensor("symbols", "tensor(float)", [len(SYMBOLS), "rows", "columns"]),
        Tensor("boxes", "tensor(float)", [4, "rows", "columns"]),
    ),
)
RECOGNIZER = Interface(
    Tensor("images", "tensor(uint8)", [1, CROP_HEIGHT, "width"]),
    (
        # Those of SYMBOLS, and last that of a blank.
        Tensor("log_probabilities", "tensor(float)", ["steps", len(SYMBOLS) + 1]),
        Tensor("whole", "tensor(float)", []),  # log odds that it is one number, all of it
    ),
)
INTERFACES = {"classifier": CLASSIFIER, "detector": DETECTOR, "recognizer": RECOGNIZER}  # by task
