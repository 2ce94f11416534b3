"""Recipes: everything that decides how a network is trained, but the seed and the device."""

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from digits.errors import DigitsError

Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["constant", "cosine"]


@dataclass(frozen=True)
class Augmentation:
    """How far each training digit is changed, independently, each time it is seen.

    Every value is the bound of a uniform distribution around "unchanged", but for what is smooth or
    random in itself (elastic, noise). Half of the digits are not blurred, and half, independently,
    not noisy. Pixels are those of the 28x28 picture.
    """

    # The hand: where and how large it wrote, and how steadily.
    rotation: float = 12.0  # degrees
    scale: float = 0.15  # each axis by 1 ± scale
    shear: float = 0.2  # horizontal shift per unit of height
    shift: float = 2.0  # pixels
    elastic: float = 1.0  # pixels: standard deviation of a smooth displacement, at its 6x6 nodes
    # The pen and the camera.
    stroke: float = 0.0  # share of the way to strokes one pixel thicker, or thinner, on each side
    blur: float = 0.0  # share of the way to a binomial blur of 3x3 pixels
    contrast: float = 0.0  # grey values v (0 to 1) become v ** exp(± contrast)
    noise: float = 0.0  # standard deviation of the sensor's noise, where 1 = full ink
    # What else is on the paper: shares of the digits, each from 0 to 1.
    lines: float = 0.0  # with up to two strokes of a form or of another pen
    paper: float = 0.0  # with grey and cloudy paper
    specks: float = 0.0  # with up to a fifth of the pixels struck out, white or black
    outline: float = 0.0  # of which the outline alone is drawn


@dataclass(frozen=True)
class Recipe:
    """How a network is trained on cross-entropy."""

    name: str
    epochs: int
    batch_size: int = 128  # digits a step, over all processes
    optimizer: Optimizer = "adamw"  # Adam where weight_decay is 0; "sgd": Nesterov momentum 0.9
    learning_rate: float = 1e-3  # the highest
    warmup: float = 0.0  # share of the steps in which the learning rate rises from zero
    schedule: Schedule = "constant"  # then; "cosine" falls to zero
    weight_decay: float = 0.0  # of kernels and matrices; never of biases and batch norm
    average: float | None = None  # decay of the weights' moving average, which is then the result
    augmentation: Augmentation | None = None  # None: the digits as they are
    # What is drawn beside the training digits (`digits_train.examples`).
    drawn: float = 0.0  # digits from models of handwriting, for each training digit
    photographed: float = 0.0  # frames of photographed digits, for each training digit
    outliers: float = 0.0  # weight of the loss on pictures of no digit, a fourth as many as digits

    def __post_init__(self) -> None:
        if self.optimizer not in get_args(Optimizer):
            raise DigitsError(f"there is no optimizer called {self.optimizer!r}")
        if self.schedule not in get_args(Schedule):
            raise DigitsError(f"there is no schedule called {self.schedule!r}")
        if self.epochs < 1 or self.batch_size < 1:
            raise DigitsError("a recipe needs at least one epoch and one digit a batch")
        for name in ("drawn", "photographed", "outliers"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise DigitsError(f"{name} must be 0 or more, not {getattr(self, name)}")
        if not 0 < self.learning_rate < float("inf"):
            raise DigitsError(f"a learning rate is a positive number, not {self.learning_rate}")

    def steps(self, digits: int) -> int:
        """How many there are in an epoch of so many digits."""
        return math.ceil(digits / self.batch_size)


CLASSIC = Recipe("classic", epochs=5)
WRITING = Augmentation(
    rotation=10,
    scale=0.12,
    shear=0.2,
    shift=1.5,
    elastic=0.8,
    stroke=0.3,
    blur=0.3,
    contrast=0.3,
    noise=0.03,
)
AUGMENTATION = replace(WRITING, lines=0.03, paper=0.015, specks=0.015, outline=0.007)
