"""What a network must not take for a digit: letters, drawings, textures, digits side by side.

Without such pictures a network is sure of everything that it is shown (D. Hendrycks, M. Mazeika,
T. Dietterich, "Deep anomaly detection with outlier exposure", ICLR 2019).
"""

import itertools
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from digits.data.mnist import Split
from digits.vision.frame import to_mnist
from digits_train.augment import Dice, augment
from digits_train.recipe import Augmentation
from digits_train.world import World

Picture = NDArray[np.uint8]  # [height, width], 0 = paper, 255 = ink
Draw = Callable[[np.random.Generator, Split], Picture]

COUNT = 6_000  # pictures, which take two seconds; augmentation changes them each time

_DIGITS_PER_OUTLIER = 4  # in a batch
_SIDE = 84  # pixels, three times the frame's
_FAINT = 12  # of 255; less isn't ink
_LEAST_INK = 0.01  # share of the pixels

# Without those that some hand writes like a digit: B D G I O Q S Z b g i l o q s y z.
_LETTERS = "ACEFHJKLMNPRTUVWXYacdefhjkmnprtuvwx&%@#?+*=<>{}"

# DejaVu, which matplotlib brings, has faces enough; tests read letters in others.
_FACES = tuple(
    f"DejaVu{face}.ttf" for face in ("Sans", "Sans-Bold", "SansMono", "Serif", "Serif-Bold")
)


def make(digits: Split, count: int, seed: int) -> NDArray[np.uint8]:
    """Draw pictures of every kind: uint8 [count, 28, 28], framed like digits.

    digits: what some of them are made of. The same seed gives the same pictures.
    """
    random = np.random.default_rng(seed)
    kinds = itertools.islice(itertools.cycle(KINDS), count)
    return np.stack([_framed(draw, random, digits) for draw in kinds])


