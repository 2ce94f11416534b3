"""Digits and letters in the hands of handwriting fonts, framed like MNIST's digits."""

from collections.abc import Sequence

import numpy as np

from digits.vision.frame import to_mnist
from digits_train.camera import fonts, glyphs
from digits_train.outliers.letters import LATIN_LETTERS
from digits_train.raster import Bytes


def generate(count: int, seed: int | Sequence[int], use: str = "training") -> tuple[Bytes, Bytes]:
    """Write each digit equally often, each in a random hand: frames, uint8 [count, 28, 28], and
    labels, uint8 [count]. The same seed gives the same frames.

    use: "training" for the hands that training shows, "held back" for those that only measure.
    Raises DataError if a font can't be had.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 10).astype(np.uint8)
    return _write("".join(map(str, labels)), rng, use), labels


def generate_letters(count: int, seed: int | Sequence[int]) -> Bytes:
    """Write random letters and signs, each in a random hand: uint8 [count, 28, 28]."""
    rng = np.random.default_rng(seed)
    return _write("".join(rng.choice(list(LATIN_LETTERS), count)), rng, "training")


def _write(text: str, rng: np.random.Generator, use: str) -> Bytes:
    """Write each character in a random hand that has it."""
    files = fonts.hands(use)
    frames = []
    for character in text:
        drawn = None
        while drawn is None:
            file = files[int(rng.integers(len(files)))]
            if fonts.has(file, character):
                drawn = glyphs.draw_character(file, character, rng)
        frames.append(to_mnist([drawn.coverage]))
    return np.concatenate(frames)
