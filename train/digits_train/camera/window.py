"""A window on a page: rows of numbers, words and marks, as the reader learns from them.

A whole photographed page costs a second and is mostly paper. So training composes windows of a few
lines instead: endless, and with much more of what is difficult than a page has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits_train.camera import marks
from digits_train.camera.glyphs import EM, Glyph, PenBank, Writer, bare_one, with_tail
from digits_train.camera.lettering import Lettering
from digits_train.camera.marks import Coverage, Random
from digits_train.camera.numbers import KINDS, random_number

Box = tuple[float, float, float, float]  # left, top, right, bottom

_SYMBOLS = {character: index for index, character in enumerate("0123456789-.")} | {",": 11}
_BILINEAR = Image.Resampling.BILINEAR
# Pixels of the digits' height: pages are read at a scale at which it is 24 to 36. Smaller and
# larger ones matter where the scale is looked for.
_HEIGHT, _SPREAD = 28, 0.45  # median, and standard deviation of the logarithm
_LOWEST, _HIGHEST = 9, 110
_TAILED = (4, 6, 7, 9)
# What windows hold, and how often. Beside numbers there are words and marks too.
_CONTENTS = {"numbers": 0.66, "words": 0.26, "marks": 0.08}
# How numbers are laid out in a row, and how often.
_SPACINGS = {"plain": 0.35, "tight": 0.2, "touching": 0.25, "joined": 0.2}
_TEXTS = 12  # different words on a window
_HIDDEN = 0.1  # share of a glyph's ink on other ink, beyond which it couldn't be read


class Materials(NamedTuple):
    """What windows are made of.

    texts: for each hand or font, what it writes without digits. hard: texts and marks of which more
    than their share is wanted.
    """

    pens: PenBank
    fonts: Sequence[Writer]
    texts: Sequence[Sequence[Lettering]]
    marks: Sequence[NDArray[np.uint8]]
    hard: Sequence[Lettering] = ()


@dataclass
class Window:
    """Ink and its meaning.

    ink, printed: float32 [side, side], coverage by what is written, and by rules and forms. boxes:
    of the symbols. symbols: 0 to 9, 10 for a minus, 11 for a point. heights: of the digits of the
    symbol's hand, in pixels. doubtful: boxes of what may or may not be a symbol.
    """

    ink: Coverage
    printed: Coverage
    boxes: list[Box] = field(default_factory=list)
    symbols: list[int] = field(default_factory=list)
    heights: list[float] = field(default_factory=list)
    doubtful: list[Box] = field(default_factory=list)

    @classmethod
    def empty(cls, side: int) -> "Window":
        return cls(np.zeros((side, side), np.float32), np.zeros((side, side), np.float32))

    def put(
        self, coverage: NDArray[np.uint8], left: int, top: int, level: float, most: float
    ) -> bool:
        """Add ink, unless more than a share of it, `most`, would fall on other ink."""
        height, width = coverage.shape
        part = self.ink[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
        cut = coverage[max(0, -top) :, max(0, -left) :][: part.shape[0], : part.shape[1]]
        if not part.size:
            return True
        ink = cut.astype(np.float32) / np.float32(255)
        if (np.minimum(part, ink) > 0.25).sum() > most * (ink > 0.4).sum():
            return False
        np.maximum(part, ink * np.float32(level), out=part)
        return True


class Style(NamedTuple):
    """How a page is written. Lengths without a unit are in heights of its digits.

    height: of the digits, in pixels. slope: of the lines, down. slant: of the strokes. gap: between
    digits. pitch: between lines. jitter: of the baseline. sizes: of each of the ten digits. tails:
    share of the 4s, 6s, 7s and 9s with long stems. centred: whether small digits float. faint: how
    much ink may be missing.
    """

    height: float
    slope: float
    slant: float
    gap: float
    pitch: float
    jitter: float
    sizes: NDArray[np.float64]
    uneven: float
    tails: float
    centred: bool
    faint: float
    bare: float  # share of the 1s that are a bare stroke


def random_style(random: Random) -> Style:
    height = np.exp(random.normal(np.log(_HEIGHT), _SPREAD)).clip(_LOWEST, _HIGHEST)
    tilt = float(random.choice([0.0, 0.05, 0.18], p=(0.4, 0.42, 0.18)))
    turn = float(np.clip(random.normal(0, tilt), -0.5, 0.5))
    spread = random.uniform(0.03, 0.35) if random.random() < 0.5 else 0.05
    return Style(
        height=float(height),
        slope=turn,
        slant=float(random.normal(0.05, 0.15)) + turn,  # a turned page leans as a whole
        gap=random.uniform(0.02, 0.35) if random.random() < 0.65 else random.uniform(0.2, 1.6),
        pitch=random.uniform(1.15, 1.8) if random.random() < 0.5 else random.uniform(1.5, 4),
        jitter=random.uniform(0.01, 0.08) if random.random() < 0.8 else random.uniform(0.08, 0.25),
        sizes=np.exp(random.normal(0, spread, 10)).clip(0.4, 1.8),
        uneven=random.uniform(0.03, 0.15),
        tails=random.uniform(0.1, 0.8) if random.random() < 0.4 else 0.0,
        centred=bool(random.random() < 0.2),
        faint=random.uniform(0.2, 0.7) if random.random() < 0.25 else random.uniform(0, 0.25),
        bare=random.uniform(0.5, 1) if random.random() < 0.4 else random.uniform(0, 0.1),
    )


def compose(random: Random, materials: Materials, side: int) -> Window:
    """A window of `side` pixels with numbers, words and marks, by one writer."""
    window, style = Window.empty(side), random_style(random)
    if random.random() < 0.35 and materials.fonts:
        writer: Writer = materials.fonts[int(random.integers(len(materials.fonts)))]
    else:
        writer = materials.pens.writer(random)
    content = str(random.choice(list(_CONTENTS), p=list(_CONTENTS.values())))
    if content != "marks":
        rows = _Rows(window, style, writer, materials, random)
        rows.write_all(with_numbers=content == "numbers")
    if content == "marks" or random.random() < 0.35:
        _draw_marks(window, style.height / EM, materials.marks, random)
    return window


class _Placed(NamedTuple):
    """A glyph in its place. right: where it ends, if nothing leans."""

    coverage: NDArray[np.uint8]
    box: Box
    right: float


class _Rows:
    """Writes rows from top to bottom."""

    def __init__(
        self, window: Window, style: Style, writer: Writer, materials: Materials, random: Random
    ) -> None:
        self.window, self.style, self.writer, self.random = window, style, writer, random
        hands = random.integers(0, len(materials.texts), 1 if random.random() < 0.6 else 3)
        texts = [text for hand in hands for text in materials.texts[hand]]
        self.texts = [texts[place] for place in random.integers(0, len(texts), _TEXTS)]
        if materials.hard:
            places = random.integers(0, len(materials.hard), _TEXTS // 3)
            self.texts[: len(places)] = [materials.hard[place] for place in places]
        self.words = random.random() < 0.5
        self.frames = random.random() < 0.1
        self.kinds = random.choice(KINDS, 2, p=(0.36, 0.14, 0.14, 0.26, 0.1))

    def write_all(self, with_numbers: bool) -> None:
        random, style = self.random, self.style
        side = self.window.ink.shape[0]
        y = random.uniform(0, style.pitch) * style.height
        while y < side + style.height:
            x = random.uniform(-1, 0.6 if random.random() < 0.6 else side / style.height * 0.6)
            x *= style.height
            if not with_numbers or (self.words and random.random() < 0.6):
                x = self.word(x, y) + random.uniform(0.15, 1.2) * style.height
            while with_numbers and x < side:
                x = self.number(x, y) + random.uniform(0.5, 3) * style.height
                if self.words and random.random() < 0.6:
                    x = self.word(x, y) + random.uniform(0.15, 1.2) * style.height
                if random.random() < 0.4:
                    break
            while not with_numbers and x < side:
                x = self.word(x, y) + random.uniform(0.2, 1) * style.height
            y += style.pitch * style.height * random.uniform(0.9, 1.1)

    def word(self, x: float, y: float) -> float:
        """Write a word at x on the line whose baseline at 0 is y; return where it ends."""
        random, style = self.random, self.style
        text = self.texts[int(random.integers(len(self.texts)))]
        scale = style.height / EM * float(np.exp(random.normal(0, 0.18)))
        width = max(2, round(text.coverage.shape[1] * scale))
        height = max(3, round(text.coverage.shape[0] * scale))
        slope = style.slope
        coverage = _sheared(_resized(text.coverage, width, height), slope, slope)
        left = round(x)
        top = round(y + text.below * scale - height + slope * x + min(0, slope) * width)
        if self.window.put(coverage, left, top, random.uniform(0.5, 1), 0.02):
            for box in text.doubtful * scale:
                right = max(0, slope) * height - slope * (box[1] + box[3]) / 2
                down = slope * (box[0] + box[2]) / 2 - min(0, slope) * width
                self.window.doubtful.append(_moved(box, left + right, top + down))
        return x + float(width)

    def number(self, x: float, y: float) -> float:
        """Write a number; return where it ends."""
        random, style, window = self.random, self.style, self.window
        text = random_number(random, str(random.choice(self.kinds)))
        spacing = str(random.choice(list(_SPACINGS), p=list(_SPACINGS.values())))
        first, start = len(window.boxes), x
        strike = random.random() < 0.03
        before: _Placed | None = None
        for character in text:
            glyph = self._glyph(character)
            if glyph is None:
                x += 0.5 * style.height
                continue
            placed = self._place(glyph, character, x, y, before, spacing)
            box = placed.box
            most = 0.35 if spacing in ("touching", "joined") else _HIDDEN
            level = 1 - style.faint * random.uniform(0, 1)
            if not window.put(placed.coverage, round(box[0]), round(box[1]), level, most):
                x = box[2] + style.gap * style.height
                before = None
                continue
            if spacing == "joined" and before is not None and random.random() < 0.7:
                self._connect(before.box, box)
            if character in _SYMBOLS:
                window.boxes.append(box)
                window.symbols.append(_SYMBOLS[character])
                window.heights.append(style.height)
            x, before = box[2], placed
        if strike and len(window.boxes) > first:
            self._strike_out(first)
        elif self.frames:
            self._draw_frames(first)
        return max(x, start)

    def _glyph(self, character: str) -> Glyph | None:
        random, style = self.random, self.style
        if character == "1" and random.random() < style.bare:
            return bare_one(random, self.writer.pen())
        glyph = self.writer.glyph(character, random)
        if glyph is not None and character.isdecimal():
            digit = int(character)
            if digit in _TAILED and random.random() < style.tails:
                glyph = with_tail(glyph, digit, random)
        if glyph is None and character not in _SYMBOLS:  # another hand's sign is a sign as well
            signs = [text for text in self.texts if text.coverage.shape[1] < 1.2 * EM]
            if signs:
                sign = signs[int(random.integers(len(signs)))]
                return Glyph(sign.coverage, sign.below) if not len(sign.doubtful) else None
        return glyph

    def _place(
        self,
        glyph: Glyph,
        character: str,
        x: float,
        y: float,
        before: "_Placed | None",
        spacing: str,
    ) -> "_Placed":
        """Size and slant a glyph, and find where it goes."""
        random, style = self.random, self.style
        size = 1.0
        if character.isdecimal():
            size = style.sizes[int(character)] * np.exp(random.normal(0, style.uneven))
        scale = style.height / EM * float(size)
        upright = max(2, round(glyph.coverage.shape[1] * scale))
        coverage = _sheared(glyph.coverage, style.slant + random.normal(0, 0.04), style.slope)
        coverage = _cropped(coverage)
        width = max(2, round(coverage.shape[1] * scale * float(np.exp(random.normal(0, 0.06)))))
        height = max(2 if character in "-.," else 5, round(coverage.shape[0] * scale))
        left = x if before is None else before.right + self._gap(spacing, upright, before)
        if before is not None and character not in "-.,":  # two 1s need a cell each
            middle = (before.box[0] + before.box[2]) / 2
            least = max(5.0, 0.2 * style.height)
            left = max(left, middle + least - width / 2)
        baseline = y + style.slope * (left + width / 2)
        baseline += random.normal(0, style.jitter) * style.height
        if style.centred and character.isdecimal():
            baseline += (height - style.height) / 2
        top = round(baseline + glyph.below * scale - height)
        left = round(left)
        box = (left, top, left + width, top + height)
        return _Placed(_resized(coverage, width, height), box, left + upright)

    def _gap(self, spacing: str, width: int, before: "_Placed") -> float:
        random, style = self.random, self.style
        if spacing == "touching":
            gap = random.uniform(-0.22, 0.04) * style.height
            return float(max(gap, -0.35 * min(width, before.right - before.box[0])))
        if spacing == "joined":
            return float(random.uniform(-0.03, 0.3) * style.height)
        gap = min(style.gap, 0.12) if spacing == "tight" else style.gap
        return float(gap * random.uniform(0.5, 1.5) * style.height)

    def _connect(self, before: Box, box: Box) -> None:
        """Join two digits by a stroke, as zeros are."""
        random = self.random
        pen = max(1.0, self.writer.pen() * self.style.height / EM)
        height = before[3] - before[1]
        share = random.uniform(0.02, 0.2) if random.random() < 0.6 else random.uniform(0.2, 0.9)
        inside = random.uniform(0.2, 0.5, 2)
        start = before[2] - inside[0] * (before[2] - before[0]), before[1] + share * height
        end = box[0] + inside[1] * (box[2] - box[0]), box[1] + random.uniform(0.02, 0.3) * height
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + random.normal(0, 0.08) * height
        along = np.linspace(0, 1, 8)[:, None]
        points = (
            (1 - along) ** 2 * np.array(start)
            + 2 * along * (1 - along) * np.array(middle)
            + along**2 * np.array(end)
        )
        _draw(self.window, points, pen)

    def _strike_out(self, first: int) -> None:
        """Scribble over the symbols from `first` on, which then are none."""
        window, random = self.window, self.random
        left, top, right, bottom = _hull(window.boxes[first:])
        pen = max(1.0, self.writer.pen() * self.style.height / EM)
        scribble = marks.scribble(random, right - left, 0.7 * (bottom - top), pen)
        over = round((bottom - top - scribble.shape[0]) / 2)
        window.put((scribble * 255).astype(np.uint8), round(left), round(top) + over, 1, 1)
        del window.boxes[first:], window.symbols[first:], window.heights[first:]

    def _draw_frames(self, first: int) -> None:
        """Frame each symbol from `first` on, or the whole number: a form's box, or a ring."""
        window, style, random = self.window, self.style, self.random
        boxes = window.boxes[first:]
        if boxes and random.random() < 0.5:
            boxes = [_hull(boxes)]
        ring = random.random() < 0.4
        around = random.uniform(0.02, 0.4) * style.height * np.array([-1, -1, 1, 1])
        for box in np.array(boxes).reshape(-1, 4) + around:
            outline = _ellipse(box, random) if ring else _rectangle(box)
            _draw(window, outline, max(1.0, random.uniform(0.02, 0.1) * style.height), printed=True)


