"""How one person writes on one page."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits_train.camera.ranges import Ranges
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


def random_style(random: Random, ranges: Ranges, height: float | None = None) -> Style:
    """Draw how someone writes. height: of the digits, in pixels; by default a random one."""
    hand, layout = ranges.hand, ranges.layout
    random_height = np.exp(random.normal(np.log(layout.height), layout.heights))
    tilt = float(random.choice(layout.turns, p=layout.turned))
    slope = float(np.clip(random.normal(0, tilt), -layout.max_slope, layout.max_slope))
    leaning = random.random() < hand.leaning
    slant = random.uniform(*hand.slant) if leaning else random.normal(*hand.upright)
    return Style(
        height=height or float(random_height.clip(*layout.height_limits)),
        slope=slope,
        slant=slant + slope,  # a turned page leans as a whole
        sizes=np.exp(random.normal(0, hand.sizes.draw(random), 10)).clip(*hand.size),
        uneven=random.uniform(*hand.uneven),
        centred=bool(random.random() < layout.centred),
        gap=layout.gap.draw(random),
        pitch=layout.pitch.draw(random),
        jitter=layout.jitter.draw(random),
        tails=hand.tails.draw(random),
        faint=hand.faint.draw(random),
        bare=hand.bare.draw(random),
        cell=ranges.form.cell.draw(random),
    )
