"""Numbers, signs and words to measure with, of MNIST's writers, fonts and drawn strokes."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks import strokes
from digits.data.mnist import Split
from digits_train.camera import hand as hands
from digits_train.camera import marks, scene
from digits_train.camera.hand import Glyph, Hand, contact, some_hand
from digits_train.camera.layout import Sheet
from digits_train.camera.photograph import photographed, some_look
from digits_train.matplotlib_data import load_font
from digits_train.raster import Coverage, Random

Image8 = NDArray[np.uint8]
# Draws a character in a hand: its ink, and how far below the baseline that ends, in pixels.
Writer = Callable[[str, Hand, Random], tuple[Coverage, float]]

_APART = 0.08  # heights, the least gap between strokes


class Written(NamedTuple):
    """A picture, uint8 [height, width, 3], and the text that is written on it."""

    image: Image8
    text: str


class Writers(NamedTuple):
    """Who writes, and in which fonts the words beside the numbers are."""

    mnist: Writer
    fonts: Sequence[Writer]
    words: Sequence[Path]


def writers(split: Split, files: Sequence[Path], words: Sequence[Path]) -> Writers:
    """Writers of MNIST's digits and of those of fonts."""
    masks = [split.labels == label for label in range(10)]
    by_label = [Split(split.images[mask], split.labels[mask]) for mask in masks]
    in_fonts = [partial(_in_font, file) for file in files]
    return Writers(partial(_as_mnist, by_label), in_fonts, words)


def _as_mnist(
    by_label: Sequence[Split], character: str, hand: Hand, random: Random
) -> tuple[Coverage, float]:
    if character.isdigit():
        coverage, _ = hands.digit(by_label[int(character)], random, hand)
        return coverage, random.normal(0, hand.jitter) * hand.height
    pen = max(1.3, (hand.pen or 0.1) * hand.height)
    if character == "-":
        length, tilt = random.uniform(0.35, 0.7) * hand.height, random.normal(0, 0.06)
        drawn = marks.stroke([np.array([(0, 0), (length, tilt * length)])], pen)
        return drawn, random.uniform(-0.6, -0.35) * hand.height
    drop = random.uniform(0, 0.05 if random.random() < 0.5 else 0.2) * hand.height
    drawn = marks.stroke([np.array([(0, 0), (-drop / 2, drop)])], pen * random.uniform(1, 1.5))
    return drawn, drop


def _in_font(file: Path, character: str, hand: Hand, random: Random) -> tuple[Coverage, float]:
    """A comma is as good as a point."""
    if character == "." and random.random() < 0.5:
        character = ","
    _, top, _, bottom = load_font(str(file), 100).getbbox("0")
    factor = 72 / (bottom - top)  # digits differ more than capitals, whose height is about 72
    height, wobble = factor * hand.height * random.uniform(0.9, 1.1), random.uniform(0.01, 0.04)
    coverage, above = marks.lettering(character, str(file), height, random, wobble)
    return coverage, coverage.shape[0] - above + random.normal(0, hand.jitter) * hand.height


def row(text: str, writer: Writer, hand: Hand, random: Random) -> list[Glyph]:
    """Write characters from x = 0 on along the baseline y = 0."""
    glyphs: list[Glyph] = []
    for character in text:
        coverage, below = writer(character, hand, random)
        digit = int(character) if character.isdigit() else -1
        glyph = Glyph(coverage, 0, round(below) - coverage.shape[0], digit)
        if glyphs:
            last = glyphs[-1]
            gap = random.uniform(*hand.gaps) * hand.height
            free = contact(last, glyph) + round(_APART * hand.height)
            start = max(last.right + gap - 0.12 * hand.height, free, last.left + 1)
            glyph = glyph.moved(start, 0)
        glyphs.append(glyph)
    return glyphs


def some_number(random: Random, longest: int = 7) -> str:
    return "".join(map(str, random.integers(0, 10, random.integers(1, longest + 1))))


def some_height(random: Random, most: float = 90) -> float:
    return float(18 * (most / 18) ** random.beta(1.6, 1.4))


def signed_page(by: Writers, random: Random) -> Written:
    """Amounts and differences: numbers with a minus before them or a point in them."""
    return number_page(_signed_number, by, random)


def _signed_number(random: Random) -> str:
    text = "-" * int(random.random() < 0.4) + some_number(random, 4)
    return f"{text}.{some_number(random, 2)}" if random.random() < 0.6 else text


def number_page(draw: Callable[[Random], str], by: Writers, random: Random) -> Written:
    """Two to six numbers, one a line, by one hand; half of the hands are fonts."""
    while True:
        hand = some_hand(random, some_height(random))
        in_font = random.random() < 0.5
        writer = by.fonts[int(random.integers(len(by.fonts)))] if in_font else by.mnist
        sheet, y = Sheet(hand.height), 0.0
        for _ in range(int(random.integers(2, 7))):
            text = draw(random)
            y += random.uniform(1.5, 2.2) * hand.height
            sheet.glyphs += [g.moved(0, y) for g in row(text, writer, hand, random)]
            sheet.text.append(text)
        shown = photographed(sheet, some_look(random, hand, False), random)
        if shown is not None:
            return Written(shown[0], "\n".join(sheet.text))


def pair(text: str, joined: bool, by: Writers, random: Random) -> Written:
    """Two digits that touch. joined: a stroke leads from one to the other, too."""
    while True:
        hand = some_hand(random, random.uniform(24, 90))._replace(broken=0.0)
        pen = (hand.pen or 0.1) * hand.height
        first, second = (row(character, by.mnist, hand, random)[0] for character in text)
        left = contact(first, second) - round(random.uniform(0.2, 1.0) * pen)
        narrower = min(first.coverage.shape[1], second.coverage.shape[1])
        if first.right - left > pen + 0.35 * narrower:
            continue  # one above the other: nobody could read it
        second = second.moved(left, 0)
        sheet = Sheet(hand.height, [first, second], [text])
        if joined:
            sheet.glyphs.append(_joint(first, second, random, pen))
        shown = photographed(sheet, some_look(random, hand, False), random)
        if shown is not None:
            return Written(shown[0], text)


