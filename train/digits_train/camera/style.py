"""How one person writes on one page."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits_train.camera.ranges import RANGES, Ranges
from digits_train.raster import Random


class Style(NamedTuple):
    """How a page is written. Lengths without a unit are in heights of its digits.

    height: of the digits, in pixels. slope: of the lines, down. slant: of the strokes. gap: between
    digits. pitch: between lines. jitter: of the baseline. sizes: of each of the ten digits. uneven:
    variation of each size. tails: share of the 4s, 6s, 7s and 9s with long stems. centred: whether
    small digits float. faint: how much ink may be missing. bare: share of the 1s that are a bare
    stroke. taught: share of the digits in another form, see `allographs`. cell: width of the cells
    of a form in which each digit stands, or 0.
    """

    height: float
    slope: float
    slant: float
    gap: float
    pitch: float
    jitter: float
    sizes: NDArray[np.float64]
    uneven: float
    tails: float
    centred: bool
    faint: float
    bare: float
    taught: float
    cell: float


def random_style(random: Random, ranges: Ranges = RANGES) -> Style:
    height = np.exp(random.normal(np.log(ranges.height), ranges.heights))
    tilt = float(random.choice(ranges.turns, p=ranges.turned))
    most = ranges.most_turned
    turn = float(np.clip(random.normal(0, tilt), -most, most))
    spread = ranges.sizes.draw(random)
    leaning = random.random() < ranges.leaning
    slant = random.uniform(*ranges.slant) if leaning else random.normal(*ranges.upright)
    return Style(
        height=float(height.clip(*ranges.height_limits)),
        slope=turn,
        slant=float(slant) + turn,  # a turned page leans as a whole
        gap=ranges.gap.draw(random),
        pitch=ranges.pitch.draw(random),
        jitter=ranges.jitter.draw(random),
        sizes=np.exp(random.normal(0, spread, 10)).clip(*ranges.size),
        uneven=random.uniform(*ranges.uneven),
        tails=ranges.tails.draw(random),
        centred=bool(random.random() < ranges.centred),
        faint=ranges.faint.draw(random),
        bare=ranges.bare.draw(random),
        taught=ranges.taught.draw(random),
        cell=ranges.cell.draw(random),
    )
