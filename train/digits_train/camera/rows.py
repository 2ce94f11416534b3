"""Write rows of numbers and words onto a window, as one person does."""

from collections.abc import Sequence
from copy import copy

import numpy as np

from digits.inference.interface import SYMBOLS
from digits_train.camera import marks
from digits_train.camera.hands import Hand
from digits_train.camera.ink import EM, Glyph
from digits_train.camera.materials import Materials
from digits_train.camera.numbers import KINDS, random_digits
from digits_train.camera.style import Style
from digits_train.camera.tracing import Spacing, max_room, room_between
from digits_train.camera.window import Window
from digits_train.pixels import OUTWARDS, Random, pick
from digits_train.symbols import Box, Symbol, columns, moved

_LABELS = {character: index for index, character in enumerate(SYMBOLS)} | {",": 11}
_TEXTS = 12  # different words on a window
_HANDS_TRIED = 5  # for a sign that a hand hasn't
# Share of a glyph's ink on other ink, such as a neighbour's that it touches, beyond which it
# couldn't be read; and of a word's, which would hide what is there.
_ON_INK, _ON_WORDS = 0.3, 0.02


class RowWriter:
    """Writes rows from top to bottom. Lines are given by the y of their baseline at x = 0."""

    def __init__(
        self,
        window: Window,
        style: Style,
        materials: Materials,
        random: Random,
        hand: Hand | None = None,
    ) -> None:
        """hand: by default a random one of the materials."""
        self.window, self.style, self.random = window, style, random
        self.hand, self.others = hand or materials.hand(random), materials.hands
        self.ranges = ranges = materials.ranges
        self.pen = max(1.0, self.hand.pen * style.height / EM)  # pixels
        count = 1 if random.random() < ranges.text.one_hand else 3
        hands = random.integers(0, len(materials.texts), count)
        texts = [text for hand in hands for text in materials.texts[hand]]
        self.texts = [texts[index] for index in random.integers(0, len(texts), _TEXTS)]
        if materials.letters:
            indices = random.integers(0, len(materials.letters), _TEXTS // 3)
            self.texts[: len(indices)] = [materials.letters[index] for index in indices]
        self.words = random.random() < ranges.text.with_words
        self.frames = random.random() < ranges.form.framed
        self.kinds = random.choice(list(KINDS), 2, p=ranges.text.kinds)

    def write_all(self, with_numbers: bool) -> None:
        """Fill the window with rows of words, or of numbers, on some pages with words between."""
        random, ranges, height = self.random, self.ranges.layout, self.style.height
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
            if not with_numbers or (self.words and random.random() < ranges.text.word):
                x = self.word(x, y) + random.uniform(*ranges.layout.after_word) * height
            if ends:
                break
            if with_numbers:
                x = self.number(x, y) + random.uniform(*ranges.layout.after_number) * height
                ends = random.random() < ranges.layout.row_ends

    def word(self, x: float, y: float) -> float:
        """Write a word at x; return where it ends."""
        random, slope = self.random, self.style.slope
        text = pick(random, self.texts)
        size = float(np.exp(random.normal(0, self.ranges.text.word_sizes)))
        word = text.scaled(self.style.height / EM * size).leaning(slope, slope)
        box = self._put(word, x, y, random.uniform(*self.ranges.hand.ink), _ON_WORDS)
        if box:
            self.window.others.append(box)
        return x + float(word.coverage.shape[1])

    def number(self, x: float, y: float) -> float:
        """Write a random number, some of them framed or crossed out; return where it ends."""
        random, style, ranges = self.random, self.style, self.ranges
        symbols, cell = self.window.symbols, style.cell * style.height
        first = len(symbols)
        if ranges.text.fraction and random.random() < ranges.text.fraction:
            return self._fraction(x, y)
        numbers = self.hand.numbers
        is_whole = not self.hand.digits() or random.random() < ranges.layout.as_written
        if numbers and is_whole:
            number = pick(random, numbers)
            text = number.text
            end = self._write(text, number.glyphs, number.spacing, x, y)
        else:
            text = KINDS[str(random.choice(self.kinds))](random)
            text = "".join(filter(str.isdecimal, text)) if cell else text
            end = self.write(text, x, y)
        if cell:
            end = self._draw_cells(x, y, len(text))
        if random.random() < ranges.text.struck_out and len(symbols) > first:
            self._strike_out(first)
        elif self.frames and not cell:
            self.frame(first)
        return end

    def write(self, text: str, x: float, y: float) -> float:
        """Write a number at x, as far apart as in numbers of this hand; return where it ends."""
        glyphs = [self._glyph(character) for character in text]
        return self._write(text, glyphs, pick(self.random, self.hand.spacings), x, y)

    def _write(
        self, text: str, glyphs: Sequence[Glyph | None], spacing: Spacing, x: float, y: float
    ) -> float:
        """Write glyphs at x; return where they end. One that can't be written leaves a gap."""
        random, style, start = self.random, self.style, x
        before: tuple[Box, Glyph] | None = None
        for index, (character, large) in enumerate(zip(text, glyphs, strict=True)):
            if large is None:
                x, before = x + 0.5 * style.height, None
                continue
            glyph = large.leaning(style.slant, style.slope).scaled(style.height / EM)
            height, width = glyph.coverage.shape
            whole = len(text) == len(spacing.drops)
            drop = spacing.drops[index] if whole else pick(random, spacing.drops.tolist())
            baseline = y + drop * style.height * character.isdecimal()
            left = x
            if style.cell:
                left = start + (index + 0.5) * style.cell * style.height - width / 2
            elif before is not None:
                gap = spacing.gaps[index - 1] if whole else pick(random, spacing.gaps.tolist())
                left = self._beside(before, glyph, baseline, gap + style.wider)
            level = 1 - random.uniform(*self.ranges.hand.faint)
            box = self._put(glyph, left, baseline, level, _ON_INK)
            if box is None:
                x, before = left + width + style.height, None
                continue
            self._note(character, box)
            x, before = box[2], (box, glyph)
            if x > width + self.window.ink.shape[1]:  # the next ones can't be seen either
                break
        return max(x, start)

    def _beside(
        self, before: tuple[Box, Glyph], glyph: Glyph, baseline: float, gap: float
    ) -> float:
        """Where a glyph begins. gap: heights of paper between both, but for their pen's width."""
        box, other = before
        height, width = glyph.coverage.shape
        top = baseline + self.style.slope * box[2] + glyph.below - height
        room = room_between(other.coverage, glyph.coverage, round(top - box[1]))
        room = min(room, max_room(self.style.height))
        left = box[2] - room + gap * self.style.height - self.pen
        # Two 1s need a cell of the detector's each.
        return max(left, (box[0] + box[2]) / 2 + max(5.0, 0.2 * self.style.height) - width / 2)

    def _note(self, character: str, box: Box) -> None:
        """Note what a character is: a symbol, or a sign, which between digits separates numbers."""
        if character in _LABELS:
            self.window.symbols.append(Symbol(box, _LABELS[character], self.style.height))
        elif character != "'":
            self.window.separators.append(box)

    def _put(
        self, glyph: Glyph, left: float, y: float, level: float, max_shared: float
    ) -> Box | None:
        """Put a glyph in its final size on a line; return its box, or None if there is no room."""
        height, width = glyph.coverage.shape
        baseline = y + self.style.slope * (left + width / 2)
        left, top = round(left), round(baseline + glyph.below - height)
        if not self.window.put(glyph.coverage, left, top, level, max_shared):
            return None
        doubtful = map(tuple, glyph.doubtful.tolist())
        self.window.doubtful += [moved(box, -left, -top) for box in doubtful]
        return left, top, left + width, top + height

    def _glyph(self, character: str) -> Glyph | None:
        """Draw a character as this hand writes it, or another hand if this one never did."""
        hands = [self.hand, *(pick(self.random, self.others) for _ in range(_HANDS_TRIED))]
        glyphs = (hand.glyph(character, self.random) for hand in hands)
        return next((glyph for glyph in glyphs if glyph), None)

    def _strike_out(self, first: int) -> None:
        """Scribble over the symbols from `first` on, which are none any longer."""
        left, top, right, bottom = box = self._hull(first)
        high = bottom - top
        scribble = marks.zigzag(self.random, right - left, 0.7 * high)
        self.window.draw(scribble + (left, top + 0.15 * high), self.pen)
        del self.window.symbols[first:]
        self.window.others.append(box)

    def _fraction(self, x: float, y: float) -> float:
        """Write a fraction, often behind a digit; return where it ends."""
        random, ranges, height = self.random, self.ranges.text, self.style.height
        symbols, start = self.window.symbols, len(self.window.symbols)
        if random.random() < 0.5:
            x = self.write(random_digits(random, 1, 2), x, y) + 0.1 * height
        first, small = len(symbols), copy(self)
        small.style = self.style._replace(height=random.uniform(*ranges.small) * height, cell=0.0)
        raised, is_slanted = random.uniform(*ranges.raised) * height, random.random() < 0.6
        end = small.write(random_digits(random, 1, 1), x, y - raised)
        below, lowered = (end, 0.0) if is_slanted else (x, 0.6 * small.style.height)
        end = max(end, small.write(random_digits(random, 1, 2), below, y + lowered))
        if len(symbols) > first:
            left, top, right, bottom = self._hull(first)
            level = y - 0.7 * raised
            bar = ((right, top), (left, bottom)) if is_slanted else ((left, level), (right, level))
            self.window.draw(np.array(bar, np.float64), self.pen)
            self.window.fractions.append(self._hull(start))
            self.window.fraction_digits += [symbol.box for symbol in symbols[first:]]
            del symbols[first:]
        return end

    def frame(self, first: int) -> None:
        """Frame each symbol from `first` on, or the whole number: a form's box, or a ring."""
        random, ranges, height = self.random, self.ranges.form, self.style.height
        boxes, _, _ = columns(self.window.symbols[first:])
        room = random.uniform(*ranges.frame) * height * OUTWARDS
        if len(boxes) and random.random() < ranges.whole:
            boxes = np.array([self._hull(first)])
            room[2] += ranges.spare.draw(random) * height
        is_ring = random.random() < ranges.ringed
        for box in boxes + room:
            outline = box[[[0, 1], [2, 1], [2, 3], [0, 3], [0, 1]]]
            if is_ring:
                half = (box[2:] - box[:2]) / 2
                outline = marks.ring(random, half * random.uniform(1.15, 1.5, 2)) + box[:2] + half
            pen = max(1.0, random.uniform(*ranges.line) * height)
            self.window.draw(outline, pen, printed=True)

    def _draw_cells(self, x: float, y: float, count: int) -> float:
        """Draw a form's cells from x on, some of them empty; return where they end."""
        random, ranges, height = self.random, self.ranges.form, self.style.height
        above = random.uniform(*ranges.above) * height
        below = random.uniform(*ranges.below) * height
        tick = min(ranges.ticks.draw(random) * above, above + below)
        wide = self.style.cell * height
        before, behind = random.poisson(ranges.empty_cells, 2)
        start, end = -before * wide, (count + behind) * wide
        frame = [(start, -above), (end, -above), (end, below), (start, below), (start, -above)]
        if random.random() < ranges.closed:
            self._rule([frame], x, y)
        if random.random() < ranges.divided:
            bars = wide * np.arange(1 - before, count + behind)
            self._rule([[(bar, below - tick), (bar, below)] for bar in bars.tolist()], x, y)
        return float(x + end)

    def _rule(self, lines: Sequence[Sequence[tuple[float, float]]], x: float, y: float) -> None:
        """Print lines of one width, given by points from (x, y) and turned as the page is."""
        slope = self.style.slope
        pen = max(1.0, self.random.uniform(*self.ranges.form.line) * self.style.height)
        for line in lines:
            points = np.array(line, np.float64) @ [[1, slope], [-slope, 1]]
            self.window.draw(points + (x, y + slope * x), pen, printed=True)

    def _hull(self, first: int) -> Box:
        """The smallest box around the symbols from `first` on."""
        boxes = [symbol.box for symbol in self.window.symbols[first:]]
        lefts, tops, rights, bottoms = zip(*boxes, strict=True)
        return min(lefts), min(tops), max(rights), max(bottoms)