def beside(
    outliers: Tensor | None,
    how: Augmentation | None,
    batch: int,
    generator: torch.Generator,
    world: World,
) -> tuple[Tensor, int]:
    """Some of the outliers, uint8 [n, 1, 28, 28], augmented, to go with a batch of digits.

    Returns this process's share, float32 [m, 1, 28, 28], 0 to 255, and how many all processes
    have; both are 0 without outliers.
    """
    if outliers is None:
        return torch.empty(0, 1, 28, 28, device=world.device), 0
    count = max(1, batch // _DIGITS_PER_OUTLIER)
    chosen = torch.randint(len(outliers), (count,), generator=generator, device=world.device)
    rows = world.rows(count)
    mine = len(chosen[rows])
    if how is None:
        return outliers[chosen[rows]].float(), count
    # A process without any throws the dice all the same: the others' next ones must be its own.
    drawn = rows if mine else slice(0, count)
    changed = augment(outliers[chosen[drawn]], how, Dice(generator, count, drawn))
    return changed[:mine], count


def _framed(draw: Draw, random: np.random.Generator, digits: Split) -> Picture:
    """The first drawing with enough ink."""
    while True:
        ink = draw(random, digits)
        mask = ink > _FAINT
        if mask.mean() > _LEAST_INK:
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            frame: Picture = to_mnist([np.where(mask, ink, 0)[box]])[0]
            return frame


def letter(random: np.random.Generator, digits: Split) -> Picture:
    """A letter or a sign, narrow or wide, upright or slanted."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    font = ImageFont.truetype(str(folder / random.choice(_FACES)), 56)
    image = Image.new("L", (_SIDE, _SIDE))
    middle = _SIDE / 2
    ImageDraw.Draw(image).text(
        (middle, middle), random.choice(list(_LETTERS)), fill=255, font=font, anchor="mm"
    )
    width, slant = random.uniform(0.6, 1.2), random.uniform(-0.2, 0.5)
    # What a pixel (x, y) shows: with its row, it moves to the right the higher it is.
    places = (1 / width, slant / width, middle - (1 + slant) * middle / width, 0, 1, 0)
    slanted = image.transform(image.size, Image.Transform.AFFINE, places, Image.Resampling.BICUBIC)
    return np.asarray(slanted)


def scribble(random: np.random.Generator, digits: Split) -> Picture:
    """Two to four strokes of a pen, each a cubic curve."""
    image = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(image)
    width = int(random.integers(3, 12))
    along = np.linspace(0, 1, 24)[:, None]
    for _ in range(random.integers(2, 5)):
        a, b, c, d = random.uniform(6, _SIDE - 6, (4, 2))
        curve = (
            a * (1 - along) ** 3
            + 3 * b * along * (1 - along) ** 2
            + 3 * c * along**2 * (1 - along)
            + d * along**3
        )
        pen.line([tuple(point) for point in curve], fill=255, width=width, joint="curve")
    return np.asarray(image)


def shape(random: np.random.Generator, digits: Split) -> Picture:
    """A triangle, a quadrilateral or a star, filled or not."""
    corners = int(random.integers(3, 5))
    uneven, radius = random.normal(0, 0.2, corners), np.full(corners, 36.0)
    filled = random.random() < 0.4
    if random.random() < 0.5:  # more corners of one radius would be a 0
        corners = int(random.integers(3, 9)) * 2
        uneven = np.zeros(corners)
        radius = np.resize([36.0, 36 * random.uniform(0.2, 0.7)], corners)
    angles = np.arange(corners) * (2 * np.pi / corners) + random.uniform(0, 2 * np.pi) + uneven
    points = _SIDE / 2 + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    outline = [tuple(point) for point in points]
    image = Image.new("L", (_SIDE, _SIDE))
    if filled:
        ImageDraw.Draw(image).polygon(outline, fill=255)
    else:
        width = int(random.integers(3, 12))
        ImageDraw.Draw(image).line([*outline, outline[0]], fill=255, width=width, joint="curve")
    return np.asarray(image)


def outline(random: np.random.Generator, digits: Split) -> Picture:
    """A closed curve with three or four bays, or a circle with something in it."""
    image = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(image)
    width = int(random.integers(3, 10))
    angle = np.linspace(0, 2 * np.pi, 60)
    radius = np.full(60, 36.0)
    if random.random() < 0.5:
        bays = random.integers(3, 5)
        radius *= 1 + random.uniform(0.15, 0.4) * np.cos(bays * angle + random.uniform(0, 7))
        radius *= 1 + random.uniform(0.1, 0.3) * np.cos(angle + random.uniform(0, 7))
    else:
        for _ in range(random.integers(2, 5)):
            x, y = random.uniform(26, _SIDE - 26, 2)
            dx, dy = random.uniform(-14, 14, 2)
            pen.line([(x - dx, y - dy), (x + dx, y + dy)], fill=255, width=width)
    radius *= 36 / radius.max()
    points = _SIDE / 2 + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    pen.line([tuple(point) for point in points], fill=255, width=width, joint="curve")
    return np.asarray(image)


def stripes(random: np.random.Generator, digits: Split) -> Picture:
    """Parallel lines, or two sets of them that cross."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    values = np.full((_SIDE, _SIDE), -1.0)
    first = random.uniform(0, np.pi)
    for angle in (first, first + np.pi / 2)[: random.integers(1, 3)]:
        period = random.uniform(10, 40)
        along = x * np.cos(angle) + y * np.sin(angle)
        values = np.maximum(values, np.sin(along * 2 * np.pi / period + random.uniform(0, 7)))
    drawn: Picture = (np.clip((values - random.uniform(0, 0.8)) * 4, 0, 1) * 255).astype(np.uint8)
    return drawn


def texture(random: np.random.Generator, digits: Split) -> Picture:
    """Grain, blots, or the lines around them, of any size."""
    cells = round(3 * 8 ** random.random())  # 3 to 24 across the picture
    field = Image.fromarray(random.normal(size=(cells, cells)).astype(np.float32))
    values = np.asarray(field.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))
    if random.random() < 0.5:
        values = -np.abs(values)
    level = np.quantile(values, random.uniform(0.4, 0.9))
    drawn: Picture = (np.clip((values - level) * cells, 0, 1) * 255).astype(np.uint8)
    return drawn


def several(random: np.random.Generator, digits: Split) -> Picture:
    """Two or three digits side by side, as they touch in a number."""
    chosen = random.integers(0, len(digits), random.integers(2, 4))
    parts = [image[:, image.any(0)] for image in digits.images[chosen]]
    overlap = random.integers(0, 3)
    row: Picture = parts[0]
    for part in parts[1:]:
        joined = np.zeros((28, row.shape[1] + part.shape[1] - overlap), np.uint8)
        joined[:, : row.shape[1]] = row
        right = joined[:, row.shape[1] - overlap :]
        np.maximum(right, part, out=right)
        row = joined
    return row


KINDS: tuple[Draw, ...] = (
    *(letter, scribble, letter, shape, texture),
    *(letter, several, letter, outline, stripes),
)
