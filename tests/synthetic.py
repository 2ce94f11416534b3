"""Photographs of numbers on paper, drawn from MNIST's digits, and what is read on them."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageFilter

from digits.data.split import Split
from digits.prediction import Number, Reading, Symbol

INK, PAPER = 60, 215  # grey values


def reading(*lines: Sequence[Sequence[Symbol]]) -> Reading:
    """Return a reading of these lines, which have columns of symbols: numbers to be reviewed."""

    def number(symbols: Sequence[Symbol], line: int, column: int) -> Number:
        text = "".join(symbol.symbol for symbol in symbols)
        return Number(text, 0.8, "review", "unsure", "", text, tuple(symbols), line, column)

    return Reading(
        tuple(
            tuple(number(symbols, row, column) for column, symbols in enumerate(line, 1))
            for row, line in enumerate(lines, 1)
        )
    )


def arrays(max_side: int, *values: int) -> st.SearchStrategy:
    """Draw arrays [height, width] that hold only these values, or any if there are none."""
    shapes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=max_side)
    return hnp.arrays(np.uint8, shapes, elements=st.sampled_from(values) if values else None)


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    """Return the correlation of two pictures, 1 when they are equal."""
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


class Sheet:
    """A sheet of paper to write on and then photograph. height, width: pixels."""

    def __init__(self, height: int = 500, width: int = 700) -> None:
        self.height, self.width = height, width
        self.ink = Image.new("L", (width, height))
        self.ground = np.full((height, width), PAPER, np.float32)

    def write(
        self, digits: Sequence[np.ndarray], left: int, top: int, size: int = 56, gap: int = 8
    ) -> None:
        """Write digits [28, 28] in a row, `size` pixels for MNIST's 28, `gap` pixels apart."""
        for digit in digits:
            columns = np.flatnonzero((digit > 60).any(0))
            cut = digit[:, columns[0] : columns[-1] + 1]
            width = round(cut.shape[1] * size / 28)
            scaled = Image.fromarray(cut).resize((width, size), Image.Resampling.BICUBIC)
            self.ink.paste(255, (left, top), scaled)
            left += width + gap

    def rule(self, spacing: int, grey: int) -> None:
        """Print horizontal lines on the paper."""
        self.ground[spacing::spacing] = grey

    def photograph(
        self, tilt: float = 0, light: np.ndarray | None = None, noise: float = 2, ink: int = INK
    ) -> np.ndarray:
        """Return the pixels of a photograph: uint8 [height, width].

        tilt: degrees, anticlockwise. light: [height, width], 1 where the lamp shines fully. ink:
        its grey value.
        """
        mask = np.asarray(self.ink.filter(ImageFilter.GaussianBlur(0.7)), np.float32) / 255
        page = Image.fromarray(self.ground + (ink - self.ground) * mask)
        page = page.rotate(tilt, Image.Resampling.BICUBIC, fillcolor=PAPER)
        values = np.asarray(page).copy()
        if light is not None:
            values *= light
        values += np.random.default_rng(0).normal(0, noise, values.shape)
        return values.clip(0, 255).astype(np.uint8)


def page(split: Split) -> np.ndarray:
    """Photograph four numbers on ruled paper, tilted, in uneven light: uint8 [420, 800]."""
    sheet = Sheet(420, 800)
    sheet.rule(42, grey=170)
    sheet.write(chosen(split, "0612749", start=20), 70, 60, gap=5)
    sheet.write(chosen(split, "1887", start=30), 560, 66, gap=6)
    sheet.write(chosen(split, "3141592653", start=40), 90, 180, size=64, gap=3)
    sheet.write(chosen(split, "20260", start=50), 70, 300, size=52)
    return sheet.photograph(tilt=4, light=lamp(420, 800))


def lamp(height: int, width: int) -> np.ndarray:
    """Return light that falls off to 45 % towards the lower right: float32 [height, width]."""
    down, right = np.linspace(1, 0.7, height), np.linspace(1, 0.65, width)
    light: np.ndarray = np.outer(down, right).astype(np.float32)
    return light


def chosen(split: Split, number: str, start: int = 0) -> list[np.ndarray]:
    """Pick MNIST digits that write a number, the first of each class from `start` on."""
    images = []
    for index, digit in enumerate(number, start):
        candidates = np.flatnonzero(split.labels == int(digit))
        images.append(split.images[candidates[index % len(candidates)]])
    return images
