"""Grey pixels to ink, whatever the light and the pen."""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.images.grey import Grey

Ink = NDArray[np.uint8]  # [height, width]: 0 = paper, 255 = full ink
Float32s = NDArray[np.float32]
Pixel = TypeVar("Pixel", np.uint8, np.int16)

_THUMBNAIL = 160  # pixels of the longer side; light changes slowly, so a small picture shows it
_FIT = 20  # samples along the longer side determine a surface with six coefficients
_MIN_INK = 0.003  # of the pixels are ink, in a picture with some
# Share of the picture. Anything wider is no stroke, but a table, a dark wall or a shadow.
_WIDEST_STROKE = 0.25
# Still the thickest marker's stroke in a digit half as high as the picture.
_NARROW_STROKE = _WIDEST_STROKE / 3
_DARKEST_PAPER = 64  # of 255; in deeper shadow, ink drowns in the camera's noise
_LEVELS = np.arange(256) + 0.5
_POWERS = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 0, 1, 0])  # of y and x: up to 2 together
_RIDGE = 1e-3 * np.eye(6, dtype=np.float32)
_BAND = 1 << 14  # pixels that are computed at a time
_VISIBLE = 5  # of 255: the 2 % that people just notice (Weber fraction)


class Levels(NamedTuple):
    """What separates ink from paper in one picture, in units of ink (0 to 255), rounded down.

    paper: the mean of bare paper. edge: what the soft edge of a stroke fades to. threshold: halfway
    from paper to the mean of ink. low: what a stroke may fade to, if it stands out from the noise.
    """

    paper: int
    edge: int
    threshold: int
    low: int


