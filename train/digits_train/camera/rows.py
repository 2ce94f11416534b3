"""Write rows of numbers and words onto a window, as one person does."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits_train.camera import allographs, forms, marks
from digits_train.camera.glyphs import EM, Glyph, Writer, bare_one, with_tail
from digits_train.camera.numbers import KINDS, random_number
from digits_train.camera.window import Box, Materials, Window
from digits_train.raster import Bytes, Random, cropped, scaled, sheared

_SYMBOLS = {character: index for index, character in enumerate("0123456789-.")} | {",": 11}
_SIGNS = "-.,"
_TAILED = (4, 6, 7, 9)
# How numbers are laid out in a row, and how often.
_SPACINGS = {"plain": 0.35, "tight": 0.2, "touching": 0.25, "joined": 0.2}
_TEXTS = 12  # different words on a window
_HIDDEN = 0.1  # share of a glyph's ink on other ink, beyond which it couldn't be read
# Pixels of the digits' height: pages are read at a scale at which it is 24 to 36. Smaller and
# larger ones matter where the scale is looked for.
_HEIGHT, _SPREAD = 28, 0.45  # median, and standard deviation of the logarithm
_LOWEST, _HIGHEST = 9, 110


class Style(NamedTuple):
    """How a page is written. Lengths without a unit are in heights of its digits.

    height: of the digits, in pixels. slope: of the lines, down. slant: of the strokes. gap: between
    digits. pitch: between lines. jitter: of the baseline. sizes: of each of the ten digits. uneven:
    variation of each size. tails: share of the 4s, 6s, 7s and 9s with long stems. centred: whether
    small digits float. faint: how much ink may be missing. bare: share of the 1s that are a bare
    stroke. taught: share of the digits in another form, see `allographs`. cell: width of the cells
    of a form in which each digit stands, or 0.
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
    bare: float
    taught: float
    cell: float


def random_style(random: Random) -> Style:
    height = np.exp(random.normal(np.log(_HEIGHT), _SPREAD)).clip(_LOWEST, _HIGHEST)
    tilt = float(random.choice([0.0, 0.05, 0.18], p=(0.4, 0.42, 0.18)))
    turn = float(np.clip(random.normal(0, tilt), -0.5, 0.5))
    spread = random.uniform(0.03, 0.35) if random.random() < 0.5 else 0.05
    slant = random.uniform(-0.7, 0.7) if random.random() < 0.15 else random.normal(0.05, 0.15)
    return Style(
        height=float(height),
        slope=turn,
        slant=float(slant) + turn,  # a turned page leans as a whole
        gap=random.uniform(0.02, 0.35) if random.random() < 0.65 else random.uniform(0.2, 1.6),
        pitch=random.uniform(1.15, 1.8) if random.random() < 0.5 else random.uniform(1.5, 4),
        jitter=random.uniform(0.01, 0.08) if random.random() < 0.8 else random.uniform(0.08, 0.25),
        sizes=np.exp(random.normal(0, spread, 10)).clip(0.4, 1.8),
        uneven=random.uniform(0.03, 0.15),
        tails=random.uniform(0.1, 0.8) if random.random() < 0.4 else 0.0,
        centred=bool(random.random() < 0.2),
        faint=random.uniform(0.2, 0.7) if random.random() < 0.25 else random.uniform(0, 0.25),
        bare=random.uniform(0.5, 1) if random.random() < 0.4 else random.uniform(0, 0.1),
        taught=random.uniform(0.1, 1) if random.random() < 0.25 else 0.0,
        cell=random.uniform(0.9, 1.8) if random.random() < 0.08 else 0.0,
    )


class _Placed(NamedTuple):
    """A glyph in its place. right: where it ends, if nothing leans."""

    coverage: Bytes
    box: Box
    right: float

    def centred(self, middle: float) -> "_Placed":
        """The same with its middle at another x."""
        left, top, right, bottom = self.box
        far = round(middle - (left + right) / 2)
        return self._replace(box=(left + far, top, right + far, bottom), right=self.right + far)


