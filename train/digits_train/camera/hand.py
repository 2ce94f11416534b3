"""One person's handwriting: numbers made of MNIST's digits, drawn with one pen."""

from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

from digits.data.mnist import Split
from digits_train.camera.strokes import grain, strokes
from digits_train.raster import Bytes, Coverage, Random, cropped, ink_box

PEN, OTHER, PRINT = 0, 1, 2  # layers of ink: the digits' pen, another one or a font, the form
_INKED = 0.3  # of a pixel and more is stroke
_LOST = 0.19  # of the height: ink this far from the middle of a stroke was lost
_TRIES = 20
_APART = 0.07  # of the height, the least gap between strokes that don't touch


class Glyph(NamedTuple):
    """Ink and its position.

    coverage: float32 [height, width], 0 to 1. left, top: in pixels, from any
    origin. digit: 0 to 9, or -1 for a non-digit. layer: PEN, OTHER or PRINT.
    """

    coverage: Coverage
    left: int
    top: int
    digit: int = -1
    layer: int = PEN

    @property
    def right(self) -> int:
        return self.left + int(self.coverage.shape[1])

    @property
    def bottom(self) -> int:
        return self.top + int(self.coverage.shape[0])

    def moved(self, right: float, down: float) -> "Glyph":
        return self._replace(left=self.left + round(right), top=self.top + round(down))


class Hand(NamedTuple):
    """How one person writes on one page.

    height: of the digits, in pixels. pen: the strokes' width as a share of it, None for MNIST's
    own. slant: to the right, as a share of the height. gaps: the least and the greatest between
    digits, in heights. touch, broken: shares of the digits that touch their neighbour, and that
    have a light band across them. keep: share of a stroke that a pencil inks, 1 for a pen.
    jitter: of the baseline, in heights. drift: slope of a line. sizes: of each of the ten digits,
    in heights, as many people write a small 0 and a tall 7. uneven: variation of each size.
    pressure: by how much ink may be fainter.
    """

    height: float
    pen: float | None
    slant: float
    gaps: tuple[float, float]
    touch: float
    broken: float
    keep: float
    jitter: float
    drift: float
    sizes: tuple[float, ...]
    uneven: float
    pressure: float


def some_hand(random: Random, height: float) -> Hand:
    """A random person's handwriting. height: of the digits, in pixels."""
    tightest = random.uniform(0.06, 0.35)
    thinnest = max(0.04, min(0.12, 1.3 / height))  # a stroke below 1.3 pixels is invisible
    return Hand(
        height=height,
        pen=None if random.random() < 0.1 else thinnest + (0.16 - thinnest) * random.beta(1.2, 1.8),
        slant=random.normal(0.05, 0.12),
        gaps=(tightest, tightest + random.uniform(0.05, 0.4)),
        touch=random.uniform(0.1, 0.5) if random.random() < 0.4 else 0.0,
        broken=random.uniform(0.1, 0.4) if random.random() < 0.15 else 0.0,
        keep=random.uniform(0.6, 0.95) if random.random() < 0.2 else 1.0,
        jitter=random.uniform(0.01, 0.08),
        drift=float(np.clip(random.normal(0, 0.012), -0.025, 0.025)),
        sizes=tuple(np.exp(random.normal(0, random.uniform(0.03, 0.2), 10)).clip(0.5, 1.6)),
        uneven=random.uniform(0.05, 0.2),
        pressure=random.uniform(0, 0.5) if random.random() < 0.5 else 0.0,
    )


def digit(split: Split, random: Random, hand: Hand) -> tuple[Coverage, int]:
    """Draw a random digit in this handwriting: the coverage, cropped to its ink, and the label."""
    index = int(random.integers(len(split)))
    slant = hand.slant + random.normal(0, 0.03)
    pen = hand.pen and hand.pen * random.uniform(0.9, 1.1)
    size = hand.height * hand.sizes[int(split.labels[index])]
    size = max(10, size * random.uniform(1 - hand.uneven, 1 + hand.uneven))
    for _ in range(_TRIES):
        leaning = _leaning(split.images[index], slant)
        coverage = strokes(leaning, max(10, round(size * _shrunk(leaning))), pen, random)
        if pen is None or is_legible(leaning, int(split.labels[index]), coverage, pen):
            break
        index = int(random.choice(np.flatnonzero(split.labels == split.labels[index])))
    if random.random() < hand.broken:
        coverage = _broken(coverage, random)
    if hand.keep < 1:
        coverage = grain(coverage, random, hand.keep)
    coverage = coverage * np.float32(1 - hand.pressure * random.uniform(0, 1))
    return coverage, int(split.labels[index])


