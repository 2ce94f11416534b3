"""All that makes a picture of one digit: how it is written, on what, and how it is photographed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from digits_train.raster import Random

Colour = tuple[float, float, float]  # RGB, 0 to 255
Sides = tuple[float, float, float, float]  # left, top, right, bottom
Range = tuple[float, float]

WHITE = 235.0  # white paper photographed in good light
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
SMALLEST = 14  # pixels, the height of the smallest digits that people send


@dataclass(frozen=True)
class Shot:
    """All parameters of a picture of one digit; by default dark ink on a clean white sheet.

    "Of the digit" means as a share of the height of its ink.
    """

    # The picture
    scene: Literal["paper", "screen", "crop"] = "paper"
    height: int = 200
    width: int = 200
    digit: float = 0.55  # the ink's longer side, as a share of the picture's shorter one
    offset: float = 0.1  # the greatest distance from the centre, as a share of the picture's sides
    # The ink
    pen: float | None = None  # the strokes' width, of the digit; None: MNIST's own
    ink: Colour = (40, 40, 44)  # as seen on white paper, or the colour itself if opaque
    opaque: bool = False  # chalk covers the ground, ink is transparent
    opacity: float = 1.0
    pressure: float = 0.0  # how much fainter the ink is where the pressure is least
    keep: float = 1.0  # the share of the strokes that the grain leaves
    # The ground
    paper: Colour = (237, 235, 231)
    fibres: float = 0.0  # contrast
    dust: float = 0.0  # of wiped-off chalk, in grey values
    # What is printed on it
    rule_spacing: float = 0.0  # of the digit; 0: no lines
    rule_width: float = 0.02  # of the digit
    rule_contrast: float = 0.3  # the share of the light that the lines absorb
    squared: bool = False
    box: Sides | None = None  # margins around the digit, of the digit; negative: crossed
    box_width: float = 0.02  # of the digit
    box_contrast: float = 0.6
    neighbours: int = 0  # empty boxes on each side of the digit's
    # Dirt
    specks: int = 0
    speck: float = 0.0  # the largest one's width, of the digit
    marks: tuple[str, ...] = ()  # some of "crease", "smear", "ring" and "stroke"
    # The surroundings and the light
    table: float = 0.0  # its width, as a share of the picture's sides
    table_sides: tuple[str, ...] = ()
    border: tuple[str, ...] = ()  # the sides of the picture that the digit touches
    cut: float = 0.0  # how much of the digit is cut off there, of the digit
    light: float = 0.0  # by how much the darkest place is darker
    shadows: int = 0
    shadow: float = 0.0  # by how much a shadow is darker
    softness: float = 0.05  # the width of a shadow's edge, as a share of the longer side
    # The camera
    rotation: float = 0.0  # degrees, anticlockwise
    perspective: float = 0.0  # by how much the far side is smaller
    blur: float = 0.0  # standard deviation, of the digit
    motion: float = 0.0  # of the digit
    noise: float = 1.5  # standard deviation at mid grey, in grey values
    quality: int | None = None  # of the JPEG; None: no JPEG
    # A crop
    margin: int = 0  # pixels around the digit
    inverted: bool = False  # light ink on a dark ground


def luminance(colour: Sequence[float]) -> float:
    return float(np.dot(colour, LUMINANCE))


def as_colour(values: NDArray[np.number]) -> Colour:
    red, green, blue = map(float, values)
    return red, green, blue


def as_sides(values: NDArray[np.float64]) -> Sides:
    left, top, right, bottom = values.tolist()
    return left, top, right, bottom


def two_colours(random: Random) -> tuple[Colour, Colour]:
    """A background and an ink whose brightness differs by at least a third of the range."""
    black, white = (0.0, 0.0, 0.0), (255.0, 255.0, 255.0)
    if random.random() < 0.5:
        return (white, black) if random.random() < 0.6 else (black, white)
    while True:
        ground, ink = as_colour(random.integers(0, 256, 3)), as_colour(random.integers(0, 256, 3))
        if abs(luminance(ground) - luminance(ink)) > 85:
            return ground, ink


def within(random: Random, extreme: bool, ordinary_range: Range, extreme_range: Range) -> float:
    """A random number from one of two ranges."""
    return float(random.uniform(*(extreme_range if extreme else ordinary_range)))
