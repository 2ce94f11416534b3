"""Everything on a page but digits: words, signs, arrows, ticks and scribbles."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits_train.matplotlib_data import FONTS, load_font
from digits_train.raster import Bytes, Coverage, Random, cropped

DEJAVU = tuple(
    str(FONTS / f"DejaVu{face}.ttf")
    for face in ("Sans", "Sans-Bold", "SansMono", "Serif", "Serif-Bold")
)

_WORDS = (
    "total sum name date rent milk bread eggs sugar room street phone tax paid due cash bank gas "
    "water light hotel taxi office page item price amount balance left right north June March "
    "Monday from until about open closed yes no Tel. Nr. Anna Peter Maria Kim list order box "
    "weight length width depth sample test group score points week hours the and of with for not "
    "Summe Miete Brot Datum Preis Betrag offen somme loyer pain casa conto acqua leche mesa"
)
_SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe qui ra so tu va wen xa yo zi str ent ing"

# Nobody writes a digit like one of these.
BEFORE = ("$", "€", "£", "#", "+", "No.", "Nr.", "A)", "a)", "x =", "=", "-", "*", "R", "K")
AFTER = ("€", "$", "%", "kg", "cm", "m", "mm", "km", "ml", "h", "min", "pcs", ",-", "=")
BETWEEN = (".", ",", "-", ":", "+", "x")


def word(random: Random) -> str:
    """A real or invented word of letters and full stops."""
    if random.random() < 0.6:
        chosen = str(random.choice(_WORDS.split()))
    else:
        chosen = "".join(random.choice(_SYLLABLES.split(), random.integers(2, 5)))
    style = random.random()
    return chosen.upper() if style < 0.1 else chosen.capitalize() if style < 0.35 else chosen


def words(random: Random, count: int) -> str:
    return " ".join(word(random) for _ in range(count))


def lettering(
    text: str, file: str, height: float, random: Random, wobble: float
) -> tuple[Coverage, int]:
    """Draw text, cropped to its ink; return it with the number of rows above the baseline.

    height: of the capitals, in pixels. wobble: displacement of the strokes, as a share of it, 0 to
    0.1.
    """
    face = load_font(
        file, max(8, round(2 * height / 0.72))
    )  # twice the size, to be bent and reduced
    left, top, right, bottom = (int(side) for side in face.getbbox(text))
    margin = 4 + round(9 * wobble * height)
    size = (right - left + 2 * margin, bottom - top + 2 * margin)
    image = Image.new("L", size)
    ImageDraw.Draw(image).text((margin - left, margin - top), text, fill=255, font=face)
    drawn = np.asarray(image)
    if wobble:
        drawn = _bent(drawn, random, 3 * wobble * height, 1.6 * height)
    half = Image.fromarray(drawn).resize((size[0] // 2, size[1] // 2), Image.Resampling.BOX)
    coverage = np.asarray(half, np.float32) / np.float32(255)
    above = (margin - top + face.getmetrics()[0]) // 2 - int(coverage.any(1).argmax())
    return cropped(coverage), above


def _bent(drawn: Bytes, random: Random, far: float, period: float) -> Bytes:
    """Shift all rows and columns smoothly by up to about `far` pixels."""
    height, width = drawn.shape
    down = _wave(random, width, period) * far
    right = _wave(random, height, period / 2) * far
    rows = np.arange(height)[:, None] + np.rint(down).astype(int)
    columns = np.arange(width) + np.rint(right).astype(int)[:, None]
    return np.asarray(drawn[rows.clip(0, height - 1), columns.clip(0, width - 1)])


def _wave(random: Random, length: int, period: float) -> NDArray[np.float64]:
    """A smooth random curve, float64 [length], mostly within -1 to 1."""
    knots = max(2, round(length / period) + 2)
    heights = random.normal(0, 0.5, knots)
    return np.interp(np.linspace(0, knots - 1, length), np.arange(knots), heights)


def stroke(lines: Sequence[NDArray[np.float64]], width: float) -> Coverage:
    """Draw lines through points [n, 2] (x, y in pixels), cropped to their ink."""
    points = np.concatenate(lines)
    low = points.min(0) - width
    size = np.ceil(points.max(0) + width - low).astype(int) + 1
    image = Image.new("L", (2 * int(size[0]), 2 * int(size[1])))
    pen = ImageDraw.Draw(image)
    thick = max(1, round(2 * width))
    for line in lines:
        at = [(float(x), float(y)) for x, y in (line - low) * 2]
        pen.line(at, fill=255, width=thick, joint="curve")
        for x, y in (at[0], at[-1]) if thick > 2 else ():
            r = thick / 2
            pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
    return cropped(np.asarray(image.reduce(2), np.float32) / np.float32(255))


def filled(outline: NDArray[np.float64]) -> Coverage:
    """Fill a closed outline, points [n, 2] (x, y in pixels), cropped to its ink."""
    low = outline.min(0) - 1
    size = np.ceil(2 * (outline.max(0) - low)).astype(int) + 2
    image = Image.new("L", (int(size[0]), int(size[1])))
    ImageDraw.Draw(image).polygon([(x, y) for x, y in ((outline - low) * 2).tolist()], fill=255)
    return cropped(np.asarray(image.reduce(2), np.float32) / np.float32(255))


def tick(random: Random, height: float, pen: float) -> Coverage:
    """A check mark. height: in pixels; pen: its width in pixels."""
    points = np.array([(0, 0.55), (0.3, 1), (random.uniform(0.8, 1.2), random.uniform(-0.2, 0.2))])
    return stroke([(points + random.normal(0, 0.05, points.shape)) * height], pen)


def arrow(random: Random, height: float, pen: float) -> Coverage:
    """A slightly bent arrow to the right or left."""
    length, head, rise = random.uniform(1, 2.5), random.uniform(0.2, 0.35), random.normal(0, 0.1)
    along = np.linspace(0, 1, 9)
    shaft = np.stack([along * length, np.sin(along * 3) * rise], 1)
    tip = shaft[-1]
    wings = np.array([tip + (-head, -head), tip, tip + (-head * random.uniform(0.7, 1.2), head)])
    side = -1 if random.random() < 0.3 else 1
    return stroke([shaft * (side * height, height), wings * (side * height, height)], pen)


def underline(random: Random, length: float, height: float, pen: float) -> Coverage:
    """One or two hand-drawn lines. length: in pixels."""
    count = 2 if random.random() < 0.25 else 1
    x = np.linspace(0, length, 12)
    lines = []
    for line in range(count):
        y = _wave(random, 12, 4) * 0.05 * height + random.normal(0, 0.01) * x
        y = y + line * 0.2 * height
        lines.append(np.stack([x + random.normal(0, 0.05) * height, y], 1))
    return stroke(lines, pen)


def scribble(random: Random, length: float, height: float, pen: float) -> Coverage:
    """A dense zigzag, as for striking out: about [height, length]."""
    count = max(6, round(length / height * random.uniform(5, 9)))
    x = np.linspace(0, length, count) + random.normal(0, 0.1, count) * height
    y = np.where(np.arange(count) % 2, 0.1, 0.9) + random.normal(0, 0.12, count)
    return stroke([np.stack([x, y * height], 1)], pen)
