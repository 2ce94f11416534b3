"""Write rows of numbers and words onto a window, as one person does."""

from typing import NamedTuple

import numpy as np

from digits.inference.interface import SYMBOLS
from digits_train.camera import allographs, forms, marks
from digits_train.camera.glyphs import Glyph, Writer, bare_one, with_tail
from digits_train.camera.lettering import EM
from digits_train.camera.numbers import KINDS, random_number
from digits_train.camera.ranges import Range
from digits_train.camera.style import Style
from digits_train.camera.window import Box, Materials, Window
from digits_train.raster import Bytes, Random, cropped, scaled, sheared

_SYMBOLS = {character: index for index, character in enumerate(SYMBOLS)} | {",": 11}
_SIGNS = "-.,"
_TAILED = "4679"
SPACINGS = "plain", "tight", "touching", "joined"  # of the digits in a number
_TEXTS = 12  # different words on a window
# Share of a glyph's ink on other ink, beyond which it couldn't be read; of one that touches its
# neighbour; and of a word's, which would hide what is there.
_ON_INK, _ON_NEIGHBOUR, _ON_WORDS = 0.1, 0.35, 0.02


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
        self.ranges = ranges = materials.ranges
        self.pen = max(1.0, writer.pen * style.height / EM)  # pixels
        count = 1 if random.random() < ranges.one_hand else 3
        hands = random.integers(0, len(materials.texts), count)
        texts = [text for hand in hands for text in materials.texts[hand]]
        self.texts = [texts[index] for index in random.integers(0, len(texts), _TEXTS)]
        if materials.hard:
            indices = random.integers(0, len(materials.hard), _TEXTS // 3)
            self.texts[: len(indices)] = [materials.hard[index] for index in indices]
        self.words = random.random() < ranges.with_words
        self.frames = random.random() < ranges.framed
        self.kinds = random.choice(KINDS, 2, p=ranges.kinds)

    def write_all(self, with_numbers: bool) -> None:
        """Fill the window with rows of numbers, or of words alone."""
        random, ranges, height = self.random, self.ranges, self.style.height
        down, side = self.window.ink.shape
        y = random.uniform(0, self.style.pitch) * height
        while y < down + height:
            left, right = ranges.start
            right *= 1 if random.random() < ranges.at_left else side / height
            x = random.uniform(left, right) * height
            if with_numbers:
                self._row_of_numbers(x, y)
            else:
                self._row_of_words(x, y)
            y += self.style.pitch * height * random.uniform(*ranges.pitches)

    def _row_of_words(self, x: float, y: float) -> None:
        x = self._spaced(self.word(x, y), self.ranges.after_word)
        while x < self.window.ink.shape[1]:
            x = self._spaced(self.word(x, y), self.ranges.between_words)

    def _row_of_numbers(self, x: float, y: float) -> None:
        """Numbers, on some pages with words between them."""
        x = self._some_word(x, y)
        while x < self.window.ink.shape[1]:
            x = self._some_word(self._spaced(self.number(x, y), self.ranges.after_number), y)
            if self.random.random() < self.ranges.row_ends:
                break

    def _some_word(self, x: float, y: float) -> float:
        if self.words and self.random.random() < self.ranges.word:
            return self._spaced(self.word(x, y), self.ranges.after_word)
        return x

    def _spaced(self, x: float, space: Range) -> float:
        return x + self.random.uniform(*space) * self.style.height

    def word(self, x: float, y: float) -> float:
        """Write a word at x on the line whose baseline at 0 is y; return where it ends."""
        random, ranges, slope = self.random, self.ranges, self.style.slope
        text = self.texts[int(random.integers(len(self.texts)))]
        size = float(np.exp(random.normal(0, ranges.word_sizes)))
        scale = self.style.height / EM * size
        width = max(2, round(text.coverage.shape[1] * scale))
        height = max(3, round(text.coverage.shape[0] * scale))
        coverage = sheared(scaled(text.coverage, width, height), slope, slope)
        left = round(x)
        top = round(y + text.below * scale - height + slope * x + min(0, slope) * width)
        if self.window.put(coverage, left, top, random.uniform(*ranges.ink), _ON_WORDS):
            for box in text.doubtful * scale:
                right = left + (max(0, slope) * height - slope * (box[1] + box[3]) / 2)
                down = top + (slope * (box[0] + box[2]) / 2 - min(0, slope) * width)
                near_x, near_y, far_x, far_y = box.tolist()
                moved = near_x + right, near_y + down, far_x + right, far_y + down
                self.window.doubtful.append(moved)
        return x + float(width)

    def number(self, x: float, y: float) -> float:
        """Write a random number, some of them framed or crossed out; return where it ends."""
        random, window, first = self.random, self.window, len(self.window.boxes)
        spacing = str(random.choice(SPACINGS, p=self.ranges.spacings))
        end = self.write(self._characters(), x, y, spacing)
        if random.random() < self.ranges.struck_out and len(window.boxes) > first:
            self._strike_out(first)
        elif self.frames and not self.style.cell:
            forms.draw_frames(window, first, self.style.height, random, self.ranges)
        return end

    def write(self, text: str, x: float, y: float, spacing: str) -> float:
        """Write a number on the line whose baseline at 0 is y; return where it ends.

        spacing: one of SPACINGS.
        """
        random, style, window, start = self.random, self.style, self.window, x
        most = _ON_NEIGHBOUR if spacing in ("touching", "joined") else _ON_INK
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
            level = 1 - style.faint * random.uniform(0, 1)
            if not window.put(placed.coverage, round(box[0]), round(box[1]), level, most):
                x, before = box[2] + style.gap * style.height, None
                continue
            if spacing == "joined" and before is not None:
                self._connect(before.box, box)
            self._label(character, box)
            x, before = box[2], placed
        if style.cell:
            size = style.cell * style.height, style.height
            forms.draw_cells(window, (start, y), len(text), size, style.slope, random, self.ranges)
            x = start + len(text) * size[0]
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
        if glyph is not None and character in _TAILED and random.random() < style.tails:
            return with_tail(glyph, int(character), random)
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
        random, style, ranges = self.random, self.style, self.ranges
        scale = style.height / EM
        if character.isdecimal():
            size = style.sizes[int(character)] * np.exp(random.normal(0, style.uneven))
            scale *= float(size)
        upright = max(2, round(glyph.coverage.shape[1] * scale))
        slant = style.slant + random.normal(0, ranges.unsteady)
        coverage = cropped(sheared(glyph.coverage, slant, style.slope))
        wide = float(np.exp(random.normal(0, ranges.widths)))
        width = max(2, round(coverage.shape[1] * scale * wide))
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
        """Pixels between two digits, which may overlap."""
        random, ranges, height = self.random, self.ranges, self.style.height
        if spacing == "touching":
            gap = random.uniform(*ranges.touching) * height
            return max(gap, -0.35 * min(width, before.right - before.box[0]))
        if spacing == "joined":
            return random.uniform(*ranges.joined) * height
        gap = min(self.style.gap, ranges.tight) if spacing == "tight" else self.style.gap
        return gap * random.uniform(*ranges.gaps) * height

    def _connect(self, before: Box, box: Box) -> None:
        """Join two digits by a stroke, as zeros are: a quadratic Bézier curve. Or don't."""
        random = self.random
        if random.random() >= self.ranges.connected:
            return
        height = before[3] - before[1]
        share = random.uniform(0.02, 0.2) if random.random() < 0.6 else random.uniform(0.2, 0.9)
        inside = random.uniform(0.2, 0.5, 2)
        start = before[2] - inside[0] * (before[2] - before[0]), before[1] + share * height
        end = box[0] + inside[1] * (box[2] - box[0]), box[1] + random.uniform(0.02, 0.3) * height
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + random.normal(0, 0.08) * height
        t = np.linspace(0, 1, 8)[:, None]
        ends = (1 - t) ** 2 * np.array(start), t**2 * np.array(end)
        self.window.draw(ends[0] + 2 * t * (1 - t) * np.array(middle) + ends[1], self.pen)

    def _strike_out(self, first: int) -> None:
        """Scribble over the symbols from `first` on, which then are none."""
        window = self.window
        left, top, right, bottom = forms.hull(np.array(window.boxes[first:])).tolist()
        scribble = marks.scribble(self.random, right - left, 0.7 * (bottom - top), self.pen)
        over = round((bottom - top - scribble.shape[0]) / 2)
        window.put((scribble * 255).astype(np.uint8), round(left), round(top) + over, 1, 1)
        del window.boxes[first:], window.symbols[first:], window.heights[first:]