def _rectangle(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """The corners of a box, and the first again: float64 [5, 2]."""
    return box[[[0, 1], [2, 1], [2, 3], [0, 3], [0, 1]]]


def _ellipse(box: NDArray[np.float64], random: Random) -> NDArray[np.float64]:
    """Points of a ring around a box, drawn by hand: float64 [n, 2]."""
    angle = np.linspace(0, random.uniform(5.8, 6.9), 32) + random.uniform(0, 2 * np.pi)
    half = (box[2:] - box[:2]) / 2 * random.uniform(1.15, 1.5, 2)
    wobble = 1 + random.normal(0, 0.04) * np.cos(2 * angle) + random.normal(0, 0.03) * angle
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    return (box[:2] + box[2:]) / 2 + circle * half * wobble[:, None]


def _draw_marks(
    window: Window, scale: float, drawn: Sequence[NDArray[np.uint8]], random: Random
) -> None:
    """Add marks where nothing is written. scale: of the writing, by that of the marks."""
    side = window.ink.shape[0]
    for _ in range(int(random.integers(1, 7))):
        mark = drawn[int(random.integers(len(drawn)))]
        size = scale * float(np.exp(random.uniform(np.log(0.5), np.log(2.5))))
        width, height = (max(2, round(length * size)) for length in mark.shape[::-1])
        if max(width, height) < 2 * side:
            left, top = (round(random.uniform(-0.5 * long, side)) for long in (width, height))
            window.put(_resized(mark, width, height), left, top, random.uniform(0.5, 1), 0.0)


def _draw(window: Window, points: NDArray[np.float64], pen: float, printed: bool = False) -> None:
    """Draw a line through points [n, 2], over whatever is there."""
    drawn = marks.stroke([points], pen)
    low = points.min(0) - pen
    left, top = round(float(low[0] + pen / 2)), round(float(low[1] + pen / 2))
    layer = window.printed if printed else window.ink
    height, width = drawn.shape
    part = layer[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
    cut = drawn[max(0, -top) :, max(0, -left) :][: part.shape[0], : part.shape[1]]
    np.maximum(part, cut, out=part)


def _hull(boxes: Sequence[Box]) -> Box:
    """The smallest box around all."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _resized(coverage: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    reduced = width < coverage.shape[1]
    resample = Image.Resampling.BOX if reduced else _BILINEAR
    return np.asarray(Image.fromarray(coverage).resize((width, height), resample))


def _sheared(coverage: NDArray[np.uint8], slant: float, slope: float) -> NDArray[np.uint8]:
    """Lean to the right by a share of the height, and descend by a share of the width."""
    height, width = coverage.shape
    wider, higher = abs(slant) * height, abs(slope) * width
    if max(wider, higher) < 1 or min(height, width) < 3:
        return coverage
    right, down = max(0.0, slant) * height, max(0.0, -slope) * width
    # PIL asks where a pixel of the result comes from.
    forward = np.array([[1, -slant, right], [slope, 1, down], [0, 0, 1]])
    places = tuple(np.linalg.inv(forward)[:2].ravel())
    size = (width + round(wider), height + round(higher))
    image = Image.fromarray(coverage)
    return np.asarray(image.transform(size, Image.Transform.AFFINE, places, _BILINEAR))


def _cropped(coverage: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Crop to the ink."""
    image = Image.fromarray(coverage)
    return np.asarray(image.crop(image.getbbox()))


def _moved(box: NDArray[np.float32], right: float, down: float) -> Box:
    left, top, far, bottom = box.tolist()
    return left + right, top + down, far + right, bottom + down
