"""How one person writes on one page."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits_train.camera.ranges import RANGES, Ranges
from digits_train.pixels import Random


class Style(NamedTuple):
    """What `Ranges` says of a hand and a layout, drawn for one page.

    slope: of the lines, down. slant: of the strokes, to the right. sizes: of each of the ten
    digits, in heights. cell: width of a form's cells in which digits stand, or 0.
    """

    height: float
    slope: float
    slant: float
    sizes: NDArray[np.float64]
    uneven: float
    centred: bool
    gap: float
    pitch: float
    jitter: float
    tails: float
    faint: float
    bare: float
    cell: float


def random_style(random: Random, ranges: Ranges = RANGES, height: float | None = None) -> Style:
    """Draw how someone writes. height: of the digits, in pixels; by default a random one."""
    random_height = np.exp(random.normal(np.log(ranges.height), ranges.heights))
    tilt = float(random.choice(ranges.turns, p=ranges.turned))
    slope = float(np.clip(random.normal(0, tilt), -ranges.max_slope, ranges.max_slope))
    leaning = random.random() < ranges.leaning
    slant = random.uniform(*ranges.slant) if leaning else random.normal(*ranges.upright)
    return Style(
        height or float(random_height.clip(*ranges.height_limits)),
        slope,
        slant + slope,  # a turned page leans as a whole
        np.exp(random.normal(0, ranges.sizes.draw(random), 10)).clip(*ranges.size),
        random.uniform(*ranges.uneven),
        bool(random.random() < ranges.centred),
        *(getattr(ranges, name).draw(random) for name in Style._fields[6:]),
    )
