"""Level crops of one number each, as the recognizer reads them and learns from them."""

from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from digits.images.grey import Grey
from digits.inference.interface import (
    CROP_HEIGHT,
    CROP_INK,
    CROP_MAX_WIDTH,
    CROP_MULTIPLE,
    CROP_PAPER,
)
from digits.reader.detections import Floats, Mask

_CELL, _CELLS = 6, 9  # pixels; and cells a side, of which the median is paper
_MIN_CONTRAST = 6  # grey levels, so that blank paper's grain stays faint
_MIN_INK = 0.005  # share of the pixels: a lone 1's in much room
_PRIOR = 9.0  # squared heights: as in `lines`, digits stray by 0.15 and pages tilt by 0.05


class Margins(NamedTuple):
    """Room around the digits of a number, in heights of a digit."""

    left: float = 0.5
    above: float = 0.3
    right: float = 0.5
    below: float = 0.3


MARGINS = Margins()


class Region(NamedTuple):
    """A stretch of a page along a line through (x, y) that descends by `slope` a pixel.

    left, right: x of its ends.
    top, bottom: pixels from the line down, negative above it.
    """

    x: float
    y: float
    slope: float
    left: float
    top: float
    right: float
    bottom: float

    def line_y(self, x: Any) -> Any:
        """y of the line at x."""
        return self.y + self.slope * (x - self.x)

    def moved(self, left: float, top: float) -> "Region":
        """The same region in a picture that begins at (left, top)."""
        return self._replace(
            x=self.x - left, y=self.y - top, left=self.left - left, right=self.right - left
        )

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the smallest box around it."""
        heights = self.line_y(self.left), self.line_y(self.right)
        return self.left, min(heights) + self.top, self.right, max(heights) + self.bottom

    @property
    def fits_in_crop(self) -> bool:
        """Whether it fits into the recognizer's widest crop, so that `cut` doesn't squeeze it."""
        aspect = (self.right - self.left) / (self.bottom - self.top)
        return aspect <= CROP_MAX_WIDTH / CROP_HEIGHT

    def relative_to_line(self, boxes: Floats) -> Floats:
        """Boxes [n, 4] of the page, with their y counted from the line, at their middles."""
        moved = boxes.copy()
        moved[:, 1::2] -= self.line_y((boxes[:, :1] + boxes[:, 2:3]) / 2)
        return moved

    def visible_shares(self, boxes: Floats) -> Floats:
        """The share of each box [n, 4] that is in the region, 0 to 1: float64 [n]."""
        boxes = self.relative_to_line(boxes)
        near = np.maximum(boxes[:, :2], (self.left, self.top))
        far = np.minimum(boxes[:, 2:], (self.right, self.bottom))
        sides = (far - near).clip(0) / np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-9)
        return np.asarray(sides[:, 0] * sides[:, 1])


def region_of(boxes: Floats, are_digits: Mask, margins: Margins = MARGINS) -> Region:
    """The region around a number's symbols.

    boxes: float64 [n, 4], their left, top, right and bottom in the page's pixels.
    are_digits: bool [n], at least one of them true. Only digits tell the line, and few tell little.
    margins: the room around them.
    """
    digits = boxes[are_digits]
    middles = (digits[:, :2] + digits[:, 2:]) / 2
    height = float(np.median(digits[:, 3] - digits[:, 1]))
    (x, y), (across, down) = middles.mean(0), (middles - middles.mean(0)).T
    slope = float(across @ down / (across @ across + _PRIOR * height**2))
    line = Region(float(x), float(y), slope, 0, 0, 0, 0)
    tops, bottoms = line.relative_to_line(digits)[:, [1, 3]].T
    return line._replace(
        left=float(boxes[:, 0].min()) - margins.left * height,
        top=min(float(tops.min()), -height / 2) - margins.above * height,
        right=float(boxes[:, 2].max()) + margins.right * height,
        bottom=max(float(bottoms.max()), height / 2) + margins.below * height,
    )


def region_of_box(box: tuple[float, float, float, float]) -> Region:
    """The region inside a box of a page: left, top, right and bottom."""
    left, top, right, bottom = box
    half = (bottom - top) / 2
    return Region((left + right) / 2, top + half, 0, left, -half, right, half)


def cut(page: Grey, region: Region) -> Grey:
    """Cut a region out of a grey page, level: uint8 [CROP_HEIGHT, 16 to CROP_MAX_WIDTH].

    What would be wider is squeezed. Beyond the page is the median of what is near.
    """
    down = (region.bottom - region.top) / CROP_HEIGHT  # pixels of the page to one of the crop
    width = round(min(max((region.right - region.left) / down, CROP_MULTIPLE), CROP_MAX_WIDTH))
    across = (region.right - region.left) / width
    left, top, right, bottom = region.bounds
    columns = _pixels(left - 2, right + 2, page.shape[1])
    rows = _pixels(top - 2, bottom + 2, page.shape[0])
    near = np.ascontiguousarray(page[rows, columns])
    factors = max(1, round(across)), max(1, round(down))
    corner_y = region.line_y(region.left) + region.top
    x_on_page = across, 0, region.left - columns.start  # as an affine function of the crop's pixels
    y_on_page = region.slope * across, down, corner_y - rows.start
    to_reduced = np.array([x_on_page, y_on_page]) / np.array(factors)[:, None]
    reduced = Image.fromarray(near).reduce(factors)
    level = reduced.transform(
        (width, CROP_HEIGHT),
        Image.Transform.AFFINE,
        to_reduced.ravel().tolist(),
        Image.Resampling.BILINEAR,
        fillcolor=int(np.median(near)),
    )
    return np.asarray(level)


def _pixels(first: float, last: float, size: int) -> slice:
    """The whole pixels from the first to the last, at least one, of a side with `size` pixels."""
    start = min(max(0, int(first)), size - 1)
    return slice(start, max(start + 1, min(size, int(last) + 1)))


def normalise_contrast(crop: Grey) -> Grey:
    """Dark or light ink on any paper, as ink of CROP_INK on paper of CROP_PAPER.

    crop: uint8 [h, w], from `cut`.

    The paper is the median around each pixel, in spite of shadows. The ink is what differs from it
    most, darker or lighter, in half a percent of all pixels: a number may be white on black.
    """
    image = Image.fromarray(crop)
    paper = image.reduce(_CELL).filter(ImageFilter.MedianFilter(_CELLS))
    difference = crop - np.asarray(paper.resize(image.size, Image.Resampling.BILINEAR), np.int16)
    counts = np.bincount(difference.ravel() + 255, minlength=511).cumsum()
    low, high = np.searchsorted(counts, np.array([_MIN_INK, 1 - _MIN_INK]) * crop.size) - 255
    contrast = max(high, -low, _MIN_CONTRAST)
    scale = (CROP_INK - CROP_PAPER) / (contrast if high > -low else -contrast)
    levels = np.rint(CROP_PAPER + scale * np.arange(-255, 256)).clip(0, 255)
    table: Grey = levels.astype(np.uint8)
    return np.take(table, difference + 255)
