"""MNIST's 1s and 7s written as in continental Europe.

Each 1 of MNIST's validation digits gets an upstroke, 0.2 to 1 times as long as its stem, and each 7
without a hook a bar across its stem (one with a hook would become a 9), both as wide as the digit's
strokes. No network is trained on them: training draws its own
(`digits_train.camera.allographs`).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits.data import mnist
from digits.vision.frame import stroke_width, to_mnist

Bytes = NDArray[np.uint8]
Random = np.random.Generator

_FINE = 6  # pixels per MNIST pixel, for adding strokes
_INK = 100  # of 255, the least that is ink
_FLATTEST = 55  # degrees between an upstroke and the vertical
_APART = 20  # degrees between an upstroke and its stem


class Stem(NamedTuple):
    """The main stroke of a 1 or 7, in fine pixels (x, y)."""

    top: NDArray[np.float64]
    foot: NDArray[np.float64]
    width: float


def with_upstroke(image: Bytes, length: float, steepness: float) -> Bytes:
    """Add an upstroke to the top of a 1, uint8 [28, 28].

    length: of the upstroke, in stems. steepness: from 0, as flat as possible without making it a 7,
    to 1, as steep as possible without touching the stem. Returns the frame.
    """
    fine = _enlarged(image)
    stem = _stem(fine)
    across, down = (stem.foot - stem.top).tolist()
    leaning = np.degrees(np.arctan2(-across, down))
    angle = np.radians(_FLATTEST + steepness * (leaning + _APART - _FLATTEST))
    way = np.array([-np.sin(angle), np.cos(angle)])
    return _framed(fine, stem.top + length * np.hypot(across, down) * way, stem.top, stem.width)


def with_bar(seven: Bytes, share: float, length: float, rise: float) -> Bytes:
    """Add a bar across the stem of a 7, uint8 [28, 28].

    share: height of the bar, as a share of the 7's. length: in heights. rise: of the bar's right
    end, in lengths. Returns the frame.
    """
    fine = _enlarged(seven)
    rows = np.flatnonzero((fine > _INK).any(1))
    y = rows[0] + share * np.ptp(rows)
    x = np.flatnonzero(fine[round(y)] > _INK).mean()
    half = np.array([0.5, -0.5 * rise]) * length * np.ptp(rows)
    return _framed(fine, (x, y) - half, (x, y) + half, _stem(fine).width)


def has_hook(seven: Bytes) -> bool:
    """Whether a 7 has ink next to its stem, below the top bar."""
    rows = np.flatnonzero((seven > _INK).any(1))
    below = seven[rows[0] + round(0.35 * len(rows)) : rows[-1] + 1] > _INK
    runs = np.diff(np.pad(below, ((0, 0), (1, 0))).astype(int), axis=1).clip(0).sum(1)
    return bool(runs.max() > 1)


def _enlarged(digit: Bytes) -> Bytes:
    side = 28 * _FINE
    fine = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    return np.pad(np.asarray(fine), side // 2)  # an upstroke may extend beyond the frame


def _stem(fine: Bytes) -> Stem:
    ink = fine > _INK
    rows = np.flatnonzero(ink.any(1))
    band = max(1, len(rows) // 12)
    width = float(stroke_width(fine[None].astype(np.float32))[0])

    def middle(part: NDArray[np.intp]) -> NDArray[np.float64]:
        y, x = np.nonzero(ink[part[0] : part[-1] + 1])
        return np.array([x.mean(), y.mean() + part[0]])

    return Stem(middle(rows[:band]), middle(rows[-band:]), width)


def _framed(
    fine: Bytes, start: NDArray[np.float64], stop: NDArray[np.float64], width: float
) -> Bytes:
    image = Image.fromarray(fine)
    pen = ImageDraw.Draw(image)
    pen.line((*start.tolist(), *stop.tolist()), fill=255, width=round(width))
    for x, y in (start, stop):
        pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    left, top, right, bottom = image.getbbox() or (0, 0, 1, 1)
    frame: Bytes = to_mnist([np.asarray(image)[top:bottom, left:right]])[0]
    return frame


def digits(random: Random) -> dict[str, tuple[int, Bytes]]:
    """The digit and the frames, uint8 [n, 28, 28], of each kind."""
    split = mnist.load("validation")
    ones, sevens = (split.images[split.labels == label] for label in (1, 7))
    upstrokes = [with_upstroke(digit, random.uniform(0.2, 1), random.uniform()) for digit in ones]
    crossed = [
        with_bar(
            seven, random.uniform(0.4, 0.65), random.uniform(0.3, 0.6), random.normal(0.1, 0.15)
        )
        for seven in sevens
        if not has_hook(seven)
    ]
    return {"1 with upstroke": (1, np.stack(upstrokes)), "crossed 7": (7, np.stack(crossed))}