def is_legible(image: Bytes, label: int, coverage: Coverage, pen: float) -> bool:
    """Whether a digit, uint8 [28, 28], is still legible when drawn with another pen.

    Thick strokes fill loops and hide short bars.
    """
    ink = image.repeat(2, 0).repeat(2, 1) > 100
    if label in (0, 6, 8):
        paper, _ = ndimage.label(~np.pad(ink, 1))
        loops = int((np.bincount(paper.ravel())[1:] >= 6).sum()) - 1
        if loops < (2 if label == 8 else 1):
            return False
    cut = cropped(ink)
    if label == 9:  # closed or open, its upper half must have a hollow
        upper = np.pad(cut[: len(cut) // 2], ((0, 0), (1, 0))).astype(int)
        if np.diff(upper).clip(0).sum(1).max() < 2:
            return False
    shrunk = Image.fromarray(coverage).resize(cut.shape[::-1], Image.Resampling.BOX)
    away = ndimage.distance_transform_edt(np.asarray(shrunk) < 0.2)
    return bool((away[cut] > (_LOST - pen / 2) * len(cut)).mean() < 0.01)


def _shrunk(image: Bytes) -> float:
    """The factor by which a digit that is wider than high is written smaller."""
    rows, columns = ink_box(image > 100)
    return float(min(1.0, 0.95 * (rows.stop - rows.start) / (columns.stop - columns.start)))


def _leaning(image: Bytes, slant: float) -> Bytes:
    """Slant a digit, uint8 [28, 28], less if it would leave the frame."""
    room = min(image[:, :4].max(), image[:, -4:].max())
    slant = float(np.clip(slant, -0.35, 0.35)) * (0.5 if room else 1)
    places = (1, slant, -slant * 14, 0, 1, 0)
    how = Image.Transform.AFFINE, places, Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(image).transform((28, 28), *how))


def _broken(coverage: Coverage, random: Random) -> Coverage:
    """Add a band across the digit, 3 to 6 % of its height wide, with hardly any ink."""
    height, width = coverage.shape
    y, x = np.mgrid[0:height, 0:width]
    slope, middle = random.normal(0, 0.4), random.uniform(0.2, 0.8) * height
    away = np.abs(y - middle - slope * (x - width / 2)) / np.hypot(1, slope)
    half = max(0.7, random.uniform(0.015, 0.03) * height)
    left = np.clip(away - half + 0.5, random.uniform(0, 0.15), 1)
    return np.asarray(coverage * left, np.float32)


def number(
    split: Split,
    random: Random,
    hand: Hand,
    groups: tuple[int, ...],
    group_gap: float,
    pitch: float | None = None,
) -> list[Glyph]:
    """Write digits in a row that starts at x = 0 on the baseline y = 0.

    groups: the number of digits of each. group_gap: in heights. pitch: from the middle of one digit
    to that of the next, in heights, for the boxes of a form.
    """
    written: list[Glyph] = []
    starts = set(np.cumsum(groups).tolist())
    for index in range(sum(groups)):
        coverage, label = digit(split, random, hand)
        down = round(random.normal(0, hand.jitter) * hand.height)
        glyph = Glyph(coverage, 0, down - coverage.shape[0], label)
        if pitch is not None:
            off = 0.06 * random.normal() - coverage.shape[1] / hand.height / 2
            glyph = glyph.moved(((index + 0.5) * pitch + off) * hand.height, 0)
        elif written:
            gap = random.uniform(*hand.gaps)
            if index in starts:
                gap += group_gap * random.uniform(0.9, 1.1)
            touches = index not in starts and random.random() < hand.touch
            glyph = glyph.moved(_follows(written[-1], glyph, hand, gap, touches), 0)
        written.append(glyph)
    return written


def _follows(before: Glyph, glyph: Glyph, hand: Hand, gap: float, touches: bool) -> int:
    """Where a digit starts to keep this gap, in heights, or to just touch."""
    nearest, height = contact(before, glyph), hand.height
    if touches:
        overlap = max(1, round((hand.pen or 0.1) * height * 0.5))
        return max(nearest - overlap, before.right - round(0.4 * height))
    # Boxes may overlap where the strokes don't: a 7's bar reaches over its neighbour.
    return max(before.right + round((gap - 0.12) * height), nearest + round(_APART * height))


def contact(before: Glyph, glyph: Glyph) -> int:
    """The leftmost position at which a glyph's ink just meets that of the glyph before it."""
    first, last = max(before.top, glyph.top), min(before.bottom, glyph.bottom)
    if first >= last:
        return before.right
    left = before.coverage[first - before.top : last - before.top] > _INKED
    right = glyph.coverage[first - glyph.top : last - glyph.top] > _INKED
    both = left.any(1) & right.any(1)
    if not both.any():
        return before.right
    ends = before.left + left.shape[1] - left[:, ::-1].argmax(1)
    return int((ends - right.argmax(1))[both].max())