def _joint(first: Glyph, second: Glyph, random: Random, pen: float) -> Glyph:
    """A bent stroke from the lower right ink of one digit to the left ink of the other."""
    ends = []
    for glyph, side, highest in ((first, -1, 0.6), (second, 0, 0.2)):
        ink = glyph.coverage > 0.5
        rows = np.flatnonzero(ink.any(1))
        y = int(rows[int(random.uniform(highest, 0.95) * len(rows))])
        x = int(np.flatnonzero(ink[y])[side]) + glyph.left
        ends.append((float(x), float(y + glyph.top)))
    middle = np.mean(ends, 0) + (0, random.uniform(0, 0.15) * first.coverage.shape[0])
    path = np.array([ends[0], middle, ends[1]])
    drawn = marks.stroke([path], pen)
    corner = np.floor(path.min(0) - pen / 2)
    return Glyph(drawn, int(corner[0]), int(corner[1]))


def handwriting(file: Path, random: Random) -> tuple[Image8, int]:
    """A page of words in this hand, uint8 [height, width, 3], and how many letters."""
    while True:
        height = float(random.uniform(12, 50))
        sheet, letters, y = Sheet(height), 0, 0.0
        width = int(random.integers(1, 7))  # words of a line
        for _ in range(int(random.integers(2, 9))):
            y += random.uniform(1.8, 2.6) * height
            text = marks.words(random, width)
            wobble = random.uniform(0.0, 0.03)
            coverage, above = marks.lettering(text, str(file), height, random, wobble)
            sheet.glyphs.append(Glyph(coverage, 0, round(y) - above))
            letters += sum(character.isalpha() for character in text)
        shown = photographed(sheet, some_look(random, some_hand(random, height), False), random)
        if shown is not None:
            return shown[0], letters


def empty_sheet(random: Random) -> Image8:
    """Paper in uneven light, with up to two shadows: uint8 [height, width, 3]."""
    shape = (int(random.integers(150, 1100)), int(random.integers(150, 1100)))
    paper = random.uniform(150, 250) * random.uniform(0.94, 1, 3).astype(np.float32)
    texture = 1 + random.uniform(0, 0.015) * scene.clouds(shape, random, random.uniform(1, 8))
    picture = texture[..., None] * paper.astype(np.float32)
    picture = picture * scene.light(shape, random, random.uniform(0.05, 0.6))[..., None]
    for _ in range(int(random.integers(0, 3))):
        depth, softness = random.uniform(0.1, 0.6), 10 ** random.uniform(-2.5, -0.7)
        picture = picture * scene.shadow(shape, random, depth, softness)[..., None]
    quality = int(random.integers(40, 96))
    blur, noise = random.uniform(0, 1.5), random.uniform(0, 10)
    return scene.expose(picture.astype(np.float32), random, blur, 0.0, noise, quality)


def drawn(text: str, split: Split, random: Random) -> Image8:
    """A number drawn with a pen on white, uint8 [height, width]: strokes of the same width.

    Its 1s are a stem, often with an upstroke or a foot; the other digits trace some of `split`.
    """
    height = random.uniform(40, 200)
    pen, slant, ones = random.uniform(0.05, 0.12) * height, random.normal(0.05, 0.1), _one(random)
    lines: strokes.Drawing = []
    x = random.uniform(0.3, 1.5)  # in heights, as all here
    y = random.uniform(0.3, 1.0)
    for character in text:
        drawing = ones
        if character != "1":
            indices = np.flatnonzero(split.labels == int(character))
            drawing = strokes.trace(split.images[int(random.choice(indices))])
        tall = random.uniform(0.9, 1.1)
        drawing = strokes.placed(drawing, 0, 0, tall)
        shift = random.normal(0, 0.04) + 1 - tall
        leaning = [[(px + slant * (1 - py), py + y + shift) for px, py in s] for s in drawing]
        left = x - min(px for stroke in leaning for px, _ in stroke)
        lines += [[(px + left, py) for px, py in stroke] for stroke in leaning]
        x += strokes.width(leaning) + random.uniform(0.2, 0.45)
    size = round((x + random.uniform(0.3, 1.5)) * height), round((y + 1.4) * height)
    image = Image.new("L", size, 255)
    brush, radius = ImageDraw.Draw(image), pen / 2
    for line in lines:
        points = [(px * height, py * height) for px, py in line]
        brush.line(points, fill=0, width=max(1, round(pen)), joint="curve")
        for px, py in points:
            brush.ellipse((px - radius, py - radius, px + radius, py + radius), fill=0)
    return np.asarray(image)


def _one(random: Random) -> strokes.Drawing:
    """How one person draws a 1, 1 high: a third a bare stem, some with a foot."""
    bend = random.normal(0, 0.02)
    stem = [(0.0, 0.0), (bend, 0.5), (0.0, 1.0)]
    if random.random() < 0.35:
        return [stem]
    length, angle = random.uniform(0.15, 0.7), np.radians(random.uniform(25, 60))
    start = (-length * float(np.cos(angle)), length * float(np.sin(angle)))
    drawing = [[start, *stem]]
    if random.random() < 0.3:
        half = random.uniform(0.15, 0.3)
        drawing.append([(-half, 1.0), (half, 1.0)])
    return drawing
