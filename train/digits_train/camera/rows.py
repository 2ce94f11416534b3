"""Write rows of numbers and words onto a window, as one person does."""

import numpy as np

from digits.inference.interface import SYMBOLS
from digits_train.camera import allographs, forms, marks
from digits_train.camera.glyphs import Writer, bare_one, with_tail
from digits_train.camera.ink import EM, Glyph, smooth
from digits_train.camera.numbers import KINDS, random_number
from digits_train.camera.style import Style
from digits_train.camera.window import Box, Materials, Window
from digits_train.raster import Random, cropped, scaled, sheared

_SYMBOLS = {character: index for index, character in enumerate(SYMBOLS)} | {",": 11}
_SIGNS = "-.,"
_TAILED = "4679"
SPACINGS = "plain", "tight", "touching", "joined"  # of the digits in a number
_TEXTS = 12  # different words on a window
# Share of a glyph's ink on other ink, beyond which it couldn't be read; of one that touches its
# neighbour; and of a word's, which would hide what is there.
_ON_INK, _ON_NEIGHBOUR, _ON_WORDS = 0.1, 0.35, 0.02


class Rows:
    """Writes rows from top to bottom."""

    def __init__(
        self,
        window: Window,
        style: Style,
        materials: Materials,
        random: Random,
        writer: Writer | None = None,
    ) -> None:
        """writer: by default a random one of the materials."""
        self.window, self.style, self.random = window, style, random
        self.writer = writer or materials.writer(random)
        self.ranges = ranges = materials.ranges
        self.pen = max(1.0, self.writer.pen * style.height / EM)  # pixels
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
        """Fill the window with rows of numbers, on some pages with words between them; or words."""
        random, ranges, height = self.random, self.ranges, self.style.height
        down, side = self.window.ink.shape
        y = random.uniform(0, self.style.pitch) * height
        while y < down + height:
            left, right = ranges.start
            right *= 1 if random.random() < ranges.at_left else side / height
            self._row(random.uniform(left, right) * height, y, with_numbers)
            y += self.style.pitch * height * random.uniform(*ranges.pitches)

    def _row(self, x: float, y: float, with_numbers: bool) -> None:
        random, ranges, height = self.random, self.ranges, self.style.height
        ends = False
        while x < self.window.ink.shape[1]:
            if not with_numbers or (self.words and random.random() < ranges.word):
                x = self.word(x, y) + random.uniform(*ranges.after_word) * height
            if ends:
                break
            if with_numbers:
                x = self.number(x, y) + random.uniform(*ranges.after_number) * height
                ends = random.random() < ranges.row_ends

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
            for near_x, near_y, far_x, far_y in (text.doubtful * scale).tolist():
                right = left + max(0, slope) * height - slope * (near_y + far_y) / 2
                down = top - min(0, slope) * width + slope * (near_x + far_x) / 2
                moved = near_x + right, near_y + down, far_x + right, far_y + down
                self.window.doubtful.append(moved)
        return x + float(width)

    def number(self, x: float, y: float) -> float:
        """Write a random number, some of them framed or crossed out; return where it ends."""
        random, window, style, ranges = self.random, self.window, self.style, self.ranges
        first, cell = len(window.boxes), style.cell * style.height
        text = random_number(random, str(random.choice(self.kinds)))
        text = "".join(filter(str.isdecimal, text)) if cell else text
        end = self.write(text, x, y, str(random.choice(SPACINGS, p=ranges.spacings)))
        if cell:
            size = cell, style.height
            forms.draw_cells(window, (x, y), len(text), size, style.slope, random, ranges)
            end = x + len(text) * cell
        if random.random() < ranges.struck_out and len(window.boxes) > first:
            self._strike_out(first)
        elif self.frames and not cell:
            forms.draw_frames(window, first, style.height, random, ranges)
        return end

    def write(self, text: str, x: float, y: float, spacing: str) -> float:
        """Write a number on the line whose baseline at 0 is y; return where it ends.

        spacing: one of SPACINGS.
        """
        random, style, window, start = self.random, self.style, self.window, x
        most = _ON_NEIGHBOUR if spacing in ("touching", "joined") else _ON_INK
        before: Box | None = None
        right = x  # where the glyph before ends, if nothing leans
        for index, character in enumerate(text):
            glyph = self._glyph(character)
            if glyph is None:
                x += 0.5 * style.height
                continue
            glyph, upright = self._sized(glyph, character)
            height, width = glyph.coverage.shape
            left = x
            if style.cell:
                left = start + (index + 0.5) * style.cell * style.height - width / 2
            elif before is not None:
                left = right + self._gap(spacing, min(upright, right - before[0]))
                if character not in _SIGNS:  # two 1s need a cell of the reader's each
                    middle = (before[0] + before[2]) / 2
                    left = max(left, middle + max(5.0, 0.2 * style.height) - width / 2)
            baseline = y + style.slope * (left + width / 2)
            baseline += random.normal(0, style.jitter) * style.height
            if style.centred and character.isdecimal():
                baseline += (height - style.height) / 2
            left, top = round(left), round(baseline + glyph.below - height)
            box = (left, top, left + width, top + height)
            level = 1 - style.faint * random.uniform(0, 1)
            if not window.put(glyph.coverage, left, top, level, most):
                x, before = box[2] + style.gap * style.height, None
                continue
            if spacing == "joined" and before is not None:
                self._connect(before, box)
            if character in _SYMBOLS:
                window.boxes.append(box)
                window.symbols.append(_SYMBOLS[character])
                window.heights.append(style.height)
            x, before, right = box[2], box, left + upright
        return max(x, start)

    def _glyph(self, character: str) -> Glyph | None:
        """How it is written this time; None if it can't be."""
        random, style = self.random, self.style
        if character == "1" and random.random() < style.bare:
            return bare_one(random, self.writer.pen)
        if character.isdecimal() and random.random() < style.taught:
            form = allographs.draw(character, self.writer.pen, random)
            if form is not None:
                return form
        glyph = self.writer.glyph(character, random)
        if glyph is not None:
            is_long = character in _TAILED and random.random() < style.tails
            return with_tail(glyph, character, random) if is_long else glyph
        # Another hand's sign is a sign as well.
        signs = [text for text in self.texts if text.coverage.shape[1] < 1.2 * EM]
        if not signs or character in _SYMBOLS:
            return None
        sign = signs[int(random.integers(len(signs)))]
        return None if len(sign.doubtful) else sign

    def _sized(self, glyph: Glyph, character: str) -> tuple[Glyph, int]:
        """A glyph in pixels, slanted, and its width if it didn't lean."""
        random, style, ranges = self.random, self.style, self.ranges
        scale = style.height / EM
        if character.isdecimal():
            size = style.sizes[int(character)] * np.exp(random.normal(0, style.uneven))
            scale *= float(size)
        slant = style.slant + random.normal(0, ranges.unsteady)
        coverage = cropped(sheared(glyph.coverage, slant, style.slope))
        wide = float(np.exp(random.normal(0, ranges.widths)))
        width = max(2, round(coverage.shape[1] * scale * wide))
        height = max(2 if character in _SIGNS else 5, round(coverage.shape[0] * scale))
        sized = Glyph(scaled(coverage, width, height), glyph.below * scale)
        return sized, max(2, round(glyph.coverage.shape[1] * scale))

    def _gap(self, spacing: str, narrower: float) -> float:
        """Pixels between two digits, which may overlap. narrower: the width of one of them."""
        random, ranges, height = self.random, self.ranges, self.style.height
        if spacing == "touching":
            return max(random.uniform(*ranges.touching) * height, -0.35 * narrower)
        if spacing == "joined":
            return random.uniform(*ranges.joined) * height
        gap = min(self.style.gap, ranges.tight) if spacing == "tight" else self.style.gap
        return gap * random.uniform(*ranges.gaps) * height

    def _connect(self, before: Box, box: Box) -> None:
        """Join two digits by a stroke, as zeros are; or don't."""
        random = self.random
        if random.random() >= self.ranges.connected:
            return
        height = before[3] - before[1]
        share = random.uniform(0.02, 0.2) if random.random() < 0.6 else random.uniform(0.2, 0.9)
        inside = random.uniform(0.2, 0.5, 2)
        start = before[2] - inside[0] * (before[2] - before[0]), before[1] + share * height
        end = box[0] + inside[1] * (box[2] - box[0]), box[1] + random.uniform(0.02, 0.3) * height
        middle = np.add(start, end) / 2 + (0, random.normal(0, 0.04) * height)
        self.window.draw(smooth(np.array([start, middle, end])), self.pen)

    def _strike_out(self, first: int) -> None:
        """Scribble over the symbols from `first` on, which then are none."""
        window = self.window
        left, top, right, bottom = forms.hull(np.array(window.boxes[first:])).tolist()
        high = bottom - top
        scribble = marks.zigzag(self.random, right - left, 0.7 * high)
        window.draw(scribble + (left, top + 0.15 * high), self.pen)
        del window.boxes[first:], window.symbols[first:], window.heights[first:]
