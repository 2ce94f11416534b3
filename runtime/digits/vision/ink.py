"""Grey pixels to ink, whatever the light and the pen."""

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.images.grey import Grey
from digits.vision import polarity
from digits.vision.polarity import Floats, Pixel, histogram, median

Ink = NDArray[np.uint8]  # [height, width]: 0 = paper, 255 = full ink

_THUMBNAIL = 256  # pixels of the longer side; light changes slowly, so a small picture shows it
_FIT = 20  # samples along the longer side determine a surface with six coefficients
# Share of the picture. Anything wider is no stroke, but a table, a dark wall or a shadow.
_WIDEST_STROKE = 0.25
# Still the thickest marker's stroke in a digit half as high as the picture.
_NARROW_STROKE = _WIDEST_STROKE / 3
_DARKEST_PAPER = 64  # of 255; in deeper shadow, ink drowns in the camera's noise
_LEVELS = np.arange(256) + 0.5
_VISIBLE = 5  # of 255: the 2 % that people just notice (Weber fraction)


class Levels(NamedTuple):
    """What separates ink from paper in one picture, in units of ink (0 to 255), rounded down.

    paper: the mean of bare paper. edge: what the soft edge of a stroke fades to. threshold: halfway
    from paper to the mean of ink. low: what a stroke may fade to: a third of that way, if it stands
    out from the noise. dark: what separates darker ink from fainter, such as a pen's from the lines
    of the paper.
    """

    paper: int
    edge: int
    threshold: int
    low: int
    dark: int


