"""How one person writes on one page."""

from typing import NamedTuple

import numpy as np

from digits_train.camera.ranges import Ranges
from digits_train.pixels import Random


class Style(NamedTuple):
    """What `Ranges` says of a layout, drawn for one page.

    height: of the digits, in pixels. slope: of the lines, down. slant: of the strokes, to the
    right, beside the hand's own. wider: heights of room between digits, beside the usual. pitch:
    heights from line to line. cell: width of a form's cells in which digits stand, or 0.
    """

    height: float
    slope: float
    slant: float
    wider: float
    pitch: float
    cell: float


def random_style(random: Random, ranges: Ranges, height: float | None = None) -> Style:
    """Draw how someone writes. height: of the digits, in pixels; by default a random one."""
    layout = ranges.layout
    random_height = np.exp(random.normal(np.log(layout.height), layout.heights))
    tilt = float(random.choice(layout.turns, p=layout.turned))
    slope = float(np.clip(random.normal(0, tilt), -layout.max_slope, layout.max_slope))
    return Style(
        height=height or float(random_height.clip(*layout.height_limits)),
        slope=slope,
        slant=random.normal(0, ranges.hand.slant) + slope,  # a turned page leans as a whole
        wider=layout.wider.draw(random),
        pitch=layout.pitch.draw(random),
        cell=ranges.form.cell.draw(random),
    )