@dataclass
class Polarity:
    """A picture, assuming that its ink is dark; light ink is dark in the negative.

    grey: uint8 [height, width].
    small: float32 [h, w], its thumbnail; on flat paper its only grey, [1, 1].
    background: float32 [h, w], the gradual part of the paper's brightness in `small`; see
        `fit_background`.
    factor: how many pixels of `grey` make one of `small`, along each axis.
    """

    grey: Grey
    small: Float32s
    background: Float32s
    factor: int

    @property
    def is_flat(self) -> bool:
        """Whether the paper has a single grey; then all kinds of ink are the same."""
        return self.small.size == 1

    @property
    def ink(self) -> Ink:
        """The ink, corrected for uneven light; 255 = black on white paper (or white on black)."""
        return self._ink_on(self._paper)

    @property
    def narrow_ink(self) -> Ink:
        """The ink without anything wider than the strokes of small digits."""
        return self._ink_on(self._paper_under(_NARROW_STROKE))

    @cached_property
    def uncorrected_ink(self) -> Ink:
        """The ink as lit, for a crop too tight to tell light from ink."""
        return self._ink_on(self.small.max(keepdims=True))

    def unevenness(self, box: tuple[int, int, int, int]) -> float:
        """How much the light changes within a box, as a share of the brightest: 0 to 1."""
        if self.is_flat:
            return 0.0
        left, top, right, bottom = box
        rows = slice(top // self.factor, -(-bottom // self.factor))
        paper = self._paper[rows, left // self.factor : -(-right // self.factor)]
        darkest, brightest = float(paper.min()), float(paper.max())
        return (brightest - darkest) / max(brightest, _DARKEST_PAPER)

    @cached_property
    def _paper(self) -> Float32s:
        return self._paper_under(_WIDEST_STROKE)

    def _paper_under(self, widest_stroke: float) -> Float32s:
        """The brightness of the bare paper: float32, with the shape of `small`.

        widest_stroke: by the longer side of the picture.

        Closing a picture removes its strokes, which are dark and narrow, and keeps the edges of
        shadows, but is too bright where the light fades towards the border. Closing the
        difference from `background` keeps the fading light, but is too bright beside the edges of
        shadows. Neither is darker than the paper, so the darker one is closer to it.
        """
        if self.is_flat:
            return self.small
        radius = max(1, round(widest_stroke * max(self.small.shape) / 2))
        picture = self.small.astype(np.uint8)  # its values are whole numbers
        residual = close(np.rint(self.small - self.background).astype(np.int16), radius)
        paper: Float32s = np.minimum(close(picture, radius), self.background + residual)
        return paper

    def _ink_on(self, paper: Float32s) -> Ink:
        """How much darker than its paper each pixel is, as a share of it: 255 is black."""
        (height, width), factor = self.grey.shape, self.factor
        ink, is_even = np.empty_like(self.grey), paper.size == 1
        # In bands that fit into a core's cache, and into memory that isn't given back: new pages
        # for a large array take longer than what is computed in it.
        step = factor * max(1, _BAND // (factor * width))
        wide = paper if is_even else paper.repeat(factor, 1)[:, :width]
        for top in range(0, height, step):
            band, paper_of_band = slice(top, top + step), wide
            if not is_even:
                paper_of_band = wide[top // factor : (top + step) // factor].repeat(factor, 0)
            ink[band] = _normalize(self.grey[band], paper_of_band[: height - top])
        return ink


def _normalize(grey: Grey, paper: Float32s) -> Float32s:
    """The ink plus one half: cutting it off to an integer then rounds."""
    ink: Float32s = paper - grey
    ink *= 255 / np.maximum(paper, np.float32(_DARKEST_PAPER))
    ink += np.float32(0.5)
    return np.maximum(ink, 0, out=ink)


def extract(grey: Grey, both_polarities: bool = False) -> list[Polarity]:
    """Separate ink from paper in the likely polarities, the likelier first.

    grey: uint8 [height, width].
    both_polarities: whether to return both polarities in any case, unless the paper is flat.
    """
    factor = -(-max(grey.shape) // _THUMBNAIL)
    sample = grey[::factor, ::factor]
    counts = _histogram(sample)
    if 2 * counts.max() >= sample.size:  # most of it has one grey: paper without light and noise
        small = background = np.full((1, 1), counts.argmax(), np.float32)
        few = round(_MIN_INK * sample.size)
        levels = counts.cumsum().searchsorted([few, sample.size - 1 - few], "right")
        is_dark, is_clear = _is_dark(grey, levels - background[0])
    else:
        small = np.asarray(Image.fromarray(grey).reduce(factor) if factor > 1 else grey, np.float32)
        background = fit_background(small)
        few = round(_MIN_INK * small.size)
        farthest = np.partition((small - background).reshape(-1), [few, -1 - few])[[few, -1 - few]]
        is_dark, is_clear = _is_dark(small, farthest)
        if both_polarities:  # the cues can agree and be wrong: shadows make paper look like ink
            is_clear = False
    dark = Polarity(grey, small, background, factor)
    if is_clear and is_dark:
        return [dark]
    light = Polarity(255 - grey, 255 - small, 255 - background, factor)
    if is_clear:
        return [light]
    return [dark, light] if is_dark else [light, dark]


def _is_dark(grey: NDArray[Any], farthest: NDArray[Any]) -> tuple[bool, bool]:
    """Whether the ink is dark, by the majority of three cues, and whether they agree.

    farthest: how much lighter the darkest and the lightest pixels are than the background.

    The pixels farthest from the background are ink (their mean and skewness are useless: half a
    picture in shadow outweighs the ink); most of the border is paper; and so is most of the middle,
    even where a table surrounds the sheet.
    """
    height, width = grey.shape
    half = (int(grey.min()) + int(grey.max())) // 2  # all values are whole numbers
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    middle = grey[height // 4 : height - height // 4, width // 4 : width - width // 4]
    votes = [bool(2 * np.count_nonzero(paper > half) >= paper.size) for paper in (border, middle)]
    votes.append(bool(farthest[0] + farthest[1] <= 0))
    return votes.count(True) >= 2, len({*votes}) == 1


def fit_background(small: Float32s) -> Float32s:
    """The gradual part of the background: float32 [height, width].

    A quadratic surface, fitted to the pixels near it (iteratively reweighted least squares), is
    smooth enough to pass under the ink and curved enough for a lamp or a shadow's soft edge.
    """
    rows, columns, design = _powers(small.shape)
    step = -(-max(small.shape) // _FIT)
    values = small[::step, ::step].reshape(-1)
    middle = len(values) // 2  # np.median takes longer
    background: NDArray[np.floating] = np.full_like(values, np.sort(values)[middle])
    for _ in range(5):
        distance = np.abs(values - background)
        relative = distance / max(1.5 * float(np.sort(distance)[middle]), 2)  # a camera's noise
        weighted = design / np.square(1 + relative * relative)
        coefficients = np.linalg.solve(weighted @ design.T + _RIDGE, weighted @ values)
        background = coefficients @ design
    curve = np.zeros((3, 3), np.float32)
    curve[_POWERS] = coefficients
    surface: Float32s = np.matmul(rows @ curve, columns)
    return surface


@lru_cache(64)
def _powers(shape: tuple[int, int]) -> tuple[Float32s, Float32s, Float32s]:
    """What a quadratic surface over a picture of this shape is computed of.

    Returns the powers 0 to 2 of the rows' and of the columns' positions, from -1 to 1, [h, 3] and
    [3, w], and the surface's six terms at n samples, [6, n]. A camera's pictures share a shape.
    """
    rows, columns = (
        np.vander(np.linspace(-1, 1, side), 3, True).astype(np.float32) for side in shape
    )
    step = -(-max(shape) // _FIT)
    products = rows[::step, None, :, None] * columns[None, ::step, None, :]
    return rows, columns.T, products.reshape(-1, 3, 3)[(slice(None), *_POWERS)].T.copy()


def close(values: NDArray[Pixel], radius: int) -> NDArray[Pixel]:
    """Morphological closing with a square of 2 * radius + 1: fills what is darker and narrower."""
    for extreme in (np.maximum, np.minimum):
        for _ in range(2):  # along rows, then along columns
            # The repeated edges change no extreme: windows that reach them hold the edge itself.
            first, last = values.T[:1].repeat(radius, 0), values.T[-1:].repeat(radius, 0)
            values = np.concatenate([first, values.T, last])
            missing, step = 2 * radius, 1  # rows below each that aren't in its extreme yet
            while missing:
                values = extreme(values[:-step], values[step:])
                missing -= step
                step = min(2 * step, missing)
    return values


def masked(ink: Ink, mask: NDArray[np.bool_]) -> Ink:
    """The ink where a mask is true, and paper elsewhere."""
    return ink * mask  # 40 times as fast as np.where


def otsu_levels(ink: Ink, bare_pixels: int = 0) -> Levels | None:
    """Find the levels that separate ink from paper; None for bare paper.

    bare_pixels: how many further pixels there are, all of them 0.

    The threshold best separates two classes (N. Otsu, "A threshold selection method from gray-level
    histograms", 1979).
    """
    counts = _histogram(ink).astype(np.float64)
    counts[0] += bare_pixels
    split, paper, full = _otsu(counts)
    below = counts.cumsum()
    size, bare = float(below[-1]), float(below[split])
    few = min(_MIN_INK * size, (size - bare) / 2)
    darkest = float(below.searchsorted(size - few))
    if bare in (0, size) or darkest - paper < _VISIBLE:
        return None
    deviations = _LEVELS[: split + 1] - paper
    noise = math.sqrt((counts[: split + 1] * deviations**2).sum() / bare)
    half = (full - paper) / 2
    low = paper + max(half / 3, min(3 * noise, half))
    return Levels(int(paper), int(paper + half / 4), int(paper + half), int(low))


def darker_level(ink: Ink, low: int) -> int:
    """The level between darker ink and fainter, such as a pen's and the lines of the paper.

    low: the level above which there is ink.
    """
    counts = _histogram(ink).astype(np.float64)
    counts[: low + 1] = 0
    return _otsu(counts)[0]


def _otsu(counts: NDArray[np.float64]) -> tuple[int, float, float]:
    """The last level of the lower of two classes, and their means, by a histogram."""
    below, sums = counts.cumsum(), (counts * _LEVELS).cumsum()
    above = below[-1] - below
    low, high = sums / np.maximum(below, 1), (sums[-1] - sums) / np.maximum(above, 1)
    split = int((below * above * (high - low) ** 2).argmax())
    return split, float(low[split]), float(high[split])


def _histogram(grey: Grey) -> NDArray[np.int64]:
    """How many pixels have each value."""
    if grey.size < 1 << 14:
        return np.bincount(grey.reshape(-1), minlength=256)
    # Four times as fast as bincount.
    return np.array(Image.fromarray(np.ascontiguousarray(grey)).histogram())
