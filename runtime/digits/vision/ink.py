"""Grey pixels to ink, whatever the light and the pen."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grey = NDArray[np.uint8]
Ink = NDArray[np.uint8]
Floats = NDArray[np.float32]

_THUMBNAIL = 256  # pixels of the longer side; light changes slowly, so a small picture shows it
_FIT = 20  # samples along the longer side are enough for a surface with six coefficients
# Nothing wider than this share of the picture is a stroke: a table, a dark wall, a shadow.
_WIDEST_STROKE = 0.25
_FARTHEST = 0.003  # of the pixels are ink, in a picture with some
_DARKEST_PAPER = 64  # of 255; in a deeper shadow ink can't be told from a camera's noise
_MIN_CONTRAST = 15  # of 255, the way from paper to full ink; below it a sheet counts as blank


class Levels(NamedTuple):
    """What separates ink from paper in one picture, in units of ink (0 to 255).

    threshold: half-way between them. noise: standard deviation of what is on bare paper.
    """

    threshold: float
    noise: float

    @property
    def edge(self) -> float:
        """What the soft edge of a stroke fades to."""
        return self.threshold / 4

    @property
    def faint(self) -> float:
        """What a stroke may fade to: a third of the threshold, if that stands out of the noise."""
        return max(self.threshold / 3, min(3 * self.noise, self.threshold))


def extract(grey: Grey) -> Ink:
    """Separate ink from paper.

    grey: uint8 [height, width], dark ink on light paper or the other way round.
    Returns uint8 of the same shape: 0 = paper, 255 = black on white paper (or white on black).
    """
    height, width = grey.shape
    picture = Image.fromarray(grey)
    factor = -(-max(height, width) // _THUMBNAIL)
    small = np.asarray(picture.reduce(factor) if factor > 1 else grey, np.float32)
    smooth = _smooth(small)
    dark_ink = _is_dark(small - smooth)
    sheet = _sheet(small, smooth) if dark_ink else 255 - _sheet(255 - small, 255 - smooth)
    paper = sheet
    if factor > 1:
        # The thumbnail's last row and column may stand for pixels outside of the picture.
        shown = (0, 0, width / factor, height / factor)
        large = Image.fromarray(sheet).resize((width, height), Image.Resampling.BILINEAR, shown)
        paper = np.asarray(large)
    ink = paper - grey if dark_ink else grey - paper
    ink *= 255 / np.maximum(paper if dark_ink else 255 - paper, _DARKEST_PAPER)
    # Flat paper gives whole numbers. Cut off, not rounded, they would change with the last bit of
    # the fit, which is another one on each processor.
    return np.round(np.clip(ink, 0, 255, out=ink), out=ink).astype(np.uint8)


def levels(ink: Ink) -> Levels | None:
    """Tell ink from paper by their amounts. None when all of it is paper.

    ink: uint8 [height, width]. The threshold is the one that best separates two classes (N. Otsu,
    "A threshold selection method from gray-level histograms", 1979).
    """
    counts = np.array(Image.fromarray(ink).histogram(), np.float64)
    values = np.arange(256) + 0.5
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * values)
    mean_below = sums / np.maximum(below, 1)
    mean_above = (sums[-1] - sums) / np.maximum(above, 1)
    threshold = int((below * above * (mean_below - mean_above) ** 2).argmax())
    if below[threshold] == 0 or above[threshold] == 0:
        return None
    if mean_above[threshold] - mean_below[threshold] < _MIN_CONTRAST:
        return None
    paper = counts[: threshold + 1] / below[threshold]
    spread = (values[: threshold + 1] - mean_below[threshold]) ** 2
    half_way = (mean_below[threshold] + mean_above[threshold]) / 2
    return Levels(float(half_way), float(np.sqrt((paper * spread).sum())))


def _is_dark(difference: Floats) -> bool:
    """Whether what is farthest from the smooth sheet is darker than it.

    Not its mean, nor its skewness: half a picture in the shadow outweighs the ink.
    """
    few = round(_FARTHEST * difference.size)
    ordered = np.partition(difference.ravel(), [few, difference.size - 1 - few])
    return bool(ordered[few] + ordered[-1 - few] <= 0)


def _sheet(small: Floats, smooth: Floats) -> Floats:
    """The bare sheet's brightness under dark ink: float32 [height, width], as `small`.

    Closed, a picture loses its strokes, which are dark and narrow, and keeps the edges of shadows;
    where the light fades towards the border it comes out too bright. Less its smooth part, a
    picture keeps the fading light, and comes out too bright beside the edges of shadows. Neither
    is darker than the sheet, so the darker one is nearer to it.
    """
    radius = max(1, round(_WIDEST_STROKE * max(small.shape) / 2))
    rest = small - smooth
    darker: Floats = np.minimum(_closed(small, radius), smooth + _closed(rest, radius))
    return darker


def _smooth(small: Floats) -> Floats:
    """The light on the sheet, as far as it changes gradually: float32 [height, width].

    A quadratic surface, fitted to the pixels near it (iteratively reweighted least squares), is
    smooth enough to pass under the ink and curved enough for a lamp or a shadow's soft edge.
    """
    height, width = small.shape
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    ones = np.ones_like(small)
    terms = np.stack([ones, x * ones, y * ones, x * x * ones, x * y, y * y * ones], -1)
    step = -(-max(small.shape) // _FIT)
    design = terms[::step, ::step].reshape(-1, 6)
    values = small[::step, ::step].ravel()
    middle = len(values) // 2  # np.median takes three times as long
    ridge = 1e-3 * np.eye(6, dtype=np.float32)
    coefficients = np.zeros(6, np.float32)
    coefficients[0] = np.partition(values, middle)[middle]
    for _ in range(5):
        distance = np.abs(values - design @ coefficients)
        spread = max(1.5 * np.partition(distance, middle)[middle], 2)  # 2: a camera's noise
        relative = distance / spread
        weighted = design / np.square(1 + relative * relative)[:, None]
        coefficients = np.linalg.solve(weighted.T @ design + ridge, weighted.T @ values)
    surface: Floats = terms @ coefficients
    return surface


def _closed(values: Floats, radius: int) -> Floats:
    """Morphological closing with a square: what is darker and narrower than it is filled.

    values: float32 [height, width]. The square has 2 * radius + 1 pixels a side.
    """
    for extreme in (np.maximum, np.minimum):
        for _ in range(2):  # along rows, then along columns
            values = _running(values.T, radius, extreme)
    return values


def _running(values: Floats, radius: int, extreme: np.ufunc) -> Floats:
    """The maximum or minimum over radius rows above and below each; outside there is nothing."""
    for _ in range(2):  # downwards, then upwards
        reach = 0  # rows that are looked at already
        while reach < radius:
            step = min(reach + 1, radius - reach, len(values) - 1)
            if step == 0:
                break
            values = values.copy()
            values[:-step] = extreme(values[:-step], values[step:])
            reach += step
        values = values[::-1]
    return values
