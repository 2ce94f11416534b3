"""Write rows of numbers and words onto a window, as one person does."""

from collections.abc import Sequence
from copy import copy

import numpy as np

from digits.inference.interface import SYMBOLS
from digits_train.camera import marks
from digits_train.camera.glyphs import Hand, bare_one, with_tail
from digits_train.camera.ink import EM, Glyph, smooth
from digits_train.camera.materials import Materials
from digits_train.camera.numbers import KINDS, random_digits
from digits_train.camera.style import Style
from digits_train.camera.window import Window
from digits_train.pixels import OUTWARDS, Random, pick
from digits_train.symbols import Box, Symbol, columns, moved

_LABELS = {character: index for index, character in enumerate(SYMBOLS)} | {",": 11}
_SIGNS = "-.,"
_TAILED = "4679"
SPACINGS = "plain", "tight", "touching", "joined"  # of the digits in a number
_TEXTS = 12  # different words on a window
# Share of a glyph's ink on other ink, beyond which it couldn't be read; of one that touches its
# neighbour; and of a word's, which would hide what is there.
_ON_INK, _ON_NEIGHBOUR, _ON_WORDS = 0.1, 0.35, 0.02


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
        self.hand = hand or materials.hand(random)
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
        text = KINDS[str(random.choice(self.kinds))](random)
        text = "".join(filter(str.isdecimal, text)) if cell else text
        end = self.write(text, x, y, str(random.choice(SPACINGS, p=ranges.layout.spacings)))
        if cell:
            end = self._draw_cells(x, y, len(text))
        if random.random() < ranges.text.struck_out and len(symbols) > first:
            self._strike_out(first)
        elif self.frames and not cell:
            self.frame(first)
        return end

    def write(self, text: str, x: float, y: float, spacing: str) -> float:
        """Write a number at x; return where it ends. spacing: one of SPACINGS."""
        random, style, start = self.random, self.style, x
        max_shared = _ON_NEIGHBOUR if spacing in ("touching", "joined") else _ON_INK
        before: Box | None = None
        right = x  # where the glyph before ends, if nothing leans
        for index, character in enumerate(text):
            large = self._glyph(character)
            if large is None:
                x += 0.5 * style.height
                continue
            glyph, upright = self._sized(large, character)
            height, width = glyph.coverage.shape
            left = x
            if style.cell:
                left = start + (index + 0.5) * style.cell * style.height - width / 2
            elif before is not None:
                left = right + self._gap(spacing, min(upright, right - before[0]))
                if character not in _SIGNS:  # two 1s need a cell of the detector's each
                    middle = (before[0] + before[2]) / 2
                    left = max(left, middle + max(5.0, 0.2 * style.height) - width / 2)
            baseline = y + random.normal(0, style.jitter) * style.height
            baseline += (style.centred and character.isdecimal()) * (height - style.height) / 2
            level = 1 - style.faint * random.uniform(0, 1)
            box = self._put(glyph, left, baseline, level, max_shared)
            if box is None:
                x, before = left + width + style.gap * style.height, None
                continue
            if spacing == "joined" and before is not None:
                self._connect(before, box)
            self._note(character, box)
            x, before, right = box[2], box, box[0] + upright
            if x > width + self.window.ink.shape[1]:  # the next ones can't be seen either
                break
        return max(x, start)

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
        """Draw a character as this hand writes it this time; None if it can't be written."""
        random, style = self.random, self.style
        if character == "1" and random.random() < style.bare:
            return bare_one(random, self.hand.pen)
        glyph = self.hand.glyph(character, random)
        if glyph is not None:
            is_long = character in _TAILED and random.random() < style.tails
            return with_tail(glyph, character, random) if is_long else glyph
        # Another hand's sign is a sign as well, unless it may be a minus or a point.
        shapes = ((text, *text.coverage.shape) for text in self.texts)
        signs = [text for text, high, wide in shapes if high > 0.6 * EM and wide < 1.2 * EM]
        if not signs or character in _LABELS:
            return None
        sign = pick(random, signs)
        return None if len(sign.doubtful) else sign

    def _sized(self, glyph: Glyph, character: str) -> tuple[Glyph, int]:
        """Scale and slant a glyph; return it, and the width that it would have upright."""
        random, style, ranges = self.random, self.style, self.ranges
        scale = style.height / EM
        if character.isdecimal():
            size = style.sizes[int(character)] * np.exp(random.normal(0, style.uneven))
            scale *= float(size)
        slant = style.slant + random.normal(0, ranges.hand.unsteady)
        wider = float(np.exp(random.normal(0, ranges.hand.widths)))
        sized = glyph.leaning(slant, style.slope).scaled(scale, wider)
        return sized, max(2, round(glyph.coverage.shape[1] * scale))

    def _gap(self, spacing: str, narrower: float) -> float:
        """The pixels between two digits. narrower: the width of the narrower one."""
        random, ranges, height = self.random, self.ranges.layout, self.style.height
        if spacing == "touching":
            return max(random.uniform(*ranges.touching) * height, -0.35 * narrower)
        if spacing == "joined":
            return random.uniform(*ranges.joined) * height
        gap = min(self.style.gap, ranges.tight) if spacing == "tight" else self.style.gap
        return gap * random.uniform(*ranges.gaps) * height

    def _connect(self, before: Box, box: Box) -> None:
        """Join two digits by a stroke, as zeros are joined, with the chance of the ranges."""
        random = self.random
        if random.random() >= self.ranges.layout.connected:
            return
        height = before[3] - before[1]
        share = random.uniform(0.02, 0.2) if random.random() < 0.6 else random.uniform(0.2, 0.9)
        inside = random.uniform(0.2, 0.5, 2)
        start = before[2] - inside[0] * (before[2] - before[0]), before[1] + share * height
        end = box[0] + inside[1] * (box[2] - box[0]), box[1] + random.uniform(0.02, 0.3) * height
        middle = np.add(start, end) / 2 + (0, random.normal(0, 0.04) * height)
        self.window.draw(smooth(np.array([start, middle, end])), self.pen)

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
            x = self.write(random_digits(random, 1, 2), x, y, "plain") + 0.1 * height
        first, small = len(symbols), copy(self)
        small.style = self.style._replace(height=random.uniform(*ranges.small) * height, cell=0.0)
        raised, is_slanted = random.uniform(*ranges.raised) * height, random.random() < 0.6
        end = small.write(random_digits(random, 1, 1), x, y - raised, "plain")
        below, lowered = (end, 0.0) if is_slanted else (x, 0.6 * small.style.height)
        end = max(end, small.write(random_digits(random, 1, 2), below, y + lowered, "plain"))
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