class Polarity:
    """The ink of a picture, assuming that it is dark (or that it is light).

    `ink`, `narrow` and `uncorrected` are uint8 [height, width], 0 = paper, 255 = black on white
    paper (or white on black). flat: whether the paper has a single grey: then all three are equal.
    """

    def __init__(self, grey: Grey, dark: bool, small: Floats, smooth: Floats) -> None:
        """small: the thumbnail; smooth: its background. Both are the grey of flat paper, [1, 1]."""
        # Light ink is dark ink in the negative.
        self._grey: Grey = grey if dark else 255 - grey
        self._small: Floats = small if dark else 255 - small
        self._smooth: Floats = smooth if dark else 255 - smooth
        self.flat = small.size == 1

    @cached_property
    def ink(self) -> Ink:
        """The ink, corrected for uneven light."""
        return self._corrected(self._paper)

    @cached_property
    def narrow(self) -> Ink:
        """The ink without anything wider than the strokes of small digits."""
        return self.ink if self.flat else self._corrected(self._background(_NARROW_STROKE))

    @cached_property
    def uncorrected(self) -> Ink:
        """The ink as lit, for a crop too tight to tell light from ink."""
        return self.ink if self.flat else _normalize(self._grey, np.float32(self._small.max()))

    @cached_property
    def _paper(self) -> Floats:
        return self._small if self.flat else self._background(_WIDEST_STROKE)

    def unevenness(self, left: int, top: int, right: int, bottom: int) -> float:
        """How much the light changes within a box of pixels, as a share of the brightest: 0 to 1.

        right and bottom are exclusive.
        """
        if self.flat:
            return 0.0
        factor = _reduction(self._grey)
        rows = slice(top // factor, -(-bottom // factor))
        paper = self._paper[rows, left // factor : -(-right // factor)]
        return float((paper.max() - paper.min()) / max(paper.max(), _DARKEST_PAPER))

    def _background(self, widest: float) -> Floats:
        """The brightness of the bare paper: float32 [height, width] of the thumbnail.

        widest: the widest stroke, as a share of the picture's longer side.

        Closing a picture removes its strokes, which are dark and narrow, and keeps the edges of
        shadows, but is too bright where the light fades towards the border. Closing what is left
        without the smooth background keeps the fading light, but is too bright beside the edges of
        shadows. Neither is darker than the paper, so the darker one is closer to it.
        """
        small, smooth = self._small, self._smooth
        radius = max(1, round(widest * max(small.shape) / 2))
        whole, rest = small.astype(np.uint8), small - smooth  # its values are whole numbers
        darker: Floats = np.minimum(close(whole, radius), smooth + close(rest, radius))
        return darker

    def _corrected(self, paper: Floats) -> Ink:
        height, width = self._grey.shape
        factor = _reduction(self._grey)
        if factor > 1 and not self.flat:
            # The thumbnail's last row and column may stand for pixels outside of the picture.
            shown = (0, 0, width / factor, height / factor)
            large = Image.fromarray(paper).resize((width, height), Image.Resampling.BILINEAR, shown)
            paper = np.asarray(large)
        return _normalize(self._grey, paper)


def extract(grey: Grey, both: bool = False) -> list[Polarity]:
    """Separate ink from paper: one or both polarities, the likelier first.

    grey: uint8 [height, width]. both: both polarities in any case, unless the paper is flat.
    """
    counts = histogram(grey)
    if 2 * counts.max() >= grey.size:  # most of it has one grey: paper without light and noise
        small = smooth = np.full((1, 1), counts.argmax(), np.float32)
        ranked = polarity.rank_flat(grey, counts)
    else:
        factor = _reduction(grey)
        small = np.asarray(Image.fromarray(grey).reduce(factor) if factor > 1 else grey, np.float32)
        smooth = fit_background(small)
        ranked = polarity.rank(small, small - smooth)
        # The cues can agree and be wrong: paper between two shadows looks like light ink.
        ranked = (ranked[0], not ranked[0]) if both else ranked
    return [Polarity(grey, dark, small, smooth) for dark in ranked]


def _reduction(grey: Grey) -> int:
    """The factor between a picture and its thumbnail."""
    return -(-int(max(grey.shape)) // _THUMBNAIL)


def otsu_levels(ink: Ink, around: int = 0) -> Levels | None:
    """Find the levels that separate ink from paper; None for bare paper.

    ink: uint8 [height, width]. around: the number of further pixels, all of them 0. The threshold
    best separates two classes (N. Otsu, "A threshold selection method from
    gray-level histograms", 1979); `dark` does so among the inked pixels.
    """
    counts = histogram(ink).astype(np.float64)
    counts[0] += around
    split, paper, full = _otsu(counts)
    below = np.cumsum(counts)
    size, bare = float(below[-1]), float(below[split])
    few = min(polarity.MIN_INK * size, (size - bare) / 2)
    darkest = float(np.searchsorted(below, size - few))
    if bare in (0, size) or darkest - paper < _VISIBLE:
        return None
    off = _LEVELS[: split + 1] - paper
    noise = math.sqrt((counts[: split + 1] * off**2).sum() / bare)
    half = (full - paper) / 2
    low = paper + max(half / 3, min(3 * noise, half))
    counts[: int(low) + 1] = 0
    return Levels(int(paper), int(paper + half / 4), int(paper + half), int(low), _otsu(counts)[0])


def _otsu(counts: NDArray[np.float64]) -> tuple[int, float, float]:
    """The last level of the lower of two classes, and their means.

    counts: float64 [256], how many pixels have each level.
    """
    below, sums = np.cumsum(counts), np.cumsum(counts * _LEVELS)
    above = below[-1] - below
    low, high = sums / np.maximum(below, 1), (sums[-1] - sums) / np.maximum(above, 1)
    split = int((below * above * (high - low) ** 2).argmax())
    return split, float(low[split]), float(high[split])


def _normalize(grey: Grey, paper: Floats | np.float32) -> Ink:
    """How much darker than its paper each pixel is: 255 is black."""
    ink = (paper - grey) * (255 / np.maximum(paper, np.float32(_DARKEST_PAPER)))
    # Rounded, not truncated: on flat paper these are whole numbers but for the last bit, which
    # differs from processor to processor.
    np.clip(ink, 0, 255, out=ink)
    np.rint(ink, out=ink)
    return ink.astype(np.uint8)


def fit_background(small: Floats) -> Floats:
    """The gradual part of the background: float32 [height, width].

    A quadratic surface, fitted to the pixels near it (iteratively reweighted least squares), is
    smooth enough to pass under the ink and curved enough for a lamp or a shadow's soft edge.
    """
    height, width = small.shape
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    terms = np.ones((height, width, 6), np.float32)
    for index, term in enumerate((x, y, x * x, x * y, y * y)):
        terms[..., index + 1] = term
    step = -(-max(small.shape) // _FIT)
    design = terms[::step, ::step].reshape(-1, 6)
    values = small[::step, ::step].ravel()
    ridge = 1e-3 * np.eye(6, dtype=np.float32)
    coefficients = np.zeros(6, np.float32)
    coefficients[0] = median(values)
    for _ in range(5):
        distance = np.abs(values - design @ coefficients)
        spread = max(1.5 * median(distance), 2)  # 2: a camera's noise
        relative = distance / spread
        weighted = design / np.square(1 + relative * relative)[:, None]
        coefficients = np.linalg.solve(weighted.T @ design + ridge, weighted.T @ values)
    surface: Floats = terms @ coefficients
    return surface


def close(values: NDArray[Pixel], radius: int) -> NDArray[Pixel]:
    """Morphological closing with a square: fills whatever is darker and narrower.

    values: [height, width]. The square has 2 * radius + 1 pixels a side.
    """
    for extreme in (np.maximum, np.minimum):
        for _ in range(2):  # along rows, then along columns
            values = _sliding_extreme(values.T, radius, extreme)
    return values


def _sliding_extreme(values: NDArray[Pixel], radius: int, extreme: np.ufunc) -> NDArray[Pixel]:
    """The maximum or minimum of each row, `radius` rows above it and as many below."""
    # The repeated edges change no extreme: every window that reaches them holds the edge itself.
    values = np.concatenate([values[:1].repeat(radius, 0), values, values[-1:].repeat(radius, 0)])
    left = 2 * radius  # rows below each that are still missing
    step = 1
    while left:
        values = extreme(values[:-step], values[step:])
        left -= step
        step = min(2 * step, left)
    return values