class Rows:
    """Writes rows from top to bottom."""

    def __init__(
        self, window: Window, style: Style, writer: Writer, materials: Materials, random: Random
    ) -> None:
        self.window, self.style, self.writer, self.random = window, style, writer, random
        self.pen = max(1.0, writer.pen * style.height / EM)  # pixels
        hands = random.integers(0, len(materials.texts), 1 if random.random() < 0.6 else 3)
        texts = [text for hand in hands for text in materials.texts[hand]]
        self.texts = [texts[index] for index in random.integers(0, len(texts), _TEXTS)]
        if materials.hard:
            indices = random.integers(0, len(materials.hard), _TEXTS // 3)
            self.texts[: len(indices)] = [materials.hard[index] for index in indices]
        self.words = random.random() < 0.5
        self.frames = random.random() < 0.1
        self.kinds = random.choice(KINDS, 2, p=(0.36, 0.14, 0.14, 0.26, 0.1))

    def write_all(self, with_numbers: bool) -> None:
        random, height = self.random, self.style.height
        side = self.window.ink.shape[0]
        y = random.uniform(0, self.style.pitch) * height
        while y < side + height:
            x = random.uniform(-1, 0.6 if random.random() < 0.6 else side / height * 0.6) * height
            if not with_numbers or (self.words and random.random() < 0.6):
                x = self.word(x, y) + random.uniform(0.15, 1.2) * height
            while with_numbers and x < side:
                x = self.number(x, y) + random.uniform(0.5, 3) * height
                if self.words and random.random() < 0.6:
                    x = self.word(x, y) + random.uniform(0.15, 1.2) * height
                if random.random() < 0.4:
                    break
            while not with_numbers and x < side:
                x = self.word(x, y) + random.uniform(0.2, 1) * height
            y += self.style.pitch * height * random.uniform(0.9, 1.1)

    def word(self, x: float, y: float) -> float:
        """Write a word at x on the line whose baseline at 0 is y; return where it ends."""
        random, slope = self.random, self.style.slope
        text = self.texts[int(random.integers(len(self.texts)))]
        scale = self.style.height / EM * float(np.exp(random.normal(0, 0.18)))
        width = max(2, round(text.coverage.shape[1] * scale))
        height = max(3, round(text.coverage.shape[0] * scale))
        coverage = sheared(scaled(text.coverage, width, height), slope, slope)
        left = round(x)
        top = round(y + text.below * scale - height + slope * x + min(0, slope) * width)
        if self.window.put(coverage, left, top, random.uniform(0.5, 1), 0.02):
            for box in text.doubtful * scale:
                right = left + (max(0, slope) * height - slope * (box[1] + box[3]) / 2)
                down = top + (slope * (box[0] + box[2]) / 2 - min(0, slope) * width)
                near_x, near_y, far_x, far_y = box.tolist()
                moved = near_x + right, near_y + down, far_x + right, far_y + down
                self.window.doubtful.append(moved)
        return x + float(width)

    def number(self, x: float, y: float) -> float:
        """Write a number; return where it ends."""
        random, style, window = self.random, self.style, self.window
        text = self._characters()
        spacing = str(random.choice(list(_SPACINGS), p=list(_SPACINGS.values())))
        first, start = len(window.boxes), x
        strike = random.random() < 0.03
        before: _Placed | None = None
        for index, character in enumerate(text):
            glyph = self._glyph(character)
            if glyph is None:
                x += 0.5 * style.height
                continue
            placed = self._place(glyph, character, x, y, before, spacing)
            if style.cell:
                placed = placed.centred(start + (index + 0.5) * style.cell * style.height)
            box = placed.box
            most = 0.35 if spacing in ("touching", "joined") else _HIDDEN
            level = 1 - style.faint * random.uniform(0, 1)
            if not window.put(placed.coverage, round(box[0]), round(box[1]), level, most):
                x = box[2] + style.gap * style.height
                before = None
                continue
            if spacing == "joined" and before is not None and random.random() < 0.7:
                self._connect(before.box, box)
            self._label(character, box)
            x, before = box[2], placed
        if style.cell:
            size = style.cell * style.height, style.height
            forms.draw_cells(window, (start, y), len(text), size, style.slope, random)
            x = start + len(text) * style.cell * style.height
        if strike and len(window.boxes) > first:
            self._strike_out(first)
        elif self.frames and not style.cell:
            forms.draw_frames(window, first, style.height, random)
        return max(x, start)

    def _label(self, character: str, box: Box) -> None:
        if character in _SYMBOLS:
            self.window.boxes.append(box)
            self.window.symbols.append(_SYMBOLS[character])
            self.window.heights.append(self.style.height)

    def _characters(self) -> str:
        """What a number says: in cells, digits alone."""
        text = random_number(self.random, str(self.random.choice(self.kinds)))
        return "".join(filter(str.isdecimal, text)) if self.style.cell else text

    def _glyph(self, character: str) -> Glyph | None:
        random, style = self.random, self.style
        if character == "1" and random.random() < style.bare:
            return bare_one(random, self.writer.pen)
        if character.isdecimal() and random.random() < style.taught:
            form = allographs.draw(int(character), EM, self.writer.pen, random)
            if form is not None:
                return Glyph((form * 255).astype(np.uint8))
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
        before: _Placed | None,
        spacing: str,
    ) -> _Placed:
        """Size and slant a glyph, and find where it goes."""
        random, style = self.random, self.style
        size = 1.0
        if character.isdecimal():
            size = style.sizes[int(character)] * np.exp(random.normal(0, style.uneven))
        scale = style.height / EM * float(size)
        upright = max(2, round(glyph.coverage.shape[1] * scale))
        slant = style.slant + random.normal(0, 0.04)
        coverage = cropped(sheared(glyph.coverage, slant, style.slope))
        width = max(2, round(coverage.shape[1] * scale * float(np.exp(random.normal(0, 0.06)))))
        height = max(2 if character in _SIGNS else 5, round(coverage.shape[0] * scale))
        left = x if before is None else before.right + self._gap(spacing, upright, before)
        if before is not None and character not in _SIGNS:  # two 1s need a cell each
            middle = (before.box[0] + before.box[2]) / 2
            left = max(left, middle + max(5.0, 0.2 * style.height) - width / 2)
        baseline = y + style.slope * (left + width / 2)
        baseline += random.normal(0, style.jitter) * style.height
        if style.centred and character.isdecimal():
            baseline += (height - style.height) / 2
        top = round(baseline + glyph.below * scale - height)
        left = round(left)
        box = (left, top, left + width, top + height)
        return _Placed(scaled(coverage, width, height), box, left + upright)

    def _gap(self, spacing: str, width: int, before: _Placed) -> float:
        random, height = self.random, self.style.height
        if spacing == "touching":
            gap = random.uniform(-0.22, 0.04) * height
            return float(max(gap, -0.35 * min(width, before.right - before.box[0])))
        if spacing == "joined":
            return float(random.uniform(-0.03, 0.3) * height)
        gap = min(self.style.gap, 0.12) if spacing == "tight" else self.style.gap
        return float(gap * random.uniform(0.5, 1.5) * height)

    def _connect(self, before: Box, box: Box) -> None:
        """Join two digits by a stroke, as zeros are."""
        random = self.random
        height = before[3] - before[1]
        share = random.uniform(0.02, 0.2) if random.random() < 0.6 else random.uniform(0.2, 0.9)
        inside = random.uniform(0.2, 0.5, 2)
        start = before[2] - inside[0] * (before[2] - before[0]), before[1] + share * height
        end = box[0] + inside[1] * (box[2] - box[0]), box[1] + random.uniform(0.02, 0.3) * height
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + random.normal(0, 0.08) * height
        along = np.linspace(0, 1, 8)[:, None]
        weights = (1 - along) ** 2, 2 * along * (1 - along), along**2
        first, second, third = (
            weight * np.array(point)
            for weight, point in zip(weights, (start, middle, end), strict=True)
        )
        self.window.draw(first + second + third, self.pen)

    def _strike_out(self, first: int) -> None:
        """Scribble over the symbols from `first` on, which then are none."""
        window = self.window
        left, top, right, bottom = forms.hull(np.array(window.boxes[first:])).tolist()
        scribble = marks.scribble(self.random, right - left, 0.7 * (bottom - top), self.pen)
        over = round((bottom - top - scribble.shape[0]) / 2)
        window.put((scribble * 255).astype(np.uint8), round(left), round(top) + over, 1, 1)
        del window.boxes[first:], window.symbols[first:], window.heights[first:]
